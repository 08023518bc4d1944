//! A pool of connections that can be replaced as a whole.
//!
//! sqlx asks a connection that comes back whether it still lives, and waits for the answer
//! without a limit. One that falls silent at that moment never comes back, and its *place* in
//! the pool is lost with it; once all are lost, no caller gets a connection until the process is
//! restarted. Such a place cannot be told from one that is in use, but what can be seen is enough:
//! a caller gave up waiting for an answer and there is no moment at which all connections are
//! back, so some places may be lost; or no caller had a connection for longer than reads are waited
//! for, so all of them are.
//!
//! # Invariants
//! A caller that has a connection of the old pool keeps it. Only what lies idle there is closed. A
//! database that is merely slow must not be stormed: one attempt at a time, a pause after one that
//! failed, and few old pools beside the new one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::health::PoolHealth;
use super::stalled::Stalled;

mod health;

/// An old pool is looked after for so long: then all callers have given back what they had.
const RETIRE_FOR: Duration = Duration::from_secs(40);
/// How often idle connections of an old pool are closed.
const CLOSE_EVERY: Duration = Duration::from_secs(1);
/// Old pools at a time: a second black hole must not wait until the first is forgotten.
const OLD_AT_MOST: usize = 2;
/// For so long it is looked whether all connections come back, before a pool that still has some is
/// replaced.
const LOOK_FOR: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// After an attempt that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Connections. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Pool(Arc<Shared>);

struct Shared {
    connections: RwLock<DatabaseConnection>,
    /// `None` is a pool that is never replaced: no network lies before a SQLite file.
    remedy: Option<Remedy>,
    /// Nothing is opened any more.
    is_closed: AtomicBool,
}

/// What may be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    Some,
    All,
}

/// How a pool is replaced, and when.
struct Remedy {
    options: ConnectOptions,
    stalled: Stalled,
    health: Mutex<PoolHealth>,
    /// One attempt at a time.
    attempts: Arc<Semaphore>,
    /// Places for old pools.
    old: Arc<Semaphore>,
}

impl Pool {
    /// Opens what is never replaced.
    pub async fn open(options: ConnectOptions) -> Result<Self, DbErr> {
        Ok(Self::holding(Database::connect(options).await?, None))
    }

    /// Opens what is replaced when it has lost connections. No caller may hold one for longer
    /// than `patience`.
    pub async fn open_replaceable(
        options: ConnectOptions,
        stalled: Stalled,
        patience: Duration,
    ) -> Result<Self, DbErr> {
        let connections = Database::connect(options.clone()).await?;
        let remedy = Remedy {
            options,
            stalled,
            health: Mutex::new(PoolHealth::of_new(patience, Instant::now())),
            attempts: Arc::new(Semaphore::new(1)),
            old: Arc::new(Semaphore::new(OLD_AT_MOST)),
        };
        Ok(Self::holding(connections, Some(remedy)))
    }

    fn holding(connections: DatabaseConnection, remedy: Option<Remedy>) -> Self {
        Self(Arc::new(Shared {
            connections: RwLock::new(connections),
            remedy,
            is_closed: AtomicBool::new(false),
        }))
    }

    /// The connections as they are now.
    pub fn connections(&self) -> DatabaseConnection {
        let connections = self.0.connections.read();
        connections.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a transaction.
    pub async fn begin(&self, options: TransactionOptions) -> Result<DatabaseTransaction, DbErr> {
        self.watch(self.connections().begin_with_options(options).await)
    }

    /// Asks whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.watch(self.connections().ping().await)
    }

    /// Closes it after what is under way.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.0.is_closed.store(true, Ordering::SeqCst);
        self.connections().close_by_ref().await
    }

    /// Sees in passing whether there was a connection.
    fn watch<T>(&self, asked: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Some(remedy) = &self.0.remedy
            && let Some(lost) = remedy.learn(asked.as_ref().err())
        {
            self.replace(remedy, lost);
        }
        asked
    }

    /// Opens another in its stead, as soon as the database lets us. Runs on the runtime of
    /// the caller, which is the store's.
    fn replace(&self, remedy: &Remedy, lost: Lost) {
        let Ok(attempt) = remedy.attempts.clone().try_acquire_owned() else {
            return;
        };
        let (pool, options, old) = (self.clone(), remedy.options.clone(), remedy.old.clone());
        tokio::spawn(async move {
            let _attempt = attempt;
            if lost == Lost::Some && all_come_back(&pool.connections()).await {
                return pool.found_whole();
            }
            let Ok(place) = old.acquire_owned().await else {
                return;
            };
            match Database::connect(options).await {
                Ok(opened) => {
                    let replaced = pool.take_over(opened).await;
                    tokio::spawn(async move {
                        retire(replaced).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(%error, "the database gives no new connections in place of those that nobody gets");
                    sleep(AGAIN_AFTER).await;
                }
            }
        });
    }

    /// Goes on with what was opened; what was there before.
    async fn take_over(&self, opened: DatabaseConnection) -> DatabaseConnection {
        self.found_whole();
        info!("connections to the database were lost; all are replaced");
        let replaced = {
            let connections = self.0.connections.write();
            let mut connections = connections.unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *connections, opened)
        };
        if self.0.is_closed.load(Ordering::SeqCst) {
            // The old connections were closed meanwhile.
            drop(self.connections().close_by_ref().await);
        }
        replaced
    }

    fn found_whole(&self) {
        if let Some(remedy) = &self.0.remedy {
            remedy.health().found_whole(Instant::now());
        }
    }
}

impl Remedy {
    fn health(&self) -> MutexGuard<'_, PoolHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a caller's error, or none, says about the pool's places.
    fn learn(&self, error: Option<&DbErr>) -> Option<Lost> {
        let gave_up_at = self.stalled.gave_up_at();
        match error {
            None => self.health().had_one(gave_up_at).then_some(Lost::Some),
            Some(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) => {
                let is_so = self.health().had_none(Instant::now());
                is_so.then_some(Lost::All)
            }
            // Closed by us, or there is no database.
            Some(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => None,
            // A caller that the database refused had a connection.
            Some(_) => {
                self.health().had_one(None);
                None
            }
        }
    }
}

/// Whether there is a moment at which no connection is in use: then no place is lost.
async fn all_come_back(connections: &DatabaseConnection) -> bool {
    let pool = connections.get_postgres_connection_pool();
    let all_idle = async {
        while pool.num_idle() < usize::try_from(pool.size()).unwrap_or(usize::MAX) {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(LOOK_FOR, all_idle).await.is_ok()
}

/// Closes what comes back to an old pool. To close the pool itself would be to wait for what
/// never comes back.
async fn retire(old: DatabaseConnection) {
    let retiring = async {
        loop {
            while let Some(idle) = old.get_postgres_connection_pool().try_acquire() {
                // One that is dead cannot say so.
                drop(idle.close().await);
            }
            sleep(CLOSE_EVERY).await;
        }
    };
    let _: Result<(), _> = timeout(RETIRE_FOR, retiring).await;
}

#[async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.connections().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.watch(self.connections().execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.watch(self.connections().execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.watch(self.connections().query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.watch(self.connections().query_all_raw(statement).await)
    }
}

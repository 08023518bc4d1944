//! A pool of connections that can be replaced as a whole.
//!
//! When a connection comes back, sqlx tests it with a ping, and waits for the answer without a limit.
//! If the connection falls silent at that moment, it never comes back, and its *place* in the pool is
//! lost with it. Once all places are lost, no caller gets a connection until the process is
//! restarted. A lost place looks like one that is in use. So a pool is suspected when a task gave up
//! waiting for an answer, or when no caller had a connection for longer than a caller may hold one.
//! A suspected pool is watched for some seconds; it is replaced if there is no moment at which all
//! of its connections are back.
//!
//! # Invariants
//! A caller that has a connection of the old pool keeps it. A database that is merely slow must not be
//! flooded with connections: one attempt to replace it at a time, and a pause after each that connected
//! or failed.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, Database, DatabaseConnection,
    DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::runtime::Stalled;
use health::Health;

mod health;

/// How long a suspected pool is watched.
const LOOK_FOR: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a caller waits for a connection; then it gets `StoreError::Unavailable`.
pub(in crate::store) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two attempts to replace a pool, and the limit for closing the old one.
const PAUSE: Duration = Duration::from_secs(5);

/// Connections. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Pool(Arc<Shared>);

struct Shared {
    connections: watch::Sender<DatabaseConnection>,
    /// `None`: the pool is never replaced, because a SQLite file is reached without a network.
    replacement: Option<Replacement>,
}

/// How a pool is replaced, and when.
struct Replacement {
    options: ConnectOptions,
    stalled: Stalled,
    health: Mutex<Health>,
    /// One attempt at a time.
    attempts: Arc<Semaphore>,
}

impl Pool {
    /// Opens a pool. `replaceable` is the record of tasks that gave up, and how long a caller may
    /// hold a connection; with it, the pool is replaced when it has lost connections.
    pub async fn open(
        options: ConnectOptions,
        replaceable: Option<(Stalled, Duration)>,
    ) -> Result<Self, DbErr> {
        let connections = watch::Sender::new(Database::connect(options.clone()).await?);
        let replacement = replaceable.map(|(stalled, held_for)| Replacement {
            options,
            stalled,
            health: Mutex::new(Health::new(held_for, Instant::now())),
            attempts: Arc::new(Semaphore::new(1)),
        });
        Ok(Self(Arc::new(Shared {
            connections,
            replacement,
        })))
    }

    /// The connections as they are now.
    pub fn connections(&self) -> DatabaseConnection {
        self.0.connections.borrow().clone()
    }

    /// Begins a transaction. On SQLite it takes the write lock at once: a deferred transaction fails
    /// at its first write with "database is locked", busy time-out or not.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let at_once = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.observe(self.connections().begin_with_options(at_once).await)
    }

    /// Closes the pool once all of its connections are back.
    pub async fn close(&self) -> Result<(), DbErr> {
        if self.0.replacement.is_some() {
            // Marks it as closed under the lock of `exchange`; the end is awaited below.
            self.0.connections.send_if_modified(|current| {
                drop(current.get_postgres_connection_pool().close());
                false
            });
        }
        self.connections().close_by_ref().await
    }

    /// Learns from a result whether there was a connection.
    fn observe<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Some(replacement) = &self.0.replacement
            && replacement.is_suspect_after(result.as_ref().err())
        {
            self.replace(replacement);
        }
        result
    }

    /// Opens another pool in place of this one, if connections were lost. Runs on the runtime of
    /// the caller, which is the store's.
    fn replace(&self, replacement: &Replacement) {
        let Ok(attempt) = replacement.attempts.clone().try_acquire_owned() else {
            return;
        };
        let (pool, options) = (self.clone(), replacement.options.clone());
        tokio::spawn(async move {
            let _attempt = attempt;
            if all_come_back(&pool.connections()).await {
                return pool.found_whole();
            }
            match Database::connect(options).await {
                Ok(mut opened) => {
                    if pool.exchange(&mut opened) {
                        pool.found_whole();
                        info!("connections to the database were lost; all are replaced");
                    }
                    retire(opened).await;
                }
                Err(error) => warn!(%error, "cannot replace lost connections to the database"),
            }
            sleep(PAUSE).await;
        });
    }

    /// Exchanges the connections for these, unless the pool was closed meanwhile.
    fn exchange(&self, opened: &mut DatabaseConnection) -> bool {
        self.0.connections.send_if_modified(|current| {
            let is_open = !current.get_postgres_connection_pool().is_closed();
            if is_open {
                mem::swap(current, opened);
            }
            is_open
        })
    }

    fn found_whole(&self) {
        if let Some(replacement) = &self.0.replacement {
            replacement.health().found_whole(Instant::now());
        }
    }
}

impl Replacement {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the pool may have lost places, after this error of a caller or none.
    fn is_suspect_after(&self, error: Option<&DbErr>) -> bool {
        match error {
            None => self.health().got_connection(self.stalled.gave_up_at()),
            Some(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) => {
                self.health().got_none(Instant::now())
            }
            // Closed by us, or there is no database.
            Some(DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => false,
            // The database refused something, so there was a connection.
            Some(_) => {
                self.health().got_connection(None);
                false
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

/// Closes the idle connections of a pool that is not used any more, then the others as they come back.
/// Lost ones never do.
async fn retire(old: DatabaseConnection) {
    let retiring = async {
        while let Some(idle) = old.get_postgres_connection_pool().try_acquire() {
            // A dead one cannot be closed cleanly.
            drop(idle.close().await);
        }
        // A caller that already waits for one of the others may still get it.
        sleep(ACQUIRE_TIMEOUT).await;
        drop(old.close_by_ref().await);
    };
    drop(timeout(ACQUIRE_TIMEOUT + PAUSE, retiring).await);
}

/// Rolls back a transaction that failed, so that its connection goes back clean.
pub(in crate::store) async fn roll_back(txn: DatabaseTransaction) {
    if let Err(error) = txn.rollback().await {
        // sqlx pings every connection that comes back, and closes it if that fails.
        warn!(%error, "rollback failed");
    }
}

#[async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.connections().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.observe(self.connections().execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.observe(self.connections().execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.observe(self.connections().query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.observe(self.connections().query_all_raw(statement).await)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Database;

    use crate::store::engine::tests::migrated;

    #[tokio::test]
    async fn a_pool_that_was_closed_while_it_was_replaced_stays_closed() {
        let database = migrated::on_postgres().await;
        let store = migrated::open(database.clone()).await;
        let pool = store.inner.pools.reader.clone();
        let mut opened = Database::connect(database).await.unwrap();

        assert!(pool.exchange(&mut opened));
        pool.close().await.unwrap();

        let mut late = opened.clone();
        assert!(!pool.exchange(&mut late));
        let connections = pool.connections();
        assert!(connections.get_postgres_connection_pool().is_closed());
    }
}

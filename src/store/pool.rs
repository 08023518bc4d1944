//! A pool of connections that can be replaced as a whole.
//!
//! sqlx asks a connection that comes back whether it still lives, and waits for the answer
//! without a limit. One that falls silent at that moment never comes back, and its *place* in
//! the pool is lost with it; once all are lost, nobody gets a connection until the process is
//! restarted. Nobody can look into such a pool, but what can be seen is enough: somebody
//! gave up waiting for an answer, so some places may be lost; or nobody had a connection
//! for longer than anybody may hold one, so all of them are.
//!
//! The rule that must not be broken: whoever has a connection of the old pool keeps it. Only
//! what lies idle there is closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, ExecResult, QueryResult, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use super::wedged::Wedged;

/// An old pool is looked after for so long: then everybody has given back what they had.
const RETIRE_FOR: Duration = Duration::from_secs(40);
/// How often idle connections of an old pool are closed.
const CLOSE_EVERY: Duration = Duration::from_secs(1);

/// Connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    connections: RwLock<DatabaseConnection>,
    /// `None` is a pool that is never replaced: no network lies before a SQLite file.
    remedy: Option<Remedy>,
}

/// How a pool is replaced, and when.
struct Remedy {
    options: ConnectOptions,
    wedged: Wedged,
    standing: Mutex<Standing>,
    /// One new pool at a time, until the old one has retired.
    replacing: Arc<Semaphore>,
}

/// What is known of a pool's places.
struct Standing {
    opened_at: Instant,
    /// Since when nobody has had a connection, of those who asked.
    in_vain_since: Option<Instant>,
    /// Longer than anybody may hold a connection.
    patience: Duration,
}

impl Standing {
    fn of_new(patience: Duration, now: Instant) -> Self {
        Self {
            opened_at: now,
            in_vain_since: None,
            patience,
        }
    }

    /// Somebody had a connection; whether places may be lost all the same.
    fn had_one(&mut self, gave_up_at: Option<Instant>) -> bool {
        self.in_vain_since = None;
        gave_up_at.is_some_and(|at| at > self.opened_at)
    }

    /// Somebody had none; whether all places are lost.
    fn had_none(&mut self, now: Instant) -> bool {
        let since = *self.in_vain_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.patience
    }
}

impl Pool {
    /// Opens what is never replaced.
    pub async fn open(options: ConnectOptions) -> Result<Self, DbErr> {
        Self::holding(Database::connect(options).await?, None)
    }

    /// Opens what is replaced when it has lost connections. Nobody may hold one for longer
    /// than `patience`.
    pub async fn open_replaceable(
        options: ConnectOptions,
        wedged: Wedged,
        patience: Duration,
    ) -> Result<Self, DbErr> {
        let connections = Database::connect(options.clone()).await?;
        let remedy = Remedy {
            options,
            wedged,
            standing: Mutex::new(Standing::of_new(patience, Instant::now())),
            replacing: Arc::new(Semaphore::new(1)),
        };
        Self::holding(connections, Some(remedy))
    }

    fn holding(connections: DatabaseConnection, remedy: Option<Remedy>) -> Result<Self, DbErr> {
        let shared = Shared {
            connections: RwLock::new(connections),
            remedy,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The connections as they are now.
    pub fn connections(&self) -> DatabaseConnection {
        let connections = self.shared.connections.read();
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
        self.connections().close_by_ref().await
    }

    /// Sees in passing whether there was a connection.
    fn watch<T>(&self, asked: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Some(remedy) = &self.shared.remedy {
            let may_be_lost = match &asked {
                Ok(_) => remedy.standing().had_one(remedy.wedged.gave_up_at()),
                Err(DbErr::ConnectionAcquire(_)) => remedy.standing().had_none(Instant::now()),
                Err(_) => false,
            };
            if may_be_lost {
                self.replace(remedy);
            }
        }
        asked
    }

    /// Opens another in its stead, as soon as the database lets us. Runs on the runtime of
    /// whoever asked, which is the store's.
    fn replace(&self, remedy: &Remedy) {
        let Ok(replacing) = remedy.replacing.clone().try_acquire_owned() else {
            return;
        };
        let (pool, options) = (self.clone(), remedy.options.clone());
        tokio::spawn(async move {
            match Database::connect(options).await {
                Ok(opened) => retire(pool.take_over(opened)).await,
                Err(error) => debug!(%error, "connections cannot be replaced yet"),
            }
            drop(replacing);
        });
    }

    /// Goes on with what was opened; what was there before.
    fn take_over(&self, opened: DatabaseConnection) -> DatabaseConnection {
        if let Some(remedy) = &self.shared.remedy {
            let mut standing = remedy.standing();
            *standing = Standing::of_new(standing.patience, Instant::now());
        }
        info!("connections to the database were lost; all are replaced");
        let connections = self.shared.connections.write();
        let mut connections = connections.unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *connections, opened)
    }
}

impl Remedy {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Moments a second apart.
    fn moments() -> impl Fn(u64) -> Instant {
        let began = Instant::now();
        move |secs| began + Duration::from_secs(secs)
    }

    #[test]
    fn a_pool_of_which_nobody_had_a_connection_for_long_is_replaced() {
        let at = moments();
        let mut standing = Standing::of_new(PATIENCE, at(0));

        assert!(!standing.had_none(at(5)));
        assert!(!standing.had_none(at(14)));
        assert!(standing.had_none(at(15)));
    }

    #[test]
    fn a_pool_of_which_somebody_had_a_connection_is_only_busy() {
        let at = moments();
        let mut standing = Standing::of_new(PATIENCE, at(0));
        standing.had_none(at(5));

        assert!(!standing.had_one(None));

        assert!(!standing.had_none(at(16)));
        assert!(!standing.had_none(at(25)));
        assert!(standing.had_none(at(26)));
    }

    #[test]
    fn a_pool_that_has_connections_again_is_replaced_if_somebody_gave_up_since_it_was_opened() {
        let at = moments();
        let mut standing = Standing::of_new(PATIENCE, at(3));

        assert!(!standing.had_one(Some(at(2))));
        assert!(standing.had_one(Some(at(4))));
    }
}

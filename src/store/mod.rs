//! Rows and transactions: the only module that knows sea-orm.
//!
//! Nouns: a [`Change`] is what one message writes, in one transaction (`change.rs`); a
//! [`DeliveryRecord`] is a line of the journal; [`StoreError`] says whether trying again
//! helps.
//!
//! The rule that must not be broken: all database work runs on the runtime that the store
//! owns, as a task that its caller only awaits. A caller that vanishes or times out cancels
//! nothing, and no connection ever belongs to a runtime that ends (sqlx issue 4385).

use std::fs::File;
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::config::DatabaseConfig;
use crate::domain::secret::Secret;
use crate::failpoint::{Failpoints, Point};
use crate::supervisor::Supervisor;

mod audit;
mod audit_log;
mod batches;
mod change;
mod clock;
mod closing;
mod connect;
mod credentials;
mod dead_letters;
mod deliveries;
mod disconnects;
mod ended_sessions;
mod erasure;
mod error;
mod events;
mod files;
mod gateway_calls;
mod journal;
mod lease;
#[cfg(test)]
mod migrated;
mod notices;
mod operators;
mod outbox;
mod outbox_hold;
mod overview;
mod packages;
mod paid_already;
mod payments;
mod place;
#[cfg(test)]
mod plans;
mod pool;
mod price_list;
mod proofs;
mod radius_sessions;
mod radius_users;
mod reader;
mod receipts;
mod reconcile;
mod replacement;
mod reports;
mod retention;
mod reveals;
mod routers;
mod rows;
mod runtime;
mod sale;
mod sandbox;
mod search;
mod sessions;
mod timeline;
mod transaction;
mod twins;
mod vitals;
mod vouchers;
mod wedged;
mod writer;

use notices::Hearing;
use pool::Pool;
use reader::Reader;
use runtime::{DatabaseRuntime, Underway};
use wedged::Wedged;
use writer::{Pools, Writer};

pub use audit::{Booked, JournalLine};
pub use audit_log::{AuditEntry, AuditLine};
pub use batches::{Batch, NewBatch, PrintedVoucher};
pub use change::Change;
pub use clock::Clock;
pub use connect::{SQLITE_CACHE_KIB, SQLITE_LOG_PAGES};
pub use credentials::{Fingerprint, fresh_token};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use deliveries::DeliveryRecord;
pub use disconnects::QueuedDisconnect;
pub use erasure::{Erased, Erasure};
pub use error::StoreError;
pub use files::exposed;
pub use gateway_calls::GatewayCall;
pub use journal::{JournalRow, JournalSearch};
pub use notices::Heard;
pub use operators::KnownOperator;
pub use outbox::{Attempt, QueuedSms, SentSms};
pub use outbox_hold::Dropped;
pub use overview::Overview;
pub use paid_already::Remedy;
pub use place::{NewOrder, Placed};
pub use price_list::{ListedPackage, Listing, NewPackage};
pub use proofs::{NOT_LET_IN, NOT_TESTED, Refusals, SoldVoucher, TESTED};
pub use receipts::{Arrival, AwaitedReceipt};
pub use reconcile::DueOrder;
pub use reports::{DailyReport, DaySales, Listed, OrderLine, Orphan, PackageSales, Total};
pub use retention::OldDelivery;
pub use reveals::Reveal;
pub use sandbox::{SandboxPayment, SandboxWebhook};
pub use search::{OrderSearch, Page};
pub use sessions::{FoundSession, LogIn, LoggedIn, NewSession};
pub use vouchers::{Issued, KnownVoucher};

pub use vitals::Vitals;

/// The books. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Dropped first: with the store its tasks may end.
    _tasks: DropGuard,
    runtime: DatabaseRuntime,
    /// SQLite: the one connection that writes. PostgreSQL: those that write.
    writer: Pool,
    /// Connections that only read, in a pool of their own.
    reader: Pool,
    /// Where changes of orders are written.
    write_path: Writer,
    /// Reads orders over `reader`.
    orders: Reader,
    /// PostgreSQL: one connection for notices, beside the sales.
    side: Option<Pool>,
    /// For the connection that listens.
    url: Secret,
    clock: Clock,
    failpoints: Failpoints,
    supervisor: Supervisor,
    /// Whether other processes are heard.
    hearing: Hearing,
    /// Keeps a second server off the same SQLite file.
    _only_server: Option<File>,
}

impl Store {
    /// Opens the books for a server, which supervises the store's tasks. On SQLite a second
    /// server on the same file is refused.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached,
    /// [`StoreError::InUse`] when another server has the SQLite file.
    pub async fn open(
        config: &DatabaseConfig,
        supervisor: &Supervisor,
    ) -> Result<Self, StoreError> {
        let only_server = connect::claim_file(config.url.expose())?;
        let store = Self::connect(config, supervisor.clone(), only_server).await?;
        if let Some(open) = files::exposed(config) {
            warn!("the database's file is {open}");
        }
        Ok(store)
    }

    /// Opens the books beside a running server, to look at them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn open_beside(config: &DatabaseConfig) -> Result<Self, StoreError> {
        Self::connect(config, Supervisor::new(), None).await
    }

    async fn connect(
        config: &DatabaseConfig,
        supervisor: Supervisor,
        only_server: Option<File>,
    ) -> Result<Self, StoreError> {
        files::prepare(config)?;
        let (url, wedged) = (config.url.clone(), Wedged::new());
        let runtime = DatabaseRuntime::start(wedged.clone())?;
        let names = || (url.clone(), wedged.clone());
        let (to, its_wedged) = names();
        let writer = async move { connect::writer(to.expose(), &its_wedged).await };
        let writer = runtime.open(writer).await?;
        let (to, its_wedged) = names();
        let lanes = async move { connect::lanes(to.expose(), &its_wedged).await };
        let lanes = runtime.open(lanes).await?.unwrap_or_else(|| writer.clone());
        let (to, its_wedged) = names();
        let reader = async move { connect::reader(to.expose(), &its_wedged).await };
        let reader = runtime.open(reader).await?;
        let (to, its_wedged) = names();
        let side = async move { connect::side(to.expose(), &its_wedged).await };
        let side = runtime.open(side).await?;

        let end = CancellationToken::new();
        let tasks = supervisor.within(end.clone());
        let failpoints = Failpoints::from_environment();
        let pools = Pools {
            lanes,
            singles: writer.clone(),
        };
        let handle = runtime.handle();
        let write_path = Writer::start(pools, handle, wedged.clone(), failpoints.clone(), &tasks);
        let orders = Reader::open(&reader, handle, &wedged, &tasks);
        let inner = Inner {
            _tasks: end.drop_guard(),
            runtime,
            writer,
            reader,
            write_path,
            orders,
            side,
            url,
            clock: Clock::default(),
            failpoints,
            supervisor,
            hearing: Hearing::default(),
            _only_server: only_server,
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        // Learns by how much the clocks differ before anything is stored.
        store.now().await?;
        files::admit_group(config)?;
        Ok(store)
    }

    /// Runs what writes on the store's own runtime, to its end, whatever becomes of the
    /// caller. A panic comes back as an error.
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        self.inner.runtime.write(work)
    }

    /// Runs what only reads.
    fn read<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        self.inner.runtime.read(work)
    }

    fn backend(&self) -> DbBackend {
        self.inner.writer.get_database_backend()
    }

    /// The database's clock, by which processes share leases and due times. On SQLite that
    /// is this machine's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let now = match store.backend() {
                DbBackend::Postgres => {
                    let ask = Statement::from_string(
                        DbBackend::Postgres,
                        "SELECT clock_timestamp() AS now",
                    );
                    let row = store.inner.reader.query_one_raw(ask).await?;
                    row.map(|row| row.try_get::<DateTime<Utc>>("", "now"))
                        .transpose()?
                }
                _ => None,
            };
            if let Some(now) = now {
                store.inner.clock.learn(now);
            }
            Ok(now.unwrap_or_else(Utc::now).trunc_subsecs(3))
        })
        .await
    }

    /// The same clock as far as it is known, without asking.
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Where a test has a sale fail.
    pub fn failpoints(&self) -> &Failpoints {
        &self.inner.failpoints
    }

    /// Somebody comes past a point after the commit was sent.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`], if a test wants one here.
    pub fn reach_knowing_no_end(&self, point: Point) -> Result<(), StoreError> {
        let reached = self.inner.failpoints.reach(point);
        reached.map_err(|wanted| StoreError::CommitUnknown(DbErr::Custom(wanted.to_string())))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let store = self.clone();
        self.read(async move { Ok(store.inner.reader.ping().await?) })
            .await
    }
}

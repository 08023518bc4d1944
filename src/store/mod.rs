//! Rows and transactions: the only module that knows sea-orm.
//!
//! Nouns: a [`Change`] is what one message writes, in one transaction (`orders/commit.rs`); a
//! [`DeliveryRecord`] is a line of the journal; [`StoreError`] says whether trying again helps.
//!
//! There are four ways to the database. [`Store::commit`] writes a change of an order,
//! `Store::transaction` whatever else belongs together, `Store::execute` one statement, and
//! `Store::db` reads.
//!
//! # Invariants
//! All database work runs on the runtime that the store owns, as a task that its caller only awaits.
//! A caller that vanishes or times out cancels nothing, and no connection ever belongs to a runtime
//! that ends (sqlx issue 4385).

use std::fs::File;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use futures_util::future::{OptionFuture, join4};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::config::DatabaseConfig;
use crate::domain::people::secret::Secret;
use crate::failpoint::{Failpoints, Point};
use crate::supervisor::Supervisor;

mod clock;
mod cluster;
mod columns;
mod engine;
mod error;
mod journal;
mod operators;
mod orders;
mod outbox;
mod price_list;
mod privacy;
mod radius;
mod reports;
mod rows;
mod sandbox;
mod vouchers;

use cluster::ListenerState;
use engine::connect::Pools;
use engine::pool::Pool;
use engine::reader::Reader;
use engine::runtime::{DatabaseRuntime, Underway};
use engine::sql;
use engine::stalled::Stalled;
use engine::writer::Writer;

pub use clock::Clock;
pub use cluster::PeerEvent;
pub use engine::connect::{SQLITE_CACHE_KIB, SQLITE_LOG_PAGES};
pub use engine::files::exposed;
pub use error::StoreError;
pub use journal::{DeliveryRecord, GatewayCall, JournalRow, JournalSearch, OldDelivery};
pub use operators::audit_log::{AuditEntry, AuditLine};
pub use operators::sessions::{FoundSession, LogIn, LoggedIn, NewSession};
pub use operators::tokens::{Fingerprint, KnownOperator, fresh_token};
pub use orders::audit::{JournalLine, OrderRows};
pub use orders::commit::Change;
pub use orders::create::{NewOrder, Placed};
pub use orders::due::DueOrder;
pub use orders::search::{OrderSearch, Page};
pub use outbox::disconnects::{DisconnectAttempt, QueuedDisconnect};
pub use outbox::receipts::{Arrival, AwaitedReceipt};
pub use outbox::sms::{Attempt, QueuedSms, SentSms};
pub use outbox::{DeadLetter, DeadLetters, Dropped};
pub use price_list::{ListedPackage, Listing, NewPackage};
pub use privacy::{Erased, Erasure};
pub use radius::users::{NOT_LET_IN, NOT_TESTED, Refusals, SoldVoucher, TESTED};
pub use reports::overview::{DependencyHealth, Overview};
pub use reports::{DailyReport, DaySales, Listed, OrderLine, Orphan, PackageSales, Total};
pub use sandbox::{NEVER_DUE, SandboxPayment, SandboxWebhook};
pub use vouchers::{Batch, Issued, KnownVoucher, NewBatch, PrintedVoucher};

/// For what is under way when the pools are closed. Sales were waited for already.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The database. Cheap to clone.
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
    hearing: ListenerState,
    /// Keeps a second server off the same SQLite file.
    _only_server: Option<File>,
}

impl Store {
    /// Opens the database for a server, which supervises the store's tasks. On SQLite a second
    /// server on the same file is refused.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached,
    /// [`StoreError::InUse`] when another server has the SQLite file.
    pub async fn open(
        config: &DatabaseConfig,
        supervisor: &Supervisor,
    ) -> Result<Self, StoreError> {
        let only_server = engine::connect::claim_file(config.url.expose())?;
        let store = Self::connect(config, supervisor.clone(), only_server).await?;
        if let Some(open) = engine::files::exposed(config) {
            warn!("the database's file is {open}");
        }
        Ok(store)
    }

    /// Opens the database beside a running server, to look at it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_beside(config: &DatabaseConfig) -> Result<Self, StoreError> {
        Self::connect(config, Supervisor::new(), None).await
    }

    async fn connect(
        config: &DatabaseConfig,
        supervisor: Supervisor,
        only_server: Option<File>,
    ) -> Result<Self, StoreError> {
        engine::files::prepare(config)?;
        let (url, stalled) = (config.url.clone(), Stalled::new());
        let runtime = DatabaseRuntime::start(stalled.clone())?;
        let (to, its_stalled) = (url.clone(), stalled.clone());
        let pools = runtime
            .open(async move { Pools::open(to.expose(), &its_stalled).await })
            .await?;

        let end = CancellationToken::new();
        let tasks = supervisor.within(end.clone());
        let failpoints = Failpoints::from_environment();
        let handle = runtime.handle();
        let orders = Reader::open(&pools.reader, handle, &stalled, &tasks);
        let write_path = Writer::start(&pools, handle, stalled, failpoints.clone(), &tasks);
        let inner = Inner {
            _tasks: end.drop_guard(),
            runtime,
            writer: pools.writer,
            reader: pools.reader,
            write_path,
            orders,
            side: pools.side,
            url,
            clock: Clock::default(),
            failpoints,
            supervisor,
            hearing: ListenerState::default(),
            _only_server: only_server,
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        // Learns by how much the clocks differ before anything is stored.
        store.now().await?;
        engine::files::admit_group(config)?;
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
    /// [`StoreError::Unavailable`].
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        if self.backend() == DbBackend::Postgres {
            let now = sql::tuple(&self.db(), "SELECT clock_timestamp()", []).await?;
            if let Some(now) = now {
                self.inner.clock.learn(now);
                return Ok(now.trunc_subsecs(3));
            }
        }
        Ok(self.clock().now())
    }

    /// The same clock as far as it is known, without asking.
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Where a test has a sale fail.
    pub fn failpoints(&self) -> &Failpoints {
        &self.inner.failpoints
    }

    /// Reaches a point after the commit was sent.
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
        let reader = self.inner.reader.clone();
        self.read(async move { Ok(reader.ping().await?) }).await
    }

    /// Closes the pools after what is under way, or without it if that takes too long. Then
    /// no caller was told that it is committed.
    pub async fn close(&self) {
        let store = self.clone();
        let closed = self
            .run(async move {
                let Inner { writer, reader, .. } = &*store.inner;
                let lanes = store.inner.write_path.close();
                let side = OptionFuture::from(store.inner.side.as_ref().map(|it| it.close()));
                // All at once: none waits for another whose server has fallen silent.
                let closing = join4(reader.close(), side, writer.close(), lanes);
                let all = async {
                    let (reader, side, writer, lanes) = closing.await;
                    reader.and(side.unwrap_or(Ok(()))).and(writer).and(lanes)
                };
                match timeout(CLOSE_WITHIN, all).await {
                    Ok(closed) => Ok(closed?),
                    Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
                }
            })
            .await;
        if let Err(error) = closed {
            warn!(%error, "the database pools did not close cleanly");
        }
    }
}

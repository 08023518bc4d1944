//! Rows and transactions: the only module that knows sea-orm.
//!
//! Nouns: a [`Change`] is what one message writes, in one transaction (`orders/commit.rs`); a
//! [`DeliveryRecord`] is a line of the journal; [`StoreError`] says whether trying again helps.
//!
//! There are five ways to write. [`Store::commit`] writes a change of an order, `Store::insert` new
//! rows alone, `Store::transaction` other rows that belong together, `Store::share` the same for
//! short and frequent work, and `Store::execute` one statement. There are two ways to read:
//! [`Store::load`] reads an order by its id, and `Store::db` reads everything else.
//!
//! # Invariants
//! All database work runs on the runtime that the store owns, as a task that its caller only awaits.
//! A caller that leaves or times out cancels nothing, and no connection ever belongs to a runtime
//! that ends (sqlx issue 4385).

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::config::{DatabaseConfig, Mode};
use crate::domain::people::Secret;
use crate::failpoint::{Failpoints, Point};
use crate::supervisor::Supervisor;

mod access;
mod adoption;
mod catalog;
mod cluster;
mod doctor;
mod engine;
mod error;
mod journal;
mod mentions;
mod modes;
mod operators;
mod orders;
mod outbox;
mod privacy;
mod radius;
mod reports;
mod rows;
mod sandbox;

use engine::connect::Pools;
use engine::pool::Pool;
use engine::reader::Reader;
use engine::runtime::DatabaseRuntime;
use engine::writer::Writer;
use engine::{files, sql};
use error::Result;

pub use adoption::Adopted;
pub use catalog::batches::{BatchCounts, Card, NewBatch, RevokedBatch};
pub use catalog::price_list::{ListedPackage, ListingChange, NewPackage};
pub use catalog::vouchers::{Batch, KnownVoucher, Sold, VoucherRef, VoucherRow};
pub use cluster::PeerEvent;
pub use doctor::SeenCall;
pub use engine::clock::{Clock, ClockDoubt};
pub use engine::connect::{SQLITE_CACHE_KIB, SQLITE_LOG_PAGES};
pub use engine::files::exposed;
pub use engine::health::NotWritable;
pub use error::StoreError;
pub use journal::{DeliveryRecord, DeliveryWithBody, GatewayCall, JournalRow, JournalSearch};
pub use operators::attempts::Subject;
pub use operators::audit_log::{AuditEntry, AuditLine};
pub use operators::hashing::{Hashing, PasswordHash, TooMany};
pub use operators::opening::{Browser, NewSession};
pub use operators::passwords::{CountedTry, NewPassword};
pub use operators::people::KnownOperator;
pub use operators::second_factor::{FactorChange, SecondFactor};
pub use operators::sessions::{FoundSession, LogIn, LogInResult, SessionRow};
pub use operators::tokens::{Fingerprint, NamedToken, fresh_token};
pub use orders::audit::{JournalLine, OrderRows};
pub use orders::commit::Change;
pub use orders::create::{NewOrder, Placed};
pub use orders::search::{OrderSearch, Page};
pub use outbox::disconnects::{QueuedDisconnect, REFUSED, Repetition, Share};
pub use outbox::sms::{Arrival, Attempt, ClaimedSms, SentSms};
pub use outbox::{Dropped, FailedAttempt, FailedMessage, FailedMessages};
pub use privacy::{Erased, Erasure};
pub use radius::online::OnlineSession;
pub use radius::trusted::TrustedSession;
pub use radius::users::{
    NOT_TESTED, REJECTED, REJECTION, Refusals, RefusedFor, SoldVoucher, TESTED,
};
pub use reports::overview::{DependencyHealth, Overview};
pub use reports::{DailyReport, DaySales, Listed, OrderLine, Orphan, PackageSales, Total};
pub use sandbox::{NEVER_DUE, PUSH_REFUSED, SandboxPayment, SandboxWebhook};

/// How long a stop waits for database work under way. Sales were waited for already.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Since when no connection listens; `None` while one does.
type ListenerState = watch::Sender<Option<DateTime<Utc>>>;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Dropped first: the tasks of the store end with it.
    _tasks: DropGuard,
    runtime: DatabaseRuntime,
    pools: Pools,
    /// Writes changes of orders, new rows, and on SQLite shared work.
    write_path: Writer,
    /// Reads orders by their ids.
    orders: Reader,
    /// For the connection that listens to other processes.
    url: Secret,
    listener: ListenerState,
    clock: Clock,
    failpoints: Failpoints,
    supervisor: Supervisor,
    /// For tasks that end when the store is closed.
    while_open: Supervisor,
    /// Unset in a tool.
    mode: OnceLock<Mode>,
    /// Keeps a second server off the same SQLite file.
    _only_server: Option<files::Claim>,
}

impl Store {
    /// Opens the database for a server, which supervises the store's tasks. On SQLite a second
    /// server on the same file is refused.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the database cannot be reached or used, or another server has the
    /// SQLite file.
    pub async fn open(config: &DatabaseConfig, supervisor: &Supervisor) -> Result<Self> {
        files::prepare(config)?;
        let only_server = files::claim(config)?;
        let store = Self::connect(config, supervisor.clone(), only_server).await?;
        if let Some(open) = exposed(config) {
            warn!("the database's file is {open}");
        }
        Ok(store)
    }

    /// Opens the database beside a running server, for a tool.
    ///
    /// # Errors
    /// [`StoreError::Unusable`], [`StoreError::Unavailable`].
    pub async fn open_beside(config: &DatabaseConfig) -> Result<Self> {
        Self::connect(config, Supervisor::default(), None).await
    }

    /// The same for a tool that only reads: it makes no file, so that a mistake in the configuration is
    /// no empty database.
    ///
    /// # Errors
    /// As `open_beside`.
    pub async fn open_existing(config: &DatabaseConfig) -> Result<Self> {
        if let Some(file) = files::missing(config) {
            let file = file.display();
            let why = format!("{file} does not exist; the server makes it at its first start");
            return Err(StoreError::Unusable(why));
        }
        Self::open_beside(config).await
    }

    async fn connect(
        config: &DatabaseConfig,
        supervisor: Supervisor,
        only_server: Option<files::Claim>,
    ) -> Result<Self> {
        files::prepare(config)?;
        let runtime = DatabaseRuntime::start()?;
        let (url, stalled) = (config.url.clone(), runtime.stalled.clone());
        let opening = runtime.run(async move { Pools::open(url.expose(), &stalled).await });
        let pools = opening.await?;

        let end = CancellationToken::new();
        let tasks = supervisor.within(end.clone());
        let while_open = supervisor.within(end.child_token());
        let failpoints = Failpoints::from_environment();
        let inner = Inner {
            _tasks: end.drop_guard(),
            write_path: Writer::start(&pools, &runtime, failpoints.clone(), &tasks),
            orders: Reader::start(&pools.reader, &runtime, &tasks),
            runtime,
            pools,
            url: config.url.clone(),
            listener: ListenerState::default(),
            clock: Clock::default(),
            failpoints,
            supervisor,
            while_open,
            mode: OnceLock::new(),
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

    /// Runs work that writes on the store's own runtime, even if the caller leaves, and gives it up
    /// after 30 s. A panic becomes an error.
    fn run<T, W>(&self, work: W) -> impl Future<Output = Result<T>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let stalled = self.inner.runtime.stalled.clone();
        (self.inner.runtime).run(async move { stalled.write(work).await })
    }

    fn backend(&self) -> DbBackend {
        self.inner.pools.writer.get_database_backend()
    }

    /// Reads the database's clock, by which processes share leases and due times. On SQLite that
    /// is this machine's. Returns the time that is stored, which is another while a reading is in doubt.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn now(&self) -> Result<DateTime<Utc>> {
        let read = self.read_clock().await?;
        self.inner.clock.learn(read);
        Ok(self.clock().now())
    }

    /// The database's clock as it is, believed or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read_clock(&self) -> Result<DateTime<Utc>> {
        if self.is_shared() {
            let read = sql::tuple(&self.db(), "SELECT clock_timestamp()", []).await?;
            if let Some(read) = read {
                return Ok(read);
            }
        }
        #[expect(clippy::disallowed_methods, reason = "SQLite has no clock of its own")]
        Ok(Utc::now())
    }

    /// The same clock as far as it is known, without a query.
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Points at which a test makes a sale fail.
    pub fn failpoints(&self) -> &Failpoints {
        &self.inner.failpoints
    }

    /// Reaches a point after the commit was sent.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`], if a test wants one here.
    pub fn reach_after_commit(&self, point: Point) -> Result<()> {
        let reached = self.inner.failpoints.reach(point);
        reached.map_err(StoreError::commit_unknown)
    }

    /// Tests whether the database answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<()> {
        let _: Option<i32> = sql::tuple(&self.db(), "SELECT 1", []).await?;
        Ok(())
    }

    /// Closes the pools after the work under way, which is cut off if it takes too long. No caller
    /// was told that work which is cut off is committed.
    pub async fn close(&self) {
        let pools = self.inner.pools.clone();
        let closed = self.run(async move {
            // All at once: none waits for another whose server has fallen silent.
            let pools = [&pools.reader, &pools.notifier, &pools.writer, &pools.lanes];
            let closing = timeout(CLOSE_WITHIN, join_all(pools.map(Pool::close)));
            match closing.await {
                Ok(closed) => Ok(closed.into_iter().collect::<Result<(), DbErr>>()?),
                Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
            }
        });
        if let Err(error) = closed.await {
            warn!(%error, "the database pools did not close cleanly");
        }
        // Last, because a process of the other mode may start now.
        self.inner.while_open.stop();
        self.inner.while_open.stopped().await;
    }
}

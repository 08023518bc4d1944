//! Checks orders with ZenoPay's order-status: open ones, because their webhook may be lost, and each
//! sale.
//!
//! Nouns: an order is *due* when its time in the database has come; a process that moves that time
//! has *claimed* it for a while (a lease), so that processes share the work; a *turn* is the right
//! to one check, from the budget of `zenopay.asks_per_sec` that all checks share. Half of the turns
//! are kept for the orders that are longest overdue; the others are for the most urgent: orders that
//! polls wait for, then the newest, and sold ones last. While ZenoPay is down only a probe is sent
//! from time to time.
//!
//! # Invariants
//! The answers go through the order's actor like all other evidence; nothing here changes an order by
//! itself.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::actors::status::StatusBoard;
use crate::actors::{Command, Orders};
use crate::domain::order::{Evidence, Payment};
use crate::domain::pacing::Flow;
use crate::observability::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::timekeeper::Timekeeper;

mod check;
mod early_checks;

use early_checks::EarlyChecks;

/// The pause when nothing is due.
const TICK: Duration = Duration::from_millis(500);
/// How long a claim lasts; a check takes a few seconds at most.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Checks under way at once, so that one slow answer does not delay the others; as many as
/// `actors/status_checks.rs` admits for the schedule.
const AT_ONCE: usize = 8;
/// [`Reconciler::run_once`] uses at most the checks of this many seconds.
const ROUND_SECS: usize = 2;
/// Orders that expire in one round.
const EXPIRED_PER_ROUND: u64 = 200;

/// What a reconciler needs.
pub struct ReconcilerContext {
    /// The database.
    pub store: Store,
    /// Handle to the order actors and the status checker.
    pub orders: Orders,
    /// The orders that polls wait for.
    pub status: StatusBoard,
    /// Status checks a second.
    pub asks_per_sec: u32,
    /// The clock of all pauses.
    pub timekeeper: Timekeeper,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// The loops of the job. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    inner: Arc<Inner>,
}

struct Inner {
    context: ReconcilerContext,
    /// [`AT_ONCE`] permits for checks under way.
    permits: Arc<Semaphore>,
    early_checks: EarlyChecks,
    last_run_at: watch::Sender<Option<DateTime<Utc>>>,
}

impl Reconciler {
    /// A reconciler that has not started its loops.
    pub fn new(context: ReconcilerContext) -> Self {
        let now = context.timekeeper.now();
        let inner = Inner {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            early_checks: EarlyChecks::new(context.asks_per_sec, now),
            last_run_at: watch::Sender::default(),
            context,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// When the last round ended.
    pub fn last_run_at(&self) -> Option<DateTime<Utc>> {
        *self.inner.last_run_at.borrow()
    }

    /// The clock of all pauses, which a test moves forward.
    pub fn timekeeper(&self) -> &Timekeeper {
        &self.inner.context.timekeeper
    }

    /// Notes that a guest has looked at this order. If it has been open for long, its status is checked
    /// soon; the guest does not wait for it.
    pub fn was_polled(&self, payment: &Payment) {
        let now = self.inner.context.timekeeper.now();
        let age = self.inner.context.store.clock().now() - payment.created_at;
        self.inner.early_checks.offer(payment, age, now);
    }

    /// One round, for tests: the deadlines, then checks of due orders, at the usual pace and to their
    /// end. Returns how many orders were claimed.
    ///
    /// # Errors
    /// If the due orders cannot be read. A failure with one order is logged, and the order comes back
    /// when its lease ends.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        self.expire_overdue().await?;
        let limit = self.inner.context.asks_per_sec as usize * ROUND_SECS;
        let (mut checks, mut claimed) = (JoinSet::new(), 0);
        while claimed < limit {
            match self.start_checks(&mut checks, limit - claimed).await? {
                0 => break,
                started => claimed += started,
            }
        }
        while let Some(ended) = checks.join_next().await {
            log_panic(ended);
        }
        self.record_round_end();
        Ok(claimed)
    }

    /// Expires orders whose deadline has passed.
    pub async fn keep_expiring(self) {
        loop {
            sleep(TICK).await;
            if let Err(error) = self.expire_overdue().await {
                warn!(%error, "reconciler: the database cannot be read; trying again");
            }
        }
    }

    /// Checks orders that are due. What a stop or a panic leaves undone comes back when its lease ends.
    pub async fn keep_checking(self) {
        let mut checks = JoinSet::new();
        loop {
            let started = self.start_checks(&mut checks, usize::MAX).await;
            while let Some(ended) = checks.try_join_next() {
                log_panic(ended);
            }
            self.record_round_end();
            let started = started.unwrap_or_else(|error| {
                warn!(%error, "reconciler: the database cannot be read; trying again");
                0
            });
            // Otherwise more may be due; permits and turns limit the rate.
            if started == 0 {
                sleep(TICK).await;
            }
        }
    }

    /// Makes orders due that guests have polled.
    pub async fn follow_early_checks(self) {
        loop {
            let order_id = self.inner.early_checks.next().await;
            let store = &self.inner.context.store;
            if let Err(error) = store.check_by(order_id, store.clock().now()).await {
                warn!(order = %order_id.order_ref(), %error, "the next status check could not be brought forward");
            }
        }
    }

    fn record_round_end(&self) {
        let now = self.inner.context.store.clock().now();
        self.inner.last_run_at.send_replace(Some(now));
    }

    /// Claims as many orders as there are permits and turns, waiting for the first of each, and starts
    /// to check them. Returns how many.
    async fn start_checks(
        &self,
        checks: &mut JoinSet<()>,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let first = self.permit().await;
        let free = 1 + self.inner.permits.available_permits();
        let (context, store) = (&self.inner.context, &self.inner.context.store);
        let checker = context.orders.checker();
        if store.clock().doubt().is_some() {
            return Ok(0);
        }
        let flow = checker.flow();
        let limit = match flow {
            Flow::Free => limit.min(free),
            Flow::Probe => 1,
            Flow::Stopped => return Ok(0),
        };
        let turns = checker.turns(limit).await;
        let (now, waited_for) = (store.clock().now(), context.status.watched().await);
        let due = store.claim_due(now..now + LEASE, turns, &waited_for).await;
        let claimed = due.as_ref().map_or(0, Vec::len);
        checker.give_back(turns.without(claimed));
        if flow == Flow::Probe && claimed > 0 {
            checker.probing();
        }
        let mut first = Some(first);
        for order in due? {
            let permit = match first.take() {
                Some(permit) => permit,
                None => self.permit().await,
            };
            let reconciler = self.clone();
            checks.spawn(async move {
                let _permit = permit;
                if let Err(error) = reconciler.check(&order).await {
                    let order = order.order_id.order_ref();
                    warn!(%order, %error, "reconciler: an order was not reconciled");
                }
            });
        }
        Ok(claimed)
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        let permits = self.inner.permits.clone();
        permits.acquire_owned().await.expect("it is never closed")
    }

    async fn expire_overdue(&self) -> Result<(), StoreError> {
        let store = &self.inner.context.store;
        // The only loop that reads the database's time; the others use the offset that it refreshes.
        let now = store.now().await?;
        if store.clock().doubt().is_some() {
            return Ok(());
        }
        for order_id in store.past_deadline(now, EXPIRED_PER_ROUND).await? {
            let command = Command::of(Evidence::Deadline);
            if let Err(error) = self.inner.context.orders.handle(order_id, command).await {
                warn!(order = %order_id.order_ref(), %error, "reconciler: an order did not expire");
            }
        }
        Ok(())
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(panic) = ended {
        error!(%panic, "reconciler: a check panicked; the order comes back when its lease ends");
    }
}

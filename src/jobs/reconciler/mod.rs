//! Checks the status of orders at ZenoPay whose webhook was lost, failed or never came.
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
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::actors::status::StatusBoard;
use crate::actors::{Command, Orders};
use crate::domain::order::{Evidence, Payment};
use crate::domain::pacing::Flow;
use crate::observability::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::supervisor::{Supervisor, Task};
use crate::timekeeper::Timekeeper;

mod check;
mod looks;

use looks::Looks;

/// The pause when nothing is due.
const TICK: Duration = Duration::from_millis(500);
/// How long a claim lasts; a check takes a few seconds at most.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Checks under way at once, so that one slow answer does not delay the others; as many as
/// `actors/status_checks.rs` admits for the schedule.
const AT_ONCE: usize = 8;
/// How many seconds of the budget one round by hand may use.
const ROUND_SECS: usize = 2;
/// Orders that expire in one round.
const DEADLINES: u64 = 200;

/// What a reconciler needs.
pub struct Parts {
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
    parts: Parts,
    places: Arc<Semaphore>,
    looks: Looks,
    /// Milliseconds of Unix time; 0 is never.
    last_run: AtomicI64,
}

impl Reconciler {
    /// A reconciler that has not started its loops.
    pub fn new(parts: Parts) -> Self {
        let now = parts.timekeeper.now();
        let inner = Inner {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            looks: Looks::new(parts.asks_per_sec, now),
            last_run: AtomicI64::new(0),
            parts,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Starts the loops as separate tasks, so that orders expire on time while ZenoPay does not answer.
    /// What a stop or a panic leaves undone comes back when its lease ends.
    pub fn start(&self, supervisor: &Supervisor, background: &Handle) {
        let ours = self.clone();
        supervisor.run_droppable(background, Task::OrderExpiry, move || {
            ours.clone().keep_expiring()
        });
        let ours = self.clone();
        supervisor.run_droppable(background, Task::StatusChecks, move || {
            ours.clone().keep_checking()
        });
        let ours = self.clone();
        supervisor.run_droppable(background, Task::EarlyChecks, move || {
            ours.clone().follow_looks()
        });
    }

    /// When the last round ended.
    pub fn last_run_at(&self) -> Option<DateTime<Utc>> {
        match self.inner.last_run.load(Ordering::Relaxed) {
            0 => None,
            millis => DateTime::from_timestamp_millis(millis),
        }
    }

    /// The clock of all pauses, which a test moves forward.
    pub fn timekeeper(&self) -> &Timekeeper {
        &self.inner.parts.timekeeper
    }

    /// Notes that a guest has looked at this order. If it has been open for long, its status is checked
    /// soon; the guest does not wait for it.
    pub fn was_looked_at(&self, payment: &Payment) {
        let parts = &self.inner.parts;
        let age = parts.store.clock().now() - payment.created_at;
        self.inner.looks.take(payment, age, parts.timekeeper.now());
    }

    /// One round by hand: the deadlines, then checks of due orders, at the usual pace and to their
    /// end. Returns how many orders were claimed.
    ///
    /// # Errors
    /// If the due orders cannot be read. A failure with one order is logged, and the order comes back
    /// when its lease ends.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        self.expire_overdue().await?;
        let most = self.inner.parts.asks_per_sec as usize * ROUND_SECS;
        let (mut checks, mut claimed) = (JoinSet::new(), 0);
        while claimed < most {
            match self.start_checks(&mut checks, most - claimed).await? {
                0 => break,
                started => claimed += started,
            }
        }
        while let Some(ended) = checks.join_next().await {
            log_panic(ended);
        }
        self.ended_a_round();
        Ok(claimed)
    }

    async fn keep_expiring(self) {
        loop {
            sleep(TICK).await;
            if let Err(error) = self.expire_overdue().await {
                warn!(%error, "reconciler: the database cannot be read; trying again");
            }
        }
    }

    async fn keep_checking(self) {
        let mut checks = JoinSet::new();
        loop {
            let started = self.start_checks(&mut checks, usize::MAX).await;
            while let Some(ended) = checks.try_join_next() {
                log_panic(ended);
            }
            self.ended_a_round();
            let started = started.unwrap_or_else(|error| {
                warn!(%error, "reconciler: the database cannot be read; trying again");
                0
            });
            // Otherwise more may be due; places and turns limit the rate.
            if started == 0 {
                sleep(TICK).await;
            }
        }
    }

    async fn follow_looks(self) {
        loop {
            let order_id = self.inner.looks.next().await;
            let store = &self.inner.parts.store;
            if let Err(error) = store.check_by(order_id, store.clock().now()).await {
                warn!(order = %order_id.order_ref(), %error, "the next status check could not be brought forward");
            }
        }
    }

    fn ended_a_round(&self) {
        let now = self.inner.parts.store.clock().now().timestamp_millis();
        self.inner.last_run.store(now, Ordering::Relaxed);
    }

    /// Claims as many orders as there are places and turns, waiting for the first of each, and starts
    /// to check them. Returns how many.
    async fn start_checks(
        &self,
        checks: &mut JoinSet<()>,
        most: usize,
    ) -> Result<usize, StoreError> {
        let first = self.place().await;
        let free = 1 + self.inner.places.available_permits();
        let Parts {
            store,
            status,
            orders,
            ..
        } = &self.inner.parts;
        let checker = orders.checker();
        let flow = checker.flow();
        let most = match flow {
            Flow::Free => most.min(free),
            Flow::Probe => 1,
            Flow::Stopped => return Ok(0),
        };
        let turns = checker.turns(most).await;
        let (now, waited_for) = (store.clock().now(), status.watched().await);
        let due = store.claim_due(now, LEASE, turns, waited_for).await;
        let claimed = due.as_ref().map_or(0, Vec::len);
        checker.give_back(turns.without(claimed));
        if flow == Flow::Probe && claimed > 0 {
            checker.probing();
        }
        let mut first = Some(first);
        for order in due? {
            let place = match first.take() {
                Some(place) => place,
                None => self.place().await,
            };
            let reconciler = self.clone();
            checks.spawn(async move {
                let _place = place;
                reconciler.reconcile(&order).await;
            });
        }
        Ok(claimed)
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        let places = self.inner.places.clone();
        places.acquire_owned().await.expect("places never close")
    }

    async fn expire_overdue(&self) -> Result<(), StoreError> {
        let store = &self.inner.parts.store;
        // The only loop that reads the database's time; the others use the offset that it refreshes.
        let now = store.now().await?;
        for order_id in store.overdue(now, DEADLINES).await? {
            let command = Command::of(Evidence::Deadline);
            if let Err(error) = self.inner.parts.orders.handle(order_id, command).await {
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

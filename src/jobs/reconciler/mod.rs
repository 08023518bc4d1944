//! Asks ZenoPay what is true, for orders whose webhook was lost, failed or never came.
//!
//! Nouns: an order is *due* when its time in the database has come; a process that moves that time
//! has *claimed* it for a while (a lease), so that processes share the work; a *turn* is the right
//! to ask once, from the budget of `zenopay.asks_per_sec` that all asks share. Half of the
//! turns are kept for the orders that are longest overdue; with the others the most urgent are
//! asked about: orders that polls wait for, then the newest, and what is sold already
//! last. While ZenoPay is down nothing is asked but a probe from time to time.
//!
//! # Invariants
//! What is learnt goes through the order's actor like every
//! other evidence; nothing here repairs anything by itself.

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
use crate::domain::order::{Evidence, OrderId, Payment};
use crate::domain::pacing::{Flow, Turns};
use crate::observability::metrics::Metrics;
use crate::store::{DueOrder, Store, StoreError};
use crate::supervisor::{Supervisor, Task};
use crate::timekeeper::Timekeeper;

mod check;
mod confirmation;
mod looks;

use looks::Looks;

/// How often the database is looked at when nothing is due.
const TICK: Duration = Duration::from_millis(500);
/// How long a claimed order is ours; an ask takes a few seconds at most.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Asks under way at once, so that a slow ZenoPay does not slow the pace at once; as many
/// as `actors/status_checks.rs` lets the schedule have.
const AT_ONCE: usize = 8;
/// What one round by hand asks at most, in seconds of asking.
const ROUND_SECS: usize = 2;
/// Orders that expire in one round.
const DEADLINES: u64 = 200;

/// What a reconciler needs.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Where evidence goes, and the way to ZenoPay.
    pub orders: Orders,
    /// The orders that polls wait for.
    pub status: StatusBoard,
    /// Asks a second.
    pub asks_per_sec: u32,
    /// By which pauses are measured.
    pub timekeeper: Timekeeper,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The loops and what they have done. Cheap to clone.
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
    /// Puts the parts together.
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

    /// Starts the loops, beside each other: an order expires on time while ZenoPay does not
    /// answer. What a stop or a panic leaves undone comes back when its lease ends.
    pub fn start(&self, supervisor: &Supervisor, background: &Handle) {
        let ours = self.clone();
        supervisor.run_droppable(background, Task::OrderExpiry, move || {
            ours.clone().expire_on_and_on()
        });
        let ours = self.clone();
        supervisor.run_droppable(background, Task::StatusChecks, move || {
            ours.clone().ask_on_and_on()
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

    /// By which pauses are measured; a test moves it forward.
    pub fn timekeeper(&self) -> &Timekeeper {
        &self.inner.parts.timekeeper
    }

    /// A guest has looked at this order. If it is an old one without an end, ZenoPay is asked
    /// soon; the guest does not wait for it.
    pub fn was_looked_at(&self, payment: &Payment) {
        let parts = &self.inner.parts;
        let age = parts.store.clock().now() - payment.created_at;
        self.inner.looks.take(payment, age, parts.timekeeper.now());
    }

    /// One round by hand: the deadlines, then asks about what is due, at the usual pace and
    /// to their end. Says how many orders were claimed.
    ///
    /// # Errors
    /// If the due orders cannot be read. What goes wrong with one order is logged, and its
    /// lease brings it back.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        self.expire_overdue().await?;
        let most = self.inner.parts.asks_per_sec as usize * ROUND_SECS;
        let (mut asks, mut claimed) = (JoinSet::new(), 0);
        while claimed < most {
            match self.start_asks(&mut asks, most - claimed).await? {
                0 => break,
                started => claimed += started,
            }
        }
        while let Some(ended) = asks.join_next().await {
            log_panic(ended);
        }
        self.ended_a_round();
        Ok(claimed)
    }

    async fn expire_on_and_on(self) {
        loop {
            sleep(TICK).await;
            if let Err(error) = self.expire_overdue().await {
                warn!(%error, "reconciler: the database cannot be read; trying again");
            }
        }
    }

    async fn ask_on_and_on(self) {
        let mut asks = JoinSet::new();
        loop {
            let started = self.start_asks(&mut asks, usize::MAX).await;
            while let Some(ended) = asks.try_join_next() {
                log_panic(ended);
            }
            self.ended_a_round();
            match started {
                // More may be due: a place and a turn set the pace.
                Ok(1..) => {}
                Ok(0) => sleep(TICK).await,
                Err(error) => {
                    warn!(%error, "reconciler: the database cannot be read; trying again");
                    sleep(TICK).await;
                }
            }
        }
    }

    async fn follow_looks(self) {
        loop {
            let order_id = self.inner.looks.next().await;
            let store = &self.inner.parts.store;
            if let Err(error) = store.ask_by(order_id, store.clock().now()).await {
                warn!(order = %order_id.order_ref(), %error, "the next ask could not be brought forward");
            }
        }
    }

    fn ended_a_round(&self) {
        let now = self.inner.parts.store.clock().now().timestamp_millis();
        self.inner.last_run.store(now, Ordering::Relaxed);
    }

    /// Claims as many orders as there are places and turns, waiting for the first of each,
    /// and starts to ask. Says how many.
    async fn start_asks(&self, asks: &mut JoinSet<()>, most: usize) -> Result<usize, StoreError> {
        let first = self.place().await;
        let free = 1 + self.inner.places.available_permits();
        let flow = self.inner.parts.orders.asks().flow();
        let most = match flow {
            Flow::Free => most.min(free),
            Flow::Probe => 1,
            Flow::Stopped => return Ok(0),
        };
        let turns = self.take_turns(most).await;
        let due = self.claim(turns).await;
        let claimed = due.as_ref().map_or(0, Vec::len);
        let checks = self.inner.parts.orders.asks();
        checks.give_back(turns.without(claimed));
        if flow == Flow::Probe && claimed > 0 {
            checks.probing();
        }
        let mut first = Some(first);
        for order in due? {
            let place = match first.take() {
                Some(place) => place,
                None => self.place().await,
            };
            let reconciler = self.clone();
            asks.spawn(async move {
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

    /// At least one turn, at most `most`.
    async fn take_turns(&self, most: usize) -> Turns {
        let asks = self.inner.parts.orders.asks();
        loop {
            let turns = asks.take_turns(most);
            if turns.in_all() > 0 {
                return turns;
            }
            sleep(asks.next_turn_in().max(Duration::from_millis(1))).await;
        }
    }

    async fn claim(&self, turns: Turns) -> Result<Vec<DueOrder>, StoreError> {
        let Parts { store, status, .. } = &self.inner.parts;
        let now = store.clock().now();
        let waited_for = status.watched().await;
        store.claim_due(now, LEASE, turns, waited_for).await
    }

    async fn expire_overdue(&self) -> Result<(), StoreError> {
        let store = &self.inner.parts.store;
        // The one loop that asks for the time: the others go by what it has learnt.
        let now = store.now().await?;
        for order_id in store.overdue(now, DEADLINES).await? {
            self.expire(order_id).await;
        }
        Ok(())
    }

    async fn expire(&self, order_id: OrderId) {
        let command = Command::of(Evidence::Deadline);
        if let Err(error) = self.inner.parts.orders.handle(order_id, command).await {
            warn!(order = %order_id.order_ref(), %error, "reconciler: an order did not expire");
        }
    }
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(panic) = ended {
        error!(%panic, "reconciler: an ask panicked; its lease brings the order back");
    }
}

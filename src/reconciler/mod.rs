//! Asks ZenoPay what is true, for orders whose webhook was lost, failed or never came.
//!
//! One loop over one due column. What it learns goes through the order's actor like every
//! other evidence; it repairs nothing by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::actors::asks::Asker;
use crate::actors::{Case, Orders, WeighError, Weighed};
use crate::domain::ask_schedule;
use crate::domain::evidence::Evidence;
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::domain::payment::Status;
use crate::metrics::Metrics;
use crate::store::{DueOrder, Store, StoreError};
use crate::zenopay::wire::StatusAnswer;

/// How often the due column is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long a claimed order is ours. A round takes a fraction of it: `ROUND_SECS` of pace
/// and, with ZenoPay silent, four seconds for each `AT_ONCE` of its asks.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Orders claimed a round, in seconds of asking.
const ROUND_SECS: u32 = 2;
/// Asks under way at once, so that a slow ZenoPay does not slow the pace.
const AT_ONCE: usize = 6;
/// Orders that expire in one round.
const DEADLINES: u64 = 200;

/// The loop and what it has done.
#[derive(Clone)]
pub struct Reconciler {
    store: Store,
    orders: Orders,
    asks_per_sec: u32,
    metrics: Arc<Metrics>,
    /// Milliseconds of Unix time; 0 is never.
    last_run: Arc<AtomicI64>,
}

impl Reconciler {
    /// Asks at most `asks_per_sec` times a second.
    pub fn new(store: Store, orders: Orders, asks_per_sec: u32, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            orders,
            asks_per_sec,
            metrics,
            last_run: Arc::default(),
        }
    }

    /// Goes on until stopped; what a stop leaves undone comes back when its lease ends.
    pub async fn run(self, stop: CancellationToken) {
        let rounds = async {
            loop {
                sleep(TICK).await;
                if let Err(error) = self.run_once().await {
                    warn!(%error, "reconciler: the books cannot be read; trying again");
                }
            }
        };
        stop.run_until_cancelled(rounds).await;
    }

    /// When the last round ended.
    pub fn last_run_at(&self) -> Option<DateTime<Utc>> {
        match self.last_run.load(Ordering::Relaxed) {
            0 => None,
            millis => DateTime::from_timestamp_millis(millis),
        }
    }

    /// One round: first the deadlines, which cost nothing, then the asks, at their pace.
    /// Says how many orders were due to be asked about.
    ///
    /// # Errors
    /// If the due orders cannot be read. What goes wrong with one order is logged, and its
    /// lease brings it back.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let now = self.store.now().await?;
        for order_id in self.store.overdue(now, DEADLINES).await? {
            self.expire(order_id).await;
        }
        let most = u64::from(self.asks_per_sec * ROUND_SECS);
        let due = self.store.claim_due(now, LEASE, most).await?;
        let claimed = due.len();
        self.ask_all(due).await;
        self.last_run
            .store(Utc::now().timestamp_millis(), Ordering::Relaxed);
        Ok(claimed)
    }

    async fn expire(&self, order_id: OrderId) {
        if let Err(error) = self
            .orders
            .weigh(order_id, Case::of(Evidence::Deadline))
            .await
        {
            warn!(%order_id, %error, "reconciler: an order did not expire");
        }
    }

    async fn ask_all(&self, due: Vec<DueOrder>) {
        let mut pace = interval(Duration::from_secs(1) / self.asks_per_sec);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asks = JoinSet::new();
        for order in due {
            if asks.len() >= AT_ONCE {
                asks.join_next().await;
            }
            pace.tick().await;
            let reconciler = self.clone();
            asks.spawn(async move {
                if let Err(error) = reconciler.ask(&order).await {
                    warn!(order_id = %order.order_id, %error, "reconciler: an order was not settled");
                }
            });
        }
        while asks.join_next().await.is_some() {}
    }

    async fn ask(&self, order: &DueOrder) -> Result<(), WeighError> {
        let order_id = order.order_id;
        let Some(answer) = self.orders.asks().ask(order_id, Asker::Ourselves).await else {
            // Not asked at all, so it does not count.
            let soon = ask_schedule::ask_soon(self.store.now().await?);
            return Ok(self.store.ask_by(order_id, soon).await?);
        };
        self.metrics.reconciler_checked.inc();
        let status = match answer {
            StatusAnswer::Known(report) => {
                let case = Case::of(Evidence::Gateway(report));
                let weighed = self.orders.weigh(order_id, case).await?;
                self.count_repair(order_id, &weighed);
                weighed.payment.status
            }
            // Unknown is never failed: ask again.
            StatusAnswer::Unknown(_) => order.status,
        };
        let next = next_look(order, status, self.store.now().await?);
        Ok(self.store.reschedule(order, next).await?)
    }

    /// Only what this answer has moved: a webhook that was quicker needed no repair.
    fn count_repair(&self, order_id: OrderId, weighed: &Weighed) {
        let status = weighed.payment.status.as_str();
        match weighed.outcome {
            Outcome::Completed | Outcome::Failed | Outcome::Cancelled | Outcome::Held => {
                self.metrics.reconciler_repairs.inc();
                info!(%order_id, status, "reconciler: an order was mended");
            }
            Outcome::Duplicate
            | Outcome::Stale
            | Outcome::Pending
            | Outcome::Unconfirmed
            | Outcome::UnknownOrder
            | Outcome::Malformed
            | Outcome::Error => {}
        }
    }
}

/// When an order is asked about next; one that is settled, no more.
fn next_look(order: &DueOrder, status: Status, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match status {
        Status::Pending | Status::Expired => ask_schedule::next_ask(order.created_at, now),
        Status::Completed
        | Status::Failed
        | Status::Cancelled
        | Status::Held
        | Status::Refunded => None,
    }
}

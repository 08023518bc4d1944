//! Asks ZenoPay what is true, for orders whose webhook was lost, failed or never came.
//!
//! One loop over one due column. What it learns goes through the order's actor like every
//! other evidence; it repairs nothing by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::actors::{Case, Orders, WeighError, Weighed};
use crate::domain::ask_schedule;
use crate::domain::evidence::Evidence;
use crate::domain::outcome::Outcome;
use crate::domain::payment::Status;
use crate::metrics::Metrics;
use crate::store::{DueOrder, Store, StoreError};
use crate::zenopay::wire::StatusAnswer;

/// How often the due column is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long a claimed order is ours; longer than a round takes.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Orders claimed a round, in seconds of asking.
const ROUND_SECS: u32 = 4;
/// Asks under way at the same moment: when ZenoPay is slow, one must not wait for another,
/// and half of what all may have is left to strangers' hints and to operators.
const AT_ONCE: usize = 4;
/// Orders a round at most: if ZenoPay leaves every one of them without an answer, four
/// seconds each, the round still ends within the lease.
const ROUND_MOST: u32 = 40;

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

    /// Goes on until stopped.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(TICK)).await.is_some() {
            // A server that stops leaves the round where it is: the leases bring it back.
            let Some(round) = stop.run_until_cancelled(self.run_once()).await else {
                return;
            };
            if let Err(error) = round {
                warn!(%error, "reconciler: the books cannot be read; trying again");
                sleep(TICK).await;
            }
        }
    }

    /// When the last round ended.
    pub fn last_run_at(&self) -> Option<DateTime<Utc>> {
        match self.last_run.load(Ordering::Relaxed) {
            0 => None,
            millis => DateTime::from_timestamp_millis(millis),
        }
    }

    /// One round: first the deadlines, which cost nothing, then the asks, at their pace.
    /// Says how many orders were due.
    ///
    /// # Errors
    /// If the due orders cannot be claimed. What goes wrong with one order is logged, and
    /// its lease brings it back.
    pub async fn run_once(&self) -> Result<usize, StoreError> {
        let now = self.store.now().await?;
        let most = self.asks_per_sec.saturating_mul(ROUND_SECS).min(ROUND_MOST);
        let due = self.store.claim_due(now, LEASE, u64::from(most)).await?;
        for order in due.iter().filter(|order| order.is_overdue(now)) {
            let expired = self
                .orders
                .weigh(order.order_id, Case::of(Evidence::Deadline))
                .await;
            if let Err(error) = expired {
                warn!(order_id = %order.order_id, %error, "reconciler: an order did not expire");
            }
        }
        let count = due.len();
        self.ask_all(due).await;
        self.last_run
            .store(Utc::now().timestamp_millis(), Ordering::Relaxed);
        Ok(count)
    }

    async fn ask_all(&self, due: Vec<DueOrder>) {
        let mut under_way = JoinSet::new();
        for (asked, order) in due.into_iter().enumerate() {
            if asked > 0 {
                sleep(Duration::from_secs(1) / self.asks_per_sec).await;
            }
            if under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
            let reconciler = self.clone();
            under_way.spawn(async move { reconciler.ask(&order).await });
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn ask(&self, order: &DueOrder) {
        let order_id = order.order_id;
        self.metrics.reconciler_checked.inc();
        let answer = self.orders.asks().ask(order_id).await;
        let weighed = match answer {
            Some(StatusAnswer::Known(report)) => {
                let case = Case::of(Evidence::Gateway(report));
                self.orders.weigh(order_id, case).await.map(Some)
            }
            // Unknown is never failed: ask again.
            Some(StatusAnswer::Unknown(_)) | None => Ok(None),
        };
        if let Err(error) = self.follow_up(order, weighed).await {
            warn!(%order_id, %error, "reconciler: an order could not be followed up");
        }
    }

    async fn follow_up(
        &self,
        order: &DueOrder,
        weighed: Result<Option<Weighed>, WeighError>,
    ) -> Result<(), WeighError> {
        let status = match weighed? {
            Some(weighed) => {
                if mends(weighed.outcome) && weighed.payment.status.as_str() != order.status {
                    self.metrics.reconciler_repairs.inc();
                    let status = weighed.payment.status.as_str();
                    info!(order_id = %order.order_id, status, "reconciler: an order was mended");
                }
                weighed.payment.status
            }
            None => Status::read(&order.status).unwrap_or(Status::Pending),
        };
        let now = self.store.now().await?;
        let next = match status {
            Status::Pending => {
                // Whatever comes first: the next ask, or the moment it expires.
                ask_schedule::next_ask(order.created_at, now).map(|at| {
                    if order.deadline_at > now {
                        at.min(order.deadline_at)
                    } else {
                        at
                    }
                })
            }
            Status::Expired => ask_schedule::next_ask(order.created_at, now),
            // It was due because of a delivery that ZenoPay had not confirmed.
            Status::Completed
            | Status::Failed
            | Status::Cancelled
            | Status::Held
            | Status::Refunded => return Ok(self.store.ask_no_more(order.order_id).await?),
        };
        Ok(self.store.reschedule(order.order_id, next).await?)
    }
}

/// Whether the answer itself has moved the order: running out of time does not count, nor
/// does a webhook that came while ZenoPay was asked.
fn mends(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Completed | Outcome::Failed | Outcome::Cancelled | Outcome::Held => true,
        Outcome::Duplicate
        | Outcome::Stale
        | Outcome::Pending
        | Outcome::Unconfirmed
        | Outcome::UnknownOrder
        | Outcome::Malformed
        | Outcome::Error => false,
    }
}

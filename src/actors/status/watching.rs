//! A subscription to one order: returns it when it is newer than the version that the waiter has read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::actor::LatestNotice;
use super::seats::{NotHeld, Seat};
use crate::domain::order::{OrderId, Payment};
use crate::observability::metrics::Metrics;
use crate::store::Store;

/// The pause before a failed read of a newer version is repeated.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// A subscription to one order.
pub struct Subscription {
    pub(super) order_id: OrderId,
    pub(super) store: Store,
    pub(super) receiver: watch::Receiver<LatestNotice>,
    pub(super) draining: CancellationToken,
    pub(super) metrics: Arc<Metrics>,
    pub(super) seat: Seat,
}

impl Subscription {
    /// Keeps the seat, now that the order was read.
    ///
    /// # Errors
    /// Why nothing may wait for this order now.
    pub fn keep_seat(&mut self, order: &Payment) -> Result<(), NotHeld> {
        self.seat.keep(order, self.store.clock().now())
    }

    /// The order once it is newer than the version that the waiter has read; `None` when the
    /// server stops or the actor has ended.
    pub async fn newer_than(&mut self, read: i32) -> Option<Arc<Payment>> {
        let draining = self.draining.clone();
        tokio::select! {
            biased;
            newer = self.notified(read) => newer,
            () = draining.cancelled() => None,
        }
    }

    async fn notified(&mut self, read: i32) -> Option<Arc<Payment>> {
        let is_newer =
            |news: &LatestNotice| news.as_ref().is_some_and(|notice| notice.version > read);
        loop {
            // Keeps the notice, so a caller may stop during the read and come back.
            let notice = self.receiver.wait_for(is_newer).await.ok()?.clone()?;
            let payment = match notice.payment {
                Some(payment) => payment,
                None => match self.store.load_for_guest(self.order_id).await {
                    Ok(read) => read?,
                    Err(_) => {
                        // The caller has a deadline, and answers with the order that it knows.
                        sleep(READ_AGAIN).await;
                        continue;
                    }
                },
            };
            if payment.version > read {
                self.metrics.wakeups.inc();
                self.metrics.notice.observe(notice.committed.elapsed());
                return Some(payment);
            }
            // The announced version was not committed (yet).
            self.receiver.changed().await.ok()?;
        }
    }
}

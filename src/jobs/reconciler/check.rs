//! One ask: what ZenoPay says goes to the order's actor, and the order gets its next due time.

use chrono::{DateTime, Utc};
use tracing::{info, warn};

use super::{Reconciler, confirmation};
use crate::actors::status_checks::CheckOrigin;
use crate::actors::{Command, HandleError, Handled};
use crate::domain::order::{Evidence, OrderId, Outcome, Status, Word};
use crate::domain::pacing::{Flow, check_schedule};
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::store::DueOrder;

impl Reconciler {
    /// Asks about a claimed order; what goes wrong is logged, and the lease brings it back.
    pub(super) async fn reconcile(&self, order: &DueOrder) {
        if let Err(error) = self.ask(order).await {
            let order_id = order.order_id;
            warn!(order = %order_id.order_ref(), %error, "reconciler: an order was not reconciled");
        }
    }

    async fn ask(&self, order: &DueOrder) -> Result<(), HandleError> {
        let parts = &self.inner.parts;
        let order_id = order.order_id;
        let Some(answer) = parts
            .orders
            .asks()
            .ask(order_id, CheckOrigin::Schedule)
            .await
        else {
            // Not asked at all, so it does not count.
            let soon = check_schedule::ask_soon(parts.store.clock().now());
            return Ok(parts.store.ask_by(order_id, soon).await?);
        };
        parts.metrics.reconciler_checked.inc();
        let (status, unconfirmed_since) = match answer {
            StatusAnswer::Known(report) => {
                let says_nothing = report.word == Word::InProgress;
                let command = Command::of(Evidence::OrderStatus(report));
                let handled = parts.orders.handle(order_id, command).await?;
                self.count_repair(order_id, &handled);
                let since = confirmation::unconfirmed_since(&handled.payment);
                (handled.payment.status, since.filter(|_| says_nothing))
            }
            // Unknown is never failed: ask again.
            StatusAnswer::Unknown(_) => (order.status, order.unconfirmed_since),
        };
        if let Some(sold_at) = unconfirmed_since {
            return self.ask_again_or_alert(order, sold_at).await;
        }
        let now = parts.store.clock().now();
        let next = match parts.orders.asks().flow() {
            Flow::Free => next_look(order, status, now),
            // Not this order's fault: its turn comes when ZenoPay is back.
            Flow::Probe | Flow::Stopped => {
                next_look(order, status, now).map(|next| next.min(check_schedule::ask_soon(now)))
            }
        };
        Ok(parts.store.reschedule(order, next).await?)
    }

    /// Only what this answer has moved: a webhook that was quicker needed no repair.
    fn count_repair(&self, order_id: OrderId, handled: &Handled) {
        let status = handled.payment.status.as_str();
        let is_repair = matches!(
            handled.outcome,
            Outcome::Completed | Outcome::Failed | Outcome::Cancelled | Outcome::Held
        );
        if is_repair {
            self.inner.parts.metrics.reconciler_repairs.inc();
            info!(order = %order_id.order_ref(), status, "reconciler: an order was mended");
        }
    }
}

/// When an order is asked about next; one that waits for no money, no more.
fn next_look(order: &DueOrder, status: Status, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let next = || check_schedule::next_ask(order.order_id, order.created_at, now);
    status.awaits_money().then(next)?
}

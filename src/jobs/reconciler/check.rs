//! One status check: the answer goes to the order's actor, and the order gets its next due time.
//!
//! Each sale is checked too, once, and again while ZenoPay says nothing. One that it does not confirm
//! for days is alerted and left to an operator.

use chrono::{DateTime, Utc};
use tracing::{info, warn};

use super::Reconciler;
use crate::actors::status_checks::CheckOrigin;
use crate::actors::{Command, HandleError, Handled};
use crate::domain::order::{Evidence, OrderId, Outcome, Payment, Status, Word};
use crate::domain::pacing::Flow;
use crate::domain::pacing::check_schedule::ask_soon;
use crate::domain::pacing::check_schedule::next_ask;
use crate::domain::pacing::check_schedule::next_confirmation;
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::store::DueOrder;

impl Reconciler {
    /// Checks a claimed order; a failure is logged, and the order comes back when its lease ends.
    pub(super) async fn reconcile(&self, order: &DueOrder) {
        if let Err(error) = self.check(order).await {
            let order_id = order.order_id;
            warn!(order = %order_id.order_ref(), %error, "reconciler: an order was not reconciled");
        }
    }

    async fn check(&self, order: &DueOrder) -> Result<(), HandleError> {
        let parts = &self.inner.parts;
        let (store, checker, order_id) = (&parts.store, parts.orders.checker(), order.order_id);
        let Some(answer) = checker.check(order_id, CheckOrigin::Schedule).await else {
            // No check was made, so it does not count as one.
            let soon = ask_soon(store.clock().now());
            return Ok(store.check_by(order_id, soon).await?);
        };
        parts.metrics.reconciler_checked.inc();
        let (status, unconfirmed_since) = match answer {
            StatusAnswer::Known(report) => {
                let says_nothing = report.word == Word::InProgress;
                let command = Command::of(Evidence::OrderStatus(report));
                let handled = parts.orders.handle(order_id, command).await?;
                self.count_repair(order_id, &handled);
                let since = unconfirmed_since(&handled.payment);
                (handled.payment.status, since.filter(|_| says_nothing))
            }
            // An unknown status is not a failure: check again later.
            StatusAnswer::Unknown(_) => (order.status, order.unconfirmed_since),
        };
        let now = store.clock().now();
        // ZenoPay is down, so the gap does not grow: check soon after it is back.
        let is_down = checker.flow() != Flow::Free;
        let next = match unconfirmed_since {
            Some(_) if is_down => Some(ask_soon(now)),
            Some(sold_at) => next_confirmation(sold_at, now),
            None if !status.awaits_money() => None,
            None => next_ask(order_id, order.created_at, now).map(|next| {
                if is_down {
                    next.min(ask_soon(now))
                } else {
                    next
                }
            }),
        };
        if unconfirmed_since.is_some() && next.is_none() {
            let command = Command::of(Evidence::NeverConfirmed);
            parts.orders.handle(order_id, command).await?;
        }
        Ok(store.reschedule(order, next).await?)
    }

    /// Counts and logs a repair, if the answer of the check changed the order.
    fn count_repair(&self, order_id: OrderId, handled: &Handled) {
        let status = handled.payment.status.as_str();
        let is_repair = matches!(
            handled.outcome,
            Outcome::Completed | Outcome::Failed | Outcome::Cancelled | Outcome::Held
        );
        if is_repair {
            self.inner.parts.metrics.reconciler_repairs.inc();
            info!(order = %order_id.order_ref(), status, "reconciler: an order was repaired");
        }
    }
}

/// When the order was sold, if ZenoPay itself has not confirmed yet that it was paid.
fn unconfirmed_since(payment: &Payment) -> Option<DateTime<Utc>> {
    let waits = payment.status == Status::Completed && payment.gateway_confirmed_at.is_none();
    waits.then_some(payment.processed_at).flatten()
}

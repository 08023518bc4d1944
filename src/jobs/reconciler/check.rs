//! One status check: the answer goes to the order's actor, and the order gets its next due time.
//!
//! Each sale is checked too, once, and again while ZenoPay says nothing. One that it does not confirm
//! for days is alerted and left to an operator.

use chrono::{DateTime, Utc};
use tracing::info;

use super::Reconciler;
use crate::actors::status_checks::CheckOrigin;
use crate::actors::{Command, HandleError, Handled};
use crate::domain::order::{Evidence, OrderId, Payment, ReportedStatus, Status};
use crate::domain::pacing::Flow;
use crate::domain::pacing::check_schedule::{check_soon, next_check, next_confirmation};
use crate::gateways::zenopay::wire::StatusAnswer;

impl Reconciler {
    /// Checks a claimed order.
    pub(super) async fn check(&self, order: &Payment) -> Result<(), HandleError> {
        let context = &self.inner.context;
        let (store, checker, order_id) = (&context.store, context.orders.checker(), order.order_id);
        let Some(answer) = checker.check(order_id, CheckOrigin::Schedule).await else {
            // No check was made, so it does not count as one.
            let soon = check_soon(store.clock().now());
            return Ok(store.check_by(order_id, soon).await?);
        };
        context.metrics.reconciler_checked.inc();
        let (awaits_money, unconfirmed_since) = match answer {
            StatusAnswer::Known(report) => {
                let says_nothing = report.word == ReportedStatus::InProgress;
                let says_no = matches!(
                    report.word,
                    ReportedStatus::Failed | ReportedStatus::Cancelled
                );
                let command = Command::of(Evidence::OrderStatus(report));
                let handled = context.orders.handle(order_id, command).await?;
                self.count_repair(order_id, &handled);
                let since = unconfirmed_since(&handled.payment);
                // Also an order that its guest gave up is over once ZenoPay says so.
                let awaits_money = handled.payment.awaits_money() && !says_no;
                (awaits_money, since.filter(|_| says_nothing))
            }
            // An unknown status is not a failure: check again later. A failed order was due because
            // something made it doubtful, which it still is.
            StatusAnswer::Unknown(_) => {
                let may_be_paid = order.awaits_money() || order.status.ended_unpaid();
                (may_be_paid, unconfirmed_since(order))
            }
        };
        let now = store.clock().now();
        // ZenoPay is down, so the gap does not grow: check soon after it is back.
        let is_down = checker.flow() != Flow::Free;
        let scheduled = next_check(order_id, order.created_at, now);
        let next = match unconfirmed_since {
            Some(_) if is_down => Some(check_soon(now)),
            Some(sold_at) => next_confirmation(sold_at, now),
            None if !awaits_money => None,
            None if is_down => scheduled.map(|next| next.min(check_soon(now))),
            None => scheduled,
        };
        if unconfirmed_since.is_some() && next.is_none() {
            let command = Command::of(Evidence::NeverConfirmed);
            context.orders.handle(order_id, command).await?;
        }
        Ok(store.reschedule(order, next).await?)
    }

    /// Counts and logs a repair, if the answer of the check changed the order.
    fn count_repair(&self, order_id: OrderId, handled: &Handled) {
        if handled.is_changed {
            let status = handled.payment.status.as_str();
            self.inner.context.metrics.reconciler_repairs.inc();
            info!(order = %order_id.order_ref(), status, "reconciler: an order was repaired");
        }
    }
}

/// When the order was sold, if ZenoPay itself has not confirmed yet that it was paid.
fn unconfirmed_since(payment: &Payment) -> Option<DateTime<Utc>> {
    let waits = payment.status == Status::Completed && payment.gateway_confirmed_at.is_none();
    waits.then_some(payment.processed_at).flatten()
}

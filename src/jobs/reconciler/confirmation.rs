//! Sales that are to be confirmed: ZenoPay is asked about each once, and again while it says
//! nothing. One that it does not confirm for days is alerted and left to an operator.

use chrono::{DateTime, Utc};

use super::Reconciler;
use crate::actors::{Command, HandleError};
use crate::domain::order::{Evidence, Payment, Status};
use crate::domain::pacing::{Flow, check_schedule};
use crate::store::DueOrder;

/// When the order was sold, if ZenoPay itself has not said yet that it was paid.
pub(super) fn unconfirmed_since(payment: &Payment) -> Option<DateTime<Utc>> {
    let waits = payment.status == Status::Completed && payment.gateway_confirmed_at.is_none();
    waits.then_some(payment.processed_at).flatten()
}

impl Reconciler {
    /// Nothing was learned about a sale made at `sold_at`.
    pub(super) async fn ask_again_or_alert(
        &self,
        order: &DueOrder,
        sold_at: DateTime<Utc>,
    ) -> Result<(), HandleError> {
        let parts = &self.inner.parts;
        let now = parts.store.clock().now();
        let next = match parts.orders.asks().flow() {
            Flow::Free => check_schedule::next_confirmation(sold_at, now),
            // Not this sale's fault: its turn comes when ZenoPay is back.
            Flow::Probe | Flow::Stopped => Some(check_schedule::ask_soon(now)),
        };
        if next.is_none() {
            let command = Command::of(Evidence::NeverConfirmed);
            parts.orders.handle(order.order_id, command).await?;
        }
        Ok(parts.store.reschedule(order, next).await?)
    }
}

//! Deliveries without proof about orders of ours. A stranger can send any number of them, so
//! they are followed up once for all that come at the same moment, a fresh answer serves for
//! a while, and then no hint leads to another ask about this order for some seconds. Hints
//! that come too fast are refused like everything else that a stranger sends.

use futures_util::FutureExt;
use tracing::warn;

use super::hints::Verdict;
use crate::actors::Orders;
use crate::actors::order::Command;
use crate::actors::status_checks::{CheckOrigin, Flight};
use crate::domain::order::{Evidence, OrderId, Word};
use crate::domain::pacing::check_schedule;
use crate::gateways::zenopay::wire::StatusAnswer;

impl Orders {
    /// What became of the hint; `None` when hints come too fast, for this order or in all.
    pub(in crate::actors) async fn follow_hint(&self, order_id: OrderId) -> Option<Verdict> {
        let asks = &self.inner.asks;
        let start = || {
            let flight = asks.begin(order_id, CheckOrigin::Stranger)?;
            let orders = self.clone();
            // A task of its own: a follower that dies must not take the others along.
            let look = async move { orders.look_into(order_id, flight).await };
            let task = self.inner.background.spawn(look);
            Some(async move { task.await.unwrap_or(Verdict::NotPaid) }.boxed())
        };
        let shares = self.inner.hints.join(order_id, asks.timekeeper(), start)?;
        Some(shares.await)
    }

    async fn look_into(&self, order_id: OrderId, flight: Flight) -> Verdict {
        if let Some(StatusAnswer::Known(report)) = flight.await {
            if report.word == Word::Paid {
                return Verdict::Paid(report);
            }
            let command = Command::of(Evidence::OrderStatus(report));
            if let Err(error) = self.handle(order_id, command).await {
                warn!(order = %order_id.order_ref(), %error, "what a hint led to could not be applied");
            }
        }
        // Something may have happened that ZenoPay does not show yet.
        self.ask_again_soon(order_id).await;
        Verdict::NotPaid
    }

    /// Has the schedule ask once more, because of a hint that led to an ask.
    pub(in crate::actors) async fn ask_again_soon(&self, order_id: OrderId) {
        let soon = check_schedule::ask_soon(self.inner.store.clock().now());
        if let Err(error) = self.inner.store.ask_by(order_id, soon).await {
            warn!(order = %order_id.order_ref(), %error, "the next ask could not be brought forward");
        }
    }
}

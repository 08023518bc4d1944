//! The registry of active orders: one actor per order, started on first need and removed when idle.
//!
//! The concurrent core is `active_orders.rs`, which has no actors in it; `tests/schedules` tests it in
//! many schedules.

use std::sync::Arc;

use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{error, info_span};

use super::order::{Admitted, Command, HandleError, Handled, OrderActor, OrderContext};
use crate::config::ActorsConfig;
use crate::domain::order::OrderId;
use crate::domain::people::Secret;
use active_orders::{ActiveOrders, Limits};
use stats::{ActorStats, Permit};

pub(super) mod active_orders;
pub mod stats;
pub(super) mod sync;

/// A message fails when it has made this many actors panic, one after the other.
const ACTORS_PER_MESSAGE: u32 = 3;

/// The active orders.
pub(super) struct Registry {
    pub orders: ActiveOrders<OrderId, Addr<OrderActor>, ActorStats>,
    arbiters: Vec<ArbiterHandle>,
    context: Arc<OrderContext>,
    pub limits: ActorsConfig,
}

impl Registry {
    /// Starts without actors; they will live on `arbiters`, which the caller keeps.
    pub fn new(context: Arc<OrderContext>, limits: ActorsConfig, arbiters: &[Arbiter]) -> Self {
        // One is being handled, the others wait.
        let mailbox = limits.mailbox_capacity.saturating_add(1);
        let orders = ActiveOrders::new(Limits {
            mailbox: mailbox.min(Semaphore::MAX_PERMITS),
            process: limits.in_flight_max.min(Semaphore::MAX_PERMITS),
        });
        Self {
            orders,
            arbiters: arbiters.iter().map(Arbiter::handle).collect(),
            context,
            limits,
        }
    }

    /// Has an order's actor handle a command, and waits for the result. `place` is the
    /// command's permit in the process, if the caller has taken one already.
    ///
    /// A command that is being handled is handled to its end; one that still waits is dropped if
    /// the caller is cancelled, so call this in a task that no client cancels.
    pub async fn send(
        &self,
        order_id: OrderId,
        command: Command,
        mut place: Option<OwnedSemaphorePermit>,
    ) -> Result<Handled, HandleError> {
        // Includes the time in the mailbox.
        let span = info_span!("actor", order = %order_id.order_ref());
        for _ in 0..ACTORS_PER_MESSAGE {
            let place = place.take().or_else(|| self.orders.try_enter());
            let place = place.ok_or(HandleError::Busy)?;
            let activate = || self.activate(order_id);
            let admitted = self.orders.admit(order_id, place, activate);
            let (address, stats, places) = admitted.ok_or(HandleError::Busy)?;
            let message = Admitted {
                command: command.clone(),
                permit: Permit::new(stats, places),
                span: span.clone(),
            };
            if let Ok(result) = address.send(message).await {
                return result;
            }
            // The actor panicked. The first task that notices removes it; the next send starts a new one.
            if self.orders.remove_dead(order_id, |dead| *dead == address) {
                error!(order = %order_id.order_ref(), "the order's actor panicked and is replaced");
                self.context.metrics.restarts.inc();
                self.context.metrics.order_actors.dec();
            }
        }
        Err(HandleError::Panicked)
    }

    fn activate(&self, order_id: OrderId) -> (Addr<OrderActor>, Arc<ActorStats>) {
        let stats = Arc::new(ActorStats::new());
        let actor = OrderActor {
            order_id,
            context: self.context.clone(),
            stats: stats.clone(),
            known: None,
        };
        let arbiter = order_id.0.as_u128() as usize % self.arbiters.len();
        let address = OrderActor::start_in_arbiter(&self.arbiters[arbiter], move |_| actor);
        self.context.metrics.activations.inc();
        self.context.metrics.order_actors.inc();
        (address, stats)
    }

    /// The order's webhook secret, if its actor is active and has read it.
    pub fn webhook_secret(&self, order_id: OrderId) -> Option<Secret> {
        self.orders
            .look(order_id, |stats, _| stats.webhook_secret())?
    }
}

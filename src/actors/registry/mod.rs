//! Who is active: one actor per order in play, started on first need and let go when idle.
//!
//! What must hold whoever comes at the same moment is in `in_play.rs`, which knows no actors and
//! is tried in every order of steps by `tests/schedules`.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use tracing::{error, info_span};

use super::order::{Admitted, Command, HandleError, Handled, OrderActor, Tools};
use crate::config::ActorsConfig;
use crate::domain::order::ids::OrderId;
use crate::domain::people::secret::Secret;
use gauge::{ActorView, Gauge};
use in_play::{InPlay, Room};
use permit::Permit;

pub mod gauge;
pub(super) mod in_play;
pub(super) mod permit;
pub(super) mod places;
pub(super) mod sync;

/// How often a message is sent again to a fresh actor when the one before it died.
const INCARNATIONS: u32 = 3;

/// Who is active.
pub(super) struct Registry {
    in_play: InPlay<OrderId, Addr<OrderActor>, Gauge>,
    arbiters: Vec<ArbiterHandle>,
    tools: Arc<Tools>,
    limits: ActorsConfig,
}

impl Registry {
    /// Starts with nobody active; actors will live on `arbiters`, which the caller keeps.
    pub fn new(tools: Arc<Tools>, limits: ActorsConfig, arbiters: &[Arbiter]) -> Self {
        let room = Room {
            // One is being handled, the others wait.
            mailbox: limits.mailbox_capacity.saturating_add(1),
            process: limits.in_flight_max,
        };
        Self {
            in_play: InPlay::new(room),
            arbiters: arbiters.iter().map(Arbiter::handle).collect(),
            tools,
            limits,
        }
    }

    /// Has an order's actor handle a command, and waits for the result. A command that is being
    /// handled is handled to its end; one that still waits is dropped if the caller is cancelled,
    /// so call this in a task that no client cancels.
    pub async fn send(&self, order_id: OrderId, command: Command) -> Result<Handled, HandleError> {
        // From the door to the end: also the time in the mailbox.
        let span = info_span!("actor", order = %order_id.order_ref());
        for _ in 0..INCARNATIONS {
            let (address, permit) = self.admit(order_id)?;
            let dead = address.clone();
            if let Ok(result) = address
                .send(Admitted {
                    command: command.clone(),
                    permit,
                    span: span.clone(),
                })
                .await
            {
                return result;
            }
            // A panic has ended this very actor; whoever finds it first replaces it.
            self.replace(order_id, &dead);
        }
        Err(HandleError::Panicked)
    }

    /// Takes a place and finds or starts the actor.
    fn admit(&self, order_id: OrderId) -> Result<(Addr<OrderActor>, Permit), HandleError> {
        let (address, passage) = self
            .in_play
            .admit(order_id, || self.activate(order_id))
            .ok_or(HandleError::Busy)?;
        Ok((address, Permit::new(passage, &self.tools.metrics)))
    }

    fn activate(&self, order_id: OrderId) -> (Addr<OrderActor>, Arc<Gauge>) {
        let gauge = Arc::new(Gauge::new());
        let actor = OrderActor::new(order_id, self.tools.clone(), gauge.clone());
        let home = order_id.0.as_u128() as usize % self.arbiters.len();
        let address = OrderActor::start_in_arbiter(&self.arbiters[home], move |_| actor);
        self.tools.metrics.activations.inc();
        self.tools.metrics.order_actors.inc();
        (address, gauge)
    }

    fn replace(&self, order_id: OrderId, dead: &Addr<OrderActor>) {
        if self.in_play.bury(order_id, |address| address == dead) {
            error!(order = %order_id.order_ref(), "the order's actor died and is replaced");
            self.tools.metrics.restarts.inc();
            self.tools.metrics.order_actors.dec();
        }
    }

    /// Lets go of actors that have been idle long enough. An actor whose entry is gone ends
    /// when its last address is dropped, after what is queued.
    pub fn passivate_idle(&self) {
        let idle = Duration::from_secs(u64::from(self.limits.idle_secs));
        for _ in 0..self.in_play.passivate_idle(idle) {
            self.tools.metrics.passivations.inc();
            self.tools.metrics.order_actors.dec();
        }
    }

    /// The order's webhook secret, if its actor is active and has read it.
    pub fn webhook_secret(&self, order_id: OrderId) -> Option<Secret> {
        self.in_play.look(order_id, Gauge::webhook_secret)?
    }

    /// A look at one actor; `None` if the order is not in play.
    pub fn view(&self, order_id: OrderId) -> Option<ActorView> {
        self.in_play.look(order_id, Gauge::view)
    }

    /// A look at all of them.
    pub fn views(&self) -> Vec<(OrderId, ActorView)> {
        self.in_play.look_at_all(Gauge::view)
    }

    /// How many wait per order, beside the one being handled.
    pub fn mailbox_capacity(&self) -> usize {
        self.limits.mailbox_capacity
    }

    /// Messages that are not done.
    pub fn in_flight(&self) -> usize {
        self.in_play.in_flight()
    }

    /// Admits nobody any more.
    pub fn close(&self) {
        self.in_play.close();
    }
}

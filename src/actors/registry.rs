//! Who is active: one actor per order in play, started on first need and let go when idle.
//!
//! Nouns: a [`Permit`] is a place taken, in the order's mailbox and in the process; it
//! travels with its message and is given back when the message is done or lost.
//!
//! The rule that must not be broken: places are taken and idle actors are removed under the
//! same lock of the map's shard. So an actor that somebody is about to use is never
//! removed, and an order never has two actors that work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use dashmap::DashMap;
use tracing::error;

use super::gauge::{ActorView, Gauge};
use super::order::{Case, OrderActor, Tools, Weigh, WeighError, Weighed};
use crate::config::ActorsConfig;
use crate::domain::ids::OrderId;
use crate::domain::secret::Secret;
use crate::metrics::Metrics;

/// How often a message is sent again to a fresh actor when the one before it died.
const INCARNATIONS: u32 = 3;

/// Who is active.
pub(super) struct Registry {
    actors: DashMap<OrderId, Active>,
    arbiters: Vec<ArbiterHandle>,
    tools: Arc<Tools>,
    limits: ActorsConfig,
    in_flight: Arc<AtomicUsize>,
    closed: AtomicBool,
}

struct Active {
    address: Addr<OrderActor>,
    gauge: Arc<Gauge>,
}

/// A place in an order's mailbox and in the process.
pub(super) struct Permit {
    gauge: Arc<Gauge>,
    in_flight: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    is_waiting: bool,
}

impl Permit {
    /// The message leaves the mailbox: it is handled now.
    pub fn begin(&mut self) {
        self.gauge.begin();
        self.leave_mailbox();
    }

    fn leave_mailbox(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.metrics.mailbox_depth.dec();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // A message that was lost with its actor has never begun.
        self.leave_mailbox();
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.gauge.leave();
    }
}

impl Registry {
    /// Starts with nobody active; actors will live on `arbiters`, which the caller keeps.
    pub fn new(tools: Arc<Tools>, limits: ActorsConfig, arbiters: &[Arbiter]) -> Self {
        Self {
            actors: DashMap::new(),
            arbiters: arbiters.iter().map(Arbiter::handle).collect(),
            tools,
            limits,
            in_flight: Arc::new(AtomicUsize::new(0)),
            closed: AtomicBool::new(false),
        }
    }

    /// Has an order's actor weigh a case, and waits for the end of it. Who stops waiting
    /// cancels nothing: the message is the actor's.
    pub async fn send(&self, order_id: OrderId, case: Case) -> Result<Weighed, WeighError> {
        for _ in 0..INCARNATIONS {
            let (address, permit) = self.admit(order_id)?;
            let dead = address.clone();
            if let Ok(result) = address
                .send(Weigh {
                    case: case.clone(),
                    permit,
                })
                .await
            {
                return result;
            }
            // A panic has ended this very actor; whoever finds it first replaces it.
            self.replace(order_id, &dead);
        }
        Err(WeighError::Panicked)
    }

    /// Takes a place and finds or starts the actor.
    fn admit(&self, order_id: OrderId) -> Result<(Addr<OrderActor>, Permit), WeighError> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst);
        if in_flight >= self.limits.in_flight_max || self.closed.load(Ordering::SeqCst) {
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            return Err(WeighError::Busy);
        }
        let active = self
            .actors
            .entry(order_id)
            .or_insert_with(|| self.activate(order_id));
        // One is being handled, the others wait.
        if !active.gauge.enter(self.limits.mailbox_capacity + 1) {
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            return Err(WeighError::Busy);
        }
        self.tools.metrics.mailbox_depth.inc();
        let permit = Permit {
            gauge: active.gauge.clone(),
            in_flight: self.in_flight.clone(),
            metrics: self.tools.metrics.clone(),
            is_waiting: true,
        };
        Ok((active.address.clone(), permit))
    }

    fn activate(&self, order_id: OrderId) -> Active {
        let gauge = Arc::new(Gauge::new());
        let actor = OrderActor::new(order_id, self.tools.clone(), gauge.clone());
        let home = order_id.0.as_u128() as usize % self.arbiters.len();
        let address = OrderActor::start_in_arbiter(&self.arbiters[home], move |_| actor);
        self.tools.metrics.activations.inc();
        self.tools.metrics.order_actors.inc();
        Active { address, gauge }
    }

    fn replace(&self, order_id: OrderId, dead: &Addr<OrderActor>) {
        let removed = self
            .actors
            .remove_if(&order_id, |_, active| active.address == *dead);
        if removed.is_some() {
            error!(%order_id, "the order's actor died and is replaced");
            self.tools.metrics.restarts.inc();
            self.tools.metrics.order_actors.dec();
        }
    }

    /// Lets go of actors that have been idle long enough. An actor whose entry is gone ends
    /// when its last address is dropped, after what is queued.
    pub fn passivate_idle(&self) {
        let idle = Duration::from_secs(u64::from(self.limits.idle_secs));
        let candidates: Vec<OrderId> = self
            .actors
            .iter()
            .filter(|entry| entry.gauge.is_idle_for(idle))
            .map(|entry| *entry.key())
            .collect();
        for order_id in candidates {
            let removed = self
                .actors
                .remove_if(&order_id, |_, active| active.gauge.is_idle_for(idle));
            if removed.is_some() {
                self.tools.metrics.passivations.inc();
                self.tools.metrics.order_actors.dec();
            }
        }
    }

    /// The order's webhook secret, if its actor is active and has read it.
    pub fn webhook_secret(&self, order_id: OrderId) -> Option<Secret> {
        self.actors.get(&order_id)?.gauge.webhook_secret()
    }

    /// A look at one actor; `None` if the order is not in play.
    pub fn view(&self, order_id: OrderId) -> Option<ActorView> {
        self.actors.get(&order_id).map(|active| active.gauge.view())
    }

    /// A look at all of them.
    pub fn views(&self) -> Vec<(OrderId, ActorView)> {
        self.actors
            .iter()
            .map(|entry| (*entry.key(), entry.gauge.view()))
            .collect()
    }

    /// How many wait per order, beside the one being handled.
    pub fn mailbox_capacity(&self) -> usize {
        self.limits.mailbox_capacity
    }

    /// Messages that are not done.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Admits nobody any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

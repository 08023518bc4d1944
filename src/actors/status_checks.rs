//! Asking ZenoPay about an order: a single flight an order, a handful in all, and at the pace
//! of the budget that all of them share.
//!
//! Asks come from unverified webhooks, from the reconciler and from operators; a caller that comes
//! while one is under way shares its answer. Never awaited inside an order's actor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::domain::order::OrderId;
use crate::domain::pacing::{AskBudget, Circuit, Flow, Turn, Turns};
use crate::gateways::zenopay::client::Client;
use crate::gateways::zenopay::wire::{StatusAnswer, Why};
use crate::observability::metrics::Metrics;
use crate::store::{GatewayCall, Store};
use crate::supervisor::UnderWay;
use crate::timekeeper::Timekeeper;

/// Asks under way at most, for each kind of asker: strangers must not be able to keep the
/// reconciler from asking, nor it an operator.
const IN_ALL: usize = 8;
/// The same for strangers while ZenoPay seems to be down. Not none: the answer to a hint
/// shows as well as any probe that it is back.
const STRANGERS_WHILE_DOWN: usize = 1;
/// Asks in a row without a usable answer after which ZenoPay is taken to be down.
const PATIENCE: u32 = 8;
/// The first pause of the reconciler then; it doubles with each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long an answer waits until its call is recorded.
const RECORD_WITHIN: Duration = Duration::from_millis(500);

/// On whose account ZenoPay is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOrigin {
    /// A delivery without proof.
    Stranger,
    /// A proven delivery, an operator.
    Ourselves,
    /// The reconciler, which alone holds back while ZenoPay is down, and has taken a turn
    /// from the budget before it claimed the order.
    Schedule,
}

pub(super) type Flight = Shared<BoxFuture<'static, Option<StatusAnswer>>>;
type FlightsByOrder = HashMap<OrderId, (CheckOrigin, Flight)>;
type Flights = Arc<Mutex<FlightsByOrder>>;

/// Asks ZenoPay. Clones share their flights.
#[derive(Clone)]
pub struct StatusChecker {
    client: Client,
    store: Store,
    background: UnderWay,
    flights: Flights,
    circuit: Arc<Mutex<Circuit>>,
    budget: Arc<Mutex<AskBudget>>,
    timekeeper: Timekeeper,
    metrics: Arc<Metrics>,
}

impl StatusChecker {
    /// Asks run on `background`, so that a caller that leaves cancels none.
    pub fn new(
        client: Client,
        asks_per_sec: u32,
        store: Store,
        background: UnderWay,
        timekeeper: Timekeeper,
        metrics: Arc<Metrics>,
    ) -> Self {
        let circuit = Circuit::new(PATIENCE, FIRST_PAUSE, LONGEST_PAUSE);
        let budget = AskBudget::new(asks_per_sec, timekeeper.now());
        Self {
            client,
            store,
            background,
            flights: Arc::default(),
            circuit: Arc::new(Mutex::new(circuit)),
            budget: Arc::new(Mutex::new(budget)),
            timekeeper,
            metrics,
        }
    }

    /// What may be asked without need now: nothing while ZenoPay is down.
    pub fn flow(&self) -> Flow {
        self.circuit().flow(self.timekeeper.now())
    }

    /// A probe goes out.
    pub fn probing(&self) {
        self.circuit().probing(self.timekeeper.now());
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes turns to ask about due orders, at most `most` and as many as there are now.
    pub fn take_turns(&self, most: usize) -> Turns {
        self.budget().take_turns(most, self.timekeeper.now())
    }

    /// Gives back turns that were not used.
    pub fn give_back(&self, unused: Turns) {
        self.budget().give_back(unused);
    }

    /// How long until there is a turn.
    pub fn next_turn_in(&self) -> Duration {
        self.budget().next_turn_in(self.timekeeper.now())
    }

    fn budget(&self) -> MutexGuard<'_, AskBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By which pauses are measured.
    pub(super) fn timekeeper(&self) -> &Timekeeper {
        &self.timekeeper
    }

    /// What ZenoPay says about an order's payment. `None` when too many asks are under way,
    /// or one was lost.
    pub async fn ask(&self, order_id: OrderId, asker: CheckOrigin) -> Option<StatusAnswer> {
        self.begin(order_id, asker)?.await
    }

    /// Joins the ask that is under way about this order, or begins one. `None` when there are
    /// too many, and for a stranger when hints have had their share.
    pub(super) fn begin(&self, order_id: OrderId, asker: CheckOrigin) -> Option<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = flights.get(&order_id).map(|(_, flight)| flight.clone());
        if under_way.is_none() && self.is_crowded(&flights, asker) {
            return None;
        }
        let now = self.timekeeper.now();
        match asker {
            // Also for an answer that it only shares: each is followed by another ask.
            CheckOrigin::Stranger if !self.budget().admits_hint(now) => return None,
            CheckOrigin::Ourselves if under_way.is_none() => self.budget().spend(now),
            CheckOrigin::Stranger | CheckOrigin::Ourselves | CheckOrigin::Schedule => {}
        }
        if under_way.is_some() {
            return under_way;
        }
        let asks = self.clone();
        let task = self
            .background
            .spawn(async move { asks.call(order_id).await });
        let flight = async move { task.await.ok() }.boxed().shared();
        flights.insert(order_id, (asker, flight.clone()));
        Some(flight)
    }

    fn is_crowded(&self, flights: &FlightsByOrder, asker: CheckOrigin) -> bool {
        let most = match asker {
            CheckOrigin::Stranger if self.circuit().is_open() => STRANGERS_WHILE_DOWN,
            CheckOrigin::Stranger | CheckOrigin::Ourselves | CheckOrigin::Schedule => IN_ALL,
        };
        let under_way = flights.values().filter(|(other, _)| *other == asker);
        under_way.count() >= most
    }

    async fn call(&self, order_id: OrderId) -> StatusAnswer {
        // Landed when this is dropped, by a panic too.
        let _landing = Landing {
            order_id,
            flights: self.flights.clone(),
        };
        let at = self.store.clock().now();
        let (answer, facts) = self.client.order_status(order_id).await;
        self.learn_from(&answer);
        let (word, detail) = match &answer {
            StatusAnswer::Known(report) => (report.raw_word.clone(), None),
            StatusAnswer::Unknown(why) => ("unknown".to_owned(), Some(why.to_string())),
        };
        let call = GatewayCall {
            order_id,
            kind: "order_status",
            at,
            duration: facts.duration,
            http_status: facts.http_status,
            answer: word,
            detail,
        };
        // The call is recorded before its effect is, but a slow database must not
        // hold the answer back; the write then goes on by itself.
        match timeout(RECORD_WITHIN, self.store.record_call(call)).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => {
                warn!(order = %order_id.order_ref(), %error, "a call to ZenoPay could not be recorded")
            }
        }
        answer
    }

    /// Whether ZenoPay is there at all.
    fn learn_from(&self, answer: &StatusAnswer) {
        let mut circuit = self.circuit();
        let turn = if is_there(answer) {
            circuit.succeeded()
        } else {
            circuit.failed(self.timekeeper.now())
        };
        self.metrics.zenopay_circuit.set(circuit.is_open().into());
        drop(circuit);
        match turn {
            None => {}
            Some(Turn::Opened { pause }) => error!(
                pause_secs = pause.as_secs(),
                "ZenoPay does not answer order-status; the reconciler pauses"
            ),
            Some(Turn::Closed) => info!("ZenoPay answers order-status again"),
        }
    }
}

/// Whether this is an answer about orders, be it a useless one.
fn is_there(answer: &StatusAnswer) -> bool {
    match answer {
        StatusAnswer::Known(_)
        | StatusAnswer::Unknown(Why::NotFound | Why::NotOurs | Why::NoPaymentStatus) => true,
        StatusAnswer::Unknown(
            Why::Unreachable
            | Why::TimedOut
            | Why::Broken
            | Why::TooLarge
            | Why::HttpStatus(_)
            | Why::Unreadable,
        ) => false,
    }
}

struct Landing {
    order_id: OrderId,
    flights: Flights,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.order_id);
    }
}

//! Status checks: calls of ZenoPay's order-status. One at a time per order, eight per origin, and at
//! the pace of the budget that all of them share.
//!
//! Checks are requested for unverified webhooks, by the reconciler and by operators; a request that
//! comes while one is under way shares its answer. Never awaited inside an order's actor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use crate::domain::order::OrderId;
use crate::domain::pacing::{CheckBudget, Circuit, CircuitChange, Flow, Turns};
use crate::gateways::zenopay::client::Client;
use crate::gateways::zenopay::wire::{StatusAnswer, Why};
use crate::observability::metrics::Metrics;
use crate::store::{GatewayCall, Store};
use crate::supervisor::BackgroundTasks;
use crate::timekeeper::Timekeeper;

/// The limit of concurrent checks per origin: unverified webhooks must not block the reconciler,
/// nor the reconciler an operator.
const CHECKS_PER_ORIGIN: usize = 8;
/// The same for unverified webhooks while ZenoPay seems to be down. Not zero: the check is also a
/// probe that shows when it is back.
const STRANGERS_WHILE_DOWN: usize = 1;
/// Checks in a row without a usable answer after which ZenoPay is taken to be down.
const FAILURES_MAX: u32 = 8;
/// How long the recording of a call may delay its answer.
const RECORD_WITHIN: Duration = Duration::from_millis(500);

/// The reason for a status check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOrigin {
    /// A webhook without proof.
    Unverified,
    /// A proven webhook or an operator. Never refused by the budget.
    Trusted,
    /// The reconciler. Only it pauses while ZenoPay is down. It has taken a turn from the budget
    /// before it claimed the order.
    Schedule,
}

/// A check whose answer any number of callers await; `None` if it panicked.
pub(super) type SharedCheck = Shared<BoxFuture<'static, Option<StatusAnswer>>>;

/// Checks the status of orders at ZenoPay. Cheap to clone.
#[derive(Clone)]
pub struct StatusChecker {
    client: Client,
    store: Store,
    background: BackgroundTasks,
    under_way: Arc<Mutex<HashMap<OrderId, Check>>>,
    pace: Arc<Mutex<Pace>>,
    timekeeper: Timekeeper,
    metrics: Arc<Metrics>,
}

struct Check {
    origin: CheckOrigin,
    task: AbortHandle,
    answer: SharedCheck,
}

struct Pace {
    circuit: Circuit,
    budget: CheckBudget,
}

impl StatusChecker {
    /// Checks run on `background`, so that a caller that leaves cancels none.
    pub fn new(
        client: Client,
        asks_per_sec: u32,
        store: Store,
        background: BackgroundTasks,
        timekeeper: Timekeeper,
        metrics: Arc<Metrics>,
    ) -> Self {
        let pace = Pace {
            circuit: Circuit::new(FAILURES_MAX),
            budget: CheckBudget::new(asks_per_sec, timekeeper.now()),
        };
        Self {
            client,
            store,
            background,
            under_way: Arc::default(),
            pace: Arc::new(Mutex::new(pace)),
            timekeeper,
            metrics,
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the reconciler may check now: while ZenoPay is down, nothing or a single probe.
    pub fn flow(&self) -> Flow {
        self.pace().circuit.flow(self.timekeeper.now())
    }

    /// Notes that a probe is sent.
    pub fn probing(&self) {
        self.pace().circuit.probing(self.timekeeper.now());
    }

    /// Takes turns to check due orders: at least one, for which it waits, and at most `most`.
    pub async fn turns(&self, most: usize) -> Turns {
        loop {
            let now = self.timekeeper.now();
            let turns = self.pace().budget.take_turns(most, now);
            if turns.in_all() > 0 {
                return turns;
            }
            let next = self.pace().budget.next_turn_in(now);
            sleep(next.max(Duration::from_millis(1))).await;
        }
    }

    /// Gives back turns that were not used.
    pub fn give_back(&self, unused: Turns) {
        self.pace().budget.give_back(unused);
    }

    /// The clock of all pauses.
    pub(super) fn timekeeper(&self) -> &Timekeeper {
        &self.timekeeper
    }

    /// What ZenoPay says about an order's payment. `None` when too many checks are under way, or
    /// one panicked.
    pub async fn check(&self, order_id: OrderId, origin: CheckOrigin) -> Option<StatusAnswer> {
        self.begin(order_id, origin)?.await
    }

    /// Joins the check of this order that is under way, or begins one. `None` when there are too
    /// many, and for a stranger when unverified webhooks have used their share of the budget.
    pub(super) fn begin(&self, order_id: OrderId, origin: CheckOrigin) -> Option<SharedCheck> {
        let under_way = self.under_way.lock();
        let mut under_way = under_way.unwrap_or_else(PoisonError::into_inner);
        // A full scan is cheap: at most a handful of checks per origin.
        under_way.retain(|_, check| !check.task.is_finished());
        let shared = under_way.get(&order_id).map(|check| check.answer.clone());
        let of_origin = under_way.values().filter(|check| check.origin == origin);
        if shared.is_none() && of_origin.count() >= self.most(origin) {
            return None;
        }
        let now = self.timekeeper.now();
        match origin {
            // Charged also if it shares an answer, because its webhook is followed by another check.
            CheckOrigin::Unverified if !self.pace().budget.admits_unverified(now) => return None,
            CheckOrigin::Trusted if shared.is_none() => self.pace().budget.spend(now),
            CheckOrigin::Unverified | CheckOrigin::Trusted | CheckOrigin::Schedule => {}
        }
        if shared.is_some() {
            return shared;
        }
        let checker = self.clone();
        let work = async move { checker.call(order_id).await };
        let task = self.background.spawn(work);
        let check = Check {
            origin,
            task: task.abort_handle(),
            answer: async move { task.await.ok() }.boxed().shared(),
        };
        let answer = check.answer.clone();
        under_way.insert(order_id, check);
        Some(answer)
    }

    /// How many checks of this origin may be under way.
    fn most(&self, origin: CheckOrigin) -> usize {
        match origin {
            CheckOrigin::Unverified if self.pace().circuit.is_open() => STRANGERS_WHILE_DOWN,
            CheckOrigin::Unverified | CheckOrigin::Trusted | CheckOrigin::Schedule => {
                CHECKS_PER_ORIGIN
            }
        }
    }

    async fn call(&self, order_id: OrderId) -> StatusAnswer {
        let at = self.store.clock().now();
        let (answer, facts) = self.client.order_status(order_id).await;
        self.learn_from(&answer);
        if facts.http_status.is_some() {
            self.store.clock().gateway_answered(facts.date);
        }
        let (word, detail) = match &answer {
            StatusAnswer::Known(report) => (report.raw_word.clone(), None),
            StatusAnswer::Unknown(why) => ("unknown".to_owned(), Some(why.to_string())),
        };
        let call = GatewayCall {
            id: 0,
            order_id: order_id.0,
            kind: "order_status".to_owned(),
            at,
            duration_ms: facts.duration.as_secs_f64() * 1_000.0,
            http_status: facts.http_status.map(i32::from),
            answer: word,
            detail,
        };
        // The call is recorded before its effect is, but a slow database must not
        // hold the answer back; the write then goes on by itself.
        let recorded = timeout(RECORD_WITHIN, self.store.record_call(call)).await;
        if let Ok(Err(error)) = recorded {
            warn!(order = %order_id.order_ref(), %error, "a call to ZenoPay could not be recorded");
        }
        answer
    }

    /// Notes whether ZenoPay answers at all.
    fn learn_from(&self, answer: &StatusAnswer) {
        let mut pace = self.pace();
        let turn = if has_answered(answer) {
            pace.circuit.succeeded()
        } else {
            pace.circuit.failed(self.timekeeper.now())
        };
        let is_open = pace.circuit.is_open().into();
        self.metrics.zenopay_circuit.set(is_open);
        drop(pace);
        match turn {
            None => {}
            Some(CircuitChange::Opened { pause }) => error!(
                pause_secs = pause.as_secs(),
                "ZenoPay does not answer order-status; the reconciler pauses"
            ),
            Some(CircuitChange::Closed) => info!("ZenoPay answers order-status again"),
        }
    }
}

/// Whether ZenoPay answered the request, even if not with a status.
fn has_answered(answer: &StatusAnswer) -> bool {
    match answer {
        StatusAnswer::Known(_)
        | StatusAnswer::Unknown(Why::NotFound | Why::NotOurs | Why::NoPaymentStatus) => true,
        StatusAnswer::Unknown(Why::Call(_) | Why::HttpStatus(_) | Why::Unreadable) => false,
    }
}

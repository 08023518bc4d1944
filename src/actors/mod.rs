//! The shell around the decision: one actor per active order, and the status actor.
//!
//! [`Orders`] is the handle for the rest of the program. `receive` parses and proves a webhook,
//! `registry` finds or starts the order's actor, `order` is that actor, `status` notifies the
//! long polls, `status_checks` calls ZenoPay's order-status, `cluster` notifies other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::field::{DisplayValue, display};
use tracing::{Instrument, Span, error, info, warn};

use crate::config::{ActorsConfig, Confirm};
use crate::domain::order::{OrderId, OrderRef};
use crate::domain::pacing::LogShare;
use crate::failpoint::Point;
use crate::gateways::zenopay::proof::{KeyCheck, Keys};
use crate::observability::metrics::Metrics;
use crate::store::Store;
use crate::supervisor::BackgroundTasks;

pub mod cluster;
pub mod order;
mod receive;
pub mod registry;
pub mod status;
pub mod status_checks;

use receive::delivery::{Claim, ParsedWebhook};
use receive::unverified::UnverifiedWebhooks;
use receive::without_key::WithoutKey;
use registry::Registry;
use registry::stats::{ActorStats, ActorView};
use status_checks::StatusChecker;

pub use order::acts::{Reconciled, Reissue, ReissueOutcome, Requester};
pub use order::{Command, HandleError, Handled, OrderContext};
pub use receive::delivery::{Delivery, Rejection};

/// Every delivery is answered within five seconds; this leaves room for the answer itself.
const ANSWER_WITHIN: Duration = Duration::from_millis(4_500);

/// Unverified webhooks in the process: eight status checks, each shared by 32 (`unverified.rs`).
const UNVERIFIED_MAX: usize = 256;
/// Webhooks to an order's own URL whose secret is looked up. A read takes milliseconds, so this
/// many wait only for a database that does not answer.
const LOOKUPS_MAX: usize = 1_024;
/// Webhooks without proof that are logged in a minute: a flood of them must not fill the disk. All are
/// counted in the metrics.
const UNPROVEN_LOGGED_PER_MIN: u32 = 60;

/// Handle to the order actors. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    store: Store,
    checker: StatusChecker,
    recent_checks: UnverifiedWebhooks,
    without_key: WithoutKey,
    /// Permits of unverified webhooks. A proven webhook needs none of these: it takes the permit of its
    /// message in the process (`actors.in_flight_max`).
    unverified_permits: Arc<Semaphore>,
    /// Places of webhooks whose token is looked up.
    lookup_permits: Arc<Semaphore>,
    auth: WebhookAuth,
    metrics: Arc<Metrics>,
    /// Lines of the log for webhooks without proof.
    log_share: LogShare,
    background: BackgroundTasks,
}

/// A webhook that is being received.
#[derive(Clone, Copy)]
struct Arrival {
    order_id: Option<OrderId>,
    received: Instant,
    /// Whether the log has its first line.
    is_logged: bool,
}

/// How webhooks are authenticated.
pub struct WebhookAuth {
    /// The keys that prove a webhook.
    pub keys: Keys,
    /// Which webhooks need a status check first.
    pub confirm: Confirm,
}

impl Orders {
    /// Starts without actors; they will live on `arbiters`, which the caller keeps.
    pub fn start(
        context: OrderContext,
        limits: ActorsConfig,
        arbiters: &[actix::Arbiter],
        checker: StatusChecker,
        auth: WebhookAuth,
        background: BackgroundTasks,
    ) -> Self {
        let inner = Inner {
            store: context.store.clone(),
            metrics: context.metrics.clone(),
            registry: Registry::new(Arc::new(context), limits, arbiters),
            checker,
            recent_checks: UnverifiedWebhooks::default(),
            without_key: WithoutKey::default(),
            unverified_permits: Arc::new(Semaphore::new(UNVERIFIED_MAX)),
            lookup_permits: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            auth,
            log_share: LogShare::per_minute(UNPROVEN_LOGGED_PER_MIN),
            background,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Receives one webhook and answers within five seconds, whatever the database does. The work
    /// itself goes on to its end, also when its caller has left.
    ///
    /// # Errors
    /// The [`Rejection`], which says whether another copy would help.
    pub async fn receive(&self, delivery: Delivery) -> Result<Handled, Rejection> {
        let webhook = ParsedWebhook::read(delivery, &self.inner.auth.keys);
        let (order_id, received) = (webhook.order_id, webhook.record.received);
        let order = order_id.map(ref_of);
        let admitted = self.admit(&webhook);
        let is_proven = matches!(admitted, Ok((Claim::Proven(_), _)));
        let is_logged = is_proven || self.may_log_unproven();
        if is_logged {
            info!(order, "webhook received");
        }
        let arrival = Arrival {
            order_id,
            received,
            is_logged,
        };
        // A webhook that is refused here costs no task.
        let (claim, place) = match admitted {
            Ok(admitted) => admitted,
            Err(rejection) => return self.answered(arrival, Err(rejection)),
        };
        let if_late = match &claim {
            Claim::Unverified(_) => Rejection::NotAuthentic,
            Claim::Token { .. } | Claim::Proven(_) => Rejection::CommitUnknown,
        };

        // Counted and logged once, with the answer that was given. The work counts it itself,
        // because the request's own future is dropped when the sender hangs up.
        let is_counted = Arc::new(AtomicBool::new(false));
        let (orders, counted_by_caller) = (self.clone(), is_counted.clone());
        let work = async move {
            let mut result = orders.handle_webhook(webhook, claim, place).await;
            if let Err(error) = orders.inner.store.reach_after_commit(Point::BeforeAnswer) {
                result = Err(error.into());
            }
            if counted_by_caller.swap(true, Ordering::SeqCst) {
                let (order, outcome) = (order_id.map(ref_of), label(&result));
                info!(order, outcome, "webhook done after its answer");
                return result;
            }
            orders.answered(arrival, result)
        };
        let work = self.inner.background.spawn(work.in_current_span());
        match timeout(ANSWER_WITHIN, work).await {
            Ok(Ok(result)) => result,
            // It may not be journalled, so the answer is 503 and not 500: ZenoPay then sends it again.
            Ok(Err(panic)) => {
                error!(order, %panic, "webhook panicked");
                self.answered(arrival, Err(Rejection::Unavailable))
            }
            Err(_) => {
                warn!(order, "webhook answered before it is handled; it goes on");
                if is_counted.swap(true, Ordering::SeqCst) {
                    return Err(if_late);
                }
                self.answered(arrival, Err(if_late))
            }
        }
    }

    /// Whether a webhook with this key would be proven.
    pub fn knows_key(&self, key: Option<&[u8]>) -> bool {
        let check = self.inner.auth.keys.check_key(key);
        matches!(check, KeyCheck::Current | KeyCheck::Previous)
    }

    /// Whether a webhook without proof gets lines in the log. Says how many before it got none.
    fn may_log_unproven(&self) -> bool {
        let left_out = self.inner.log_share.take(Instant::now());
        if let Some(left_out @ 1..) = left_out {
            warn!(left_out, "webhooks without proof were left out of the log");
        }
        left_out.is_some()
    }

    /// Counts and logs an answer. A refusal without proof is logged if its first line was.
    fn answered(
        &self,
        arrival: Arrival,
        result: Result<Handled, Rejection>,
    ) -> Result<Handled, Rejection> {
        let (order, outcome) = (arrival.order_id.map(ref_of), label(&result));
        let took = arrival.received.elapsed();
        let span = Span::current();
        span.record("order", order.as_ref());
        span.record("outcome", outcome);
        let metrics = &self.inner.metrics;
        metrics.webhooks.with_label_values(&[outcome]).inc();
        metrics.webhook.observe(took);
        let processing_ms = took.as_secs_f64() * 1_000.0;
        if arrival.is_logged || !matches!(result, Err(Rejection::NotAuthentic)) {
            info!(order, outcome, processing_ms, "webhook processed");
        }
        result
    }

    /// Sends evidence from a source other than a webhook to the order's actor.
    ///
    /// # Errors
    /// The [`HandleError`]; nothing was written, unless it is `CommitUnknown` or `Panicked`.
    pub async fn handle(
        &self,
        order_id: OrderId,
        command: Command,
    ) -> Result<Handled, HandleError> {
        self.inner.registry.send(order_id, command, None).await
    }

    /// Calls ZenoPay's order-status.
    pub fn checker(&self) -> &StatusChecker {
        &self.inner.checker
    }

    /// One actor's numbers; `None` if the order is not active.
    pub fn view(&self, order_id: OrderId) -> Option<ActorView> {
        self.inner.registry.orders.look(order_id, ActorStats::view)
    }

    /// The numbers of all actors.
    pub fn views(&self) -> Vec<(OrderId, ActorView)> {
        self.inner.registry.orders.look_at_all(ActorStats::view)
    }

    /// How many messages may wait per order, beside the one being handled.
    pub fn mailbox_capacity(&self) -> usize {
        self.inner.registry.limits.mailbox_capacity
    }

    /// Removes idle actors each second, until stopped.
    pub async fn passivate(self, stop: tokio_util::sync::CancellationToken) {
        let second = Duration::from_secs(1);
        while let Some(()) = stop.run_until_cancelled(sleep(second)).await {
            self.passivate_idle();
        }
    }

    /// Removes actors that have been idle for `actors.idle_secs`. A removed actor ends when its last
    /// address is dropped, after its queued messages.
    pub fn passivate_idle(&self) {
        let (registry, metrics) = (&self.inner.registry, &self.inner.metrics);
        let idle = Duration::from_secs(u64::from(registry.limits.idle_secs));
        let is_idle = |stats: &ActorStats| stats.is_idle_for(idle);
        let removed = registry.orders.passivate(is_idle);
        metrics.passivations.inc_by(removed as u64);
        metrics.order_actors.sub(removed as i64);
    }

    /// Admits no more messages and waits until all are handled, at most until the limit.
    pub async fn drain(&self, limit: Duration) {
        let orders = &self.inner.registry.orders;
        orders.close();
        let done = async {
            while orders.in_flight() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(limit, done).await.is_err() {
            let left = orders.in_flight();
            warn!(
                left,
                "stopping before all messages are handled; ZenoPay sends them again"
            );
        }
    }
}

/// An order's `ref`, for log lines and traces.
fn ref_of(order_id: OrderId) -> DisplayValue<OrderRef> {
    display(order_id.order_ref())
}

/// The outcome's label in metrics and logs.
fn label(result: &Result<Handled, Rejection>) -> &'static str {
    match result {
        Ok(done) => done.outcome.as_str(),
        Err(rejection) => rejection.label(),
    }
}

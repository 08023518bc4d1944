//! The actor of one active order. It handles one message at a time, to the end: load, decide, write
//! everything in one transaction, and only then publish.
//!
//! The actor removes contention; it does not make the result right. The version in the conditional
//! update and the unique keys do, also when another process writes.

use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, ActorFutureExt, AtomicResponse, Context, Handler, Message, WrapFuture};
use chrono::{DateTime, SecondsFormat, Utc};
use tracing::{Instrument, Span, info, info_span, warn};

use super::registry::stats::{ActorStats, Permit};
use super::status::StatusBoard;
use crate::domain::order::decide::decide;
use crate::domain::order::{Decision, Effect, Evidence, Level, OrderId, Outcome, Payment};
use crate::domain::pacing::check_schedule;
use crate::failpoint::Point;
use crate::observability::metrics::Metrics;
use crate::radius::attributes::radius_user;
use crate::store::{AuditEntry, Change, DeliveryRecord, Store, StoreError};
use facts::FactSource;

pub(super) mod acts;
mod alerts;
pub mod facts;

/// How often an order is loaded and decided when another writer keeps changing it first.
const TRIES: u32 = 3;

/// What every order actor needs.
pub struct OrderContext {
    /// The database.
    pub store: Store,
    /// Clock, randomness and shop.
    pub facts: FactSource,
    /// Notifies the waiters.
    pub status: StatusBoard,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Evidence about this actor's order.
#[derive(Clone)]
pub struct Command {
    /// What is known of the payment.
    pub evidence: Evidence,
    /// The delivery that brought it, to be journalled in the same transaction.
    pub delivery: Option<DeliveryRecord>,
    /// The operator's act behind it, to be logged in the same transaction.
    pub audit: Option<AuditEntry>,
    /// The order, if it was just read; saves the actor a read.
    pub loaded: Option<Payment>,
}

impl Command {
    /// Evidence from another source than a delivery.
    pub fn of(evidence: Evidence) -> Self {
        Self {
            evidence,
            delivery: None,
            audit: None,
            loaded: None,
        }
    }

    /// Whether this is a delivery for which a status check did not say "paid", whatever it says itself.
    fn is_unconfirmed(&self) -> bool {
        self.delivery.is_some() && self.evidence.is_unconfirmed()
    }

    /// Adds the audit entry of the operator who caused it.
    #[must_use]
    pub fn audited(mut self, audit: AuditEntry) -> Self {
        self.audit = Some(audit);
        self
    }
}

/// An admitted command, with the places that it takes.
#[derive(Message)]
#[rtype(result = "Result<Handled, HandleError>")]
pub(super) struct Admitted {
    pub command: Command,
    pub permit: Permit,
    /// Its step in the trace.
    pub span: Span,
}

/// The result of a command, after the commit.
#[derive(Clone, Debug)]
pub struct Handled {
    /// What the evidence meant.
    pub outcome: Outcome,
    /// The order as it is now.
    pub payment: Arc<Payment>,
    /// Whether the order has a new version.
    pub is_changed: bool,
    /// Whether the request of an operator or a guest is not possible (409).
    pub refused: bool,
}

/// Why a command could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// There is no such order.
    #[error("no order of ours")]
    UnknownOrder,
    /// The database could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many messages wait, for this order or in all.
    #[error("too busy")]
    Busy,
    /// The actor panicked at this message three times, or the task that sent it panicked.
    #[error("the order's actor or its caller panicked")]
    Panicked,
}

/// One active order.
pub(super) struct OrderActor {
    pub order_id: OrderId,
    pub context: Arc<OrderContext>,
    pub stats: Arc<ActorStats>,
    /// The order as committed, kept so that the next message needs no read. `None` at first, while a
    /// message is handled, and after any failure.
    pub known: Option<Payment>,
}

impl Actor for OrderActor {
    type Context = Context<Self>;
}

impl Handler<Admitted> for OrderActor {
    // Atomic: the next message waits until this one is done. A single handler with a non-atomic
    // result would break this for all handlers.
    type Result = AtomicResponse<Self, Result<Handled, HandleError>>;

    fn handle(&mut self, message: Admitted, _: &mut Context<Self>) -> Self::Result {
        let (context, order_id, command) = (self.context.clone(), self.order_id, message.command);
        // Taken, so that a handler that panics leaves no stale state behind.
        let known = self.known.take().or_else(|| command.loaded.clone());
        self.stats.begin();
        let work = async move { handle(&context, order_id, known, command).await };
        let work = work.instrument(message.span).into_actor(self);
        AtomicResponse::new(Box::pin(work.map(|result, actor, _| {
            let handled = result.as_ref().map(|it| (it.outcome, &*it.payment));
            actor.known = handled.ok().map(|(_, payment)| payment.clone());
            actor.stats.finish(handled.map_err(ToString::to_string));
            drop(message.permit);
            result
        })))
    }
}

/// Load, decide, write, publish.
async fn handle(
    context: &OrderContext,
    order_id: OrderId,
    mut known: Option<Payment>,
    command: Command,
) -> Result<Handled, HandleError> {
    context.facts.clock.trusted()?;
    for _ in 0..TRIES {
        let was_known = known.is_some();
        let payment = match known.take() {
            Some(payment) => Some(payment),
            None => context.store.load(order_id).await?,
        };
        let payment = payment.ok_or(HandleError::UnknownOrder)?;
        let facts = context.facts.now();
        let mut decision = decide(&payment, &command.evidence, &facts);
        if command.is_unconfirmed() && decision.outcome != Outcome::Completed {
            decision.outcome = Outcome::Unconfirmed;
        }
        if let Some(delivery) = &command.delivery {
            let store = &context.store;
            alerts::leave_out_surplus(store, order_id, delivery, &mut decision).await?;
        }

        let change = change(&payment, &decision, &command, facts.now);
        let began = Instant::now();
        let written = context.store.commit(change);
        match written.instrument(info_span!("transaction")).await {
            Ok(()) => {
                context.metrics.transaction.observe(began.elapsed());
                context.store.reach_after_commit(Point::BeforeNotice)?;
                return Ok(publish(context, payment, decision, was_known));
            }
            // Another writer was first, or the fresh code exists: load and decide again.
            Err(StoreError::Conflict | StoreError::CodeTaken) => {}
            Err(error) => return Err(error.into()),
        }
    }
    warn!(order = %order_id.order_ref(), tries = TRIES, "the order was changed before each commit");
    Err(StoreError::Conflict.into())
}

/// Notifies the waiters of the committed order, and logs it.
fn publish(
    context: &OrderContext,
    before: Payment,
    decision: Decision,
    was_known: bool,
) -> Handled {
    #[expect(clippy::disallowed_methods, reason = "a time stamp in the log")]
    let committed_at = Utc::now();
    let (from, version) = (before.status, before.version);
    let refused = matches!(decision.effect, Effect::Refuse);
    let payment = Arc::new(decision.effect.into_payment().unwrap_or(before));
    let is_changed = payment.version != version;
    if is_changed {
        context.status.publish(payment.clone());
        info!(
            order = %payment.order_id.order_ref(),
            from = from.as_str(),
            status = payment.status.as_str(),
            version = payment.version,
            committed_at = %committed_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "payment status updated"
        );
    } else if !was_known {
        // The version is the same, but the order was just read and may be new to a waiter, as after a
        // commit whose outcome was lost.
        context.status.publish_here(payment.clone());
    }
    for remark in &decision.remarks {
        if remark.level == Level::Alert {
            // Its text may repeat what a gateway wrote.
            warn!(
                order = %payment.order_id.order_ref(),
                kind = remark.kind,
                "alert in the order's timeline"
            );
        }
    }
    Handled {
        outcome: decision.outcome,
        payment,
        is_changed,
        refused,
    }
}

fn change(payment: &Payment, decision: &Decision, command: &Command, now: DateTime<Utc>) -> Change {
    let radius_user = match &decision.effect {
        Effect::Sell(sale) => radius_user(&sale.payment),
        Effect::Reissue(replacement) => radius_user(&replacement.payment),
        Effect::Fail(_)
        | Effect::Hold(_)
        | Effect::Refund(_)
        | Effect::Revoke(_)
        | Effect::Confirm(_)
        | Effect::Keep
        | Effect::CheckAt(_)
        | Effect::Refuse => None,
    };
    let audit = command.audit.clone();
    Change {
        before: payment.clone(),
        decision: decision.clone(),
        radius_user,
        delivery: command.delivery.clone(),
        audit: audit.filter(|_| is_logged(decision, command)),
        check_at: (decision.outcome == Outcome::Unconfirmed)
            .then(|| check_schedule::check_soon(now)),
    }
}

/// Whether an operator's act is logged. An act that changed nothing, because it is not possible or was
/// done before, is not; a replay and a status check are, whatever their result.
fn is_logged(decision: &Decision, command: &Command) -> bool {
    let by_hand = matches!(
        command.evidence,
        Evidence::Operator(..) | Evidence::Reissue(_)
    );
    let changes_nothing = matches!(decision.effect, Effect::Keep | Effect::Refuse);
    !(by_hand && changes_nothing)
}

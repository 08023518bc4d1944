//! What is told after a commit, and to whom: the waiters, other processes, the log.

use std::sync::Arc;
use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use tracing::{info, warn};

use super::order::{Tools, Weighed};
use super::status::Notice;
use crate::domain::decision::{Decision, Effect, Level};
use crate::domain::payment::Payment;

/// Tells the waiters and the log.
pub(super) fn publish(
    tools: &Tools,
    before: &Payment,
    decision: Decision,
    was_known: bool,
) -> Weighed {
    // Invariant: called only after the commit of what it tells. A delivery that changes
    // nothing tells what was committed before it.
    let (committed, committed_at) = (Instant::now(), Utc::now());
    let (payment, refused) = match decision.effect {
        Effect::Sell(sale) => (sale.payment, false),
        Effect::Replace(replacement) => (replacement.payment, false),
        Effect::Fail(next)
        | Effect::Hold(next)
        | Effect::Refund(next)
        | Effect::Revoke(next)
        | Effect::Confirm(next) => (*next, false),
        Effect::Keep | Effect::Ask(_) => (before.clone(), false),
        Effect::Refuse => (before.clone(), true),
    };
    let payment = Arc::new(payment);
    let notice = Notice {
        payment: payment.clone(),
        committed,
    };
    if payment.version == before.version {
        // What had to be read may be news to somebody here, as after a commit whose end was
        // lost.
        if !was_known {
            tools.status.publish_here(notice);
        }
    } else {
        tools.status.publish(notice);
        info!(
            order = %payment.order_id.order_ref(),
            from = before.status.as_str(),
            status = payment.status.as_str(),
            version = payment.version,
            committed_at = %committed_at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "payment status updated"
        );
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
    Weighed {
        outcome: decision.outcome,
        payment,
        refused,
    }
}

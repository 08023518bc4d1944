//! What operators do by hand, once for API and console. Each act is logged in the same transaction
//! as its effect.

use super::wish::{ActBody, NOTE_MAX, REASON_MAX};
use crate::actors::{Handled, Reconciled, Reissue, ReissueOutcome, Requester};
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::evidence::OperatorAct;
use crate::domain::order::ids::OrderId;
use crate::domain::order::outcome::Outcome;
use crate::domain::outbox_hold::Queued;
use crate::http::auth::Caller;
use crate::http::problem::{Code, Problem};
use crate::store::{AuditEntry, Dropped, JournalRow};

/// An act on an order, and what the audit log says of it.
pub struct OrderAct {
    act: OperatorAct,
    /// The word in the log.
    action: &'static str,
    detail: Option<String>,
}

impl OrderAct {
    /// A held order is completed after all.
    ///
    /// # Errors
    /// A 422 without a reason.
    pub fn release(wish: &ActBody) -> Result<Self, Problem> {
        Self::because(wish, "release", |reason| OperatorAct::Release { reason })
    }

    /// A held order is not completed, and the owner pays back.
    ///
    /// # Errors
    /// A 422 without a reason.
    pub fn refuse(wish: &ActBody) -> Result<Self, Problem> {
        Self::because(wish, "refuse", |reason| OperatorAct::Refuse { reason })
    }

    /// The owner has paid back.
    ///
    /// # Errors
    /// A 422 without a reason, or if method or reference cannot be read.
    pub fn refund(wish: &ActBody) -> Result<Self, Problem> {
        let mut act = Self::because(wish, "refund", |reason| OperatorAct::Refund { reason })?;
        for name in ["method", "reference"] {
            if let (Some(said), Some(detail)) = (wish.optional(name, NOTE_MAX)?, &mut act.detail) {
                *detail += &format!("; {name}: {said}");
            }
        }
        Ok(act)
    }

    /// The voucher lets nobody in any more.
    ///
    /// # Errors
    /// A 422 if the reason cannot be read.
    pub fn revoke(wish: &ActBody) -> Result<Self, Problem> {
        let detail = wish.optional("reason", REASON_MAX)?;
        let reason = detail.clone();
        let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
        Ok(Self {
            act: OperatorAct::Revoke { reason },
            action: "revoke",
            detail,
        })
    }

    fn because(
        wish: &ActBody,
        action: &'static str,
        act: fn(String) -> OperatorAct,
    ) -> Result<Self, Problem> {
        let reason = wish.needed("reason", REASON_MAX)?;
        Ok(Self {
            detail: Some(reason.clone()),
            act: act(reason),
            action,
        })
    }

    /// Has the order's actor do it; the audit log names `subject`. The outcome is `Duplicate` if
    /// it was so already.
    ///
    /// # Errors
    /// A 409 when the order stands where this cannot be done, or what kept the actor from it.
    pub async fn done(
        self,
        order_id: OrderId,
        subject: String,
        caller: &Caller,
    ) -> Result<Handled, Problem> {
        let entry = AuditEntry {
            order_id: Some(order_id),
            detail: self.detail,
            ..caller.entry(self.action, subject)
        };
        let handled = caller.api.orders.act(order_id, self.act, entry).await?;
        if handled.refused {
            let now = handled.payment.status.as_str();
            return Err(Problem::new(Code::InvalidTransition)
                .detail(format!("the order is {now}"))
                .with("payment_status", now));
        }
        Ok(handled)
    }
}

/// How the audit log names an order.
pub fn order_subject(order_id: OrderId) -> String {
    format!("order {}", order_id.order_ref())
}

fn about(order_id: OrderId, action: &'static str, caller: &Caller) -> AuditEntry {
    AuditEntry {
        order_id: Some(order_id),
        ..caller.entry(action, order_subject(order_id))
    }
}

/// Decides a delivery of the journal again.
///
/// # Errors
/// A 404 if its body is gone, or what kept the actor from it.
pub async fn replay(row: &JournalRow, caller: &Caller) -> Result<Handled, Problem> {
    let body = caller.api.store.journalled_body(row.id).await?;
    let body = body.ok_or_else(|| Problem::new(Code::NotFound))?;
    let audit = caller.entry("replay", format!("webhook {}", row.id));
    Ok(caller.api.orders.replay(row, body, audit).await?)
}

/// Asks ZenoPay about an order, once, and applies what it says.
///
/// # Errors
/// What kept the actor from it.
pub async fn reconcile(order_id: OrderId, caller: &Caller) -> Result<Reconciled, Problem> {
    let audit = about(order_id, "reconcile", caller);
    Ok(caller.api.orders.reconcile(order_id, audit).await?)
}

/// Has an order's voucher given another code, for a guest who cannot do it: where no SMS is sent,
/// or whose three of a day are used up.
///
/// # Errors
/// A 409 if there is nothing that could have another code, or what kept the actor from it.
pub async fn reissue(
    wish: &ActBody,
    order_id: OrderId,
    caller: &Caller,
) -> Result<Reissue, Problem> {
    let entry = AuditEntry {
        detail: wish.optional("reason", REASON_MAX)?,
        ..about(order_id, "reissue", caller)
    };
    let done = caller
        .api
        .orders
        .reissue(order_id, Requester::Operator(entry))
        .await?;
    match done.code {
        ReissueOutcome::Given | ReissueOutcome::GivenBefore => Ok(done),
        ReissueOutcome::Over | ReissueOutcome::Enough => Err(Problem::new(Code::InvalidTransition)
            .detail("there is no voucher that is still good")
            .with("payment_status", done.payment.status.as_str())),
    }
}

/// Takes back a voucher that has no order. `Duplicate` if it was taken back already.
///
/// # Errors
/// A 422 if the reason cannot be read.
pub async fn revoke_printed(
    id: i64,
    code: VoucherCode,
    wish: &ActBody,
    caller: &Caller,
) -> Result<Outcome, Problem> {
    let audit = AuditEntry {
        detail: wish.optional("reason", REASON_MAX)?,
        // The audit log must hold no code that lets in.
        ..caller.entry("revoke", format!("voucher {id}"))
    };
    match caller.api.store.revoke_printed(code, audit).await? {
        true => Ok(Outcome::Revoked),
        false => Ok(Outcome::Duplicate),
    }
}

/// Has an SMS sent once more, and returns the order that it is about.
///
/// # Errors
/// A 404 if there is none of that number.
pub async fn resend(id: &str, caller: &Caller) -> Result<OrderId, Problem> {
    let no_such = || Problem::new(Code::NotFound).detail("there is no such message");
    let id: i64 = id.parse().map_err(|_| no_such())?;
    let audit = caller.entry("resend", format!("sms {id}"));
    let sent = caller.api.store.resend_sms(id, Some(audit)).await?;
    sent.ok_or_else(no_such)
}

/// Lets messages go out again that were held back since a backup was restored.
///
/// # Errors
/// A 409 if nothing is held back.
pub async fn release_outbox(
    queued: Queued,
    wish: &ActBody,
    caller: &Caller,
) -> Result<Dropped, Problem> {
    let subject = format!("outbox: {} what was queued", queued.word());
    let audit = AuditEntry {
        detail: wish.optional("reason", REASON_MAX)?,
        ..caller.entry("release_outbox", subject)
    };
    let released = caller.api.store.release_outbox(queued, audit).await?;
    released.ok_or_else(|| {
        Problem::new(Code::InvalidTransition).detail("nothing is held back any more")
    })
}

//! What an operator wants done with an order, read from what they sent: the API and the console
//! understand it alike.

use super::acts::{about, entry};
use super::wish::{NOTE_MAX, REASON_MAX, Wish};
use crate::actors::{Handled, NewCode, Reissue, Requester};
use crate::domain::order::evidence::OperatorAct;
use crate::domain::order::ids::OrderId;
use crate::domain::order::outcome::Outcome;
use crate::domain::people::operator::Operator;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::store::AuditEntry;

/// An act, and what the log says of it.
pub struct Wanted {
    act: OperatorAct,
    /// The word in the log.
    action: &'static str,
    detail: Option<String>,
}

impl Wanted {
    /// A held order is completed after all.
    ///
    /// # Errors
    /// A 422 without a reason.
    pub fn release(wish: &Wish) -> Result<Self, Problem> {
        let reason = wish.needed("reason", REASON_MAX)?;
        Ok(Self {
            detail: Some(reason.clone()),
            act: OperatorAct::Release { reason },
            action: "release",
        })
    }

    /// A held order is not completed, and the owner pays back.
    ///
    /// # Errors
    /// A 422 without a reason.
    pub fn refuse(wish: &Wish) -> Result<Self, Problem> {
        let reason = wish.needed("reason", REASON_MAX)?;
        Ok(Self {
            detail: Some(reason.clone()),
            act: OperatorAct::Refuse { reason },
            action: "refuse",
        })
    }

    /// The owner has paid back.
    ///
    /// # Errors
    /// A 422 without a reason, or if method or reference cannot be read.
    pub fn refund(wish: &Wish) -> Result<Self, Problem> {
        let reason = wish.needed("reason", REASON_MAX)?;
        let method = wish.optional("method", NOTE_MAX)?;
        let reference = wish.optional("reference", NOTE_MAX)?;
        let said = [
            Some(reason.clone()),
            method.map(|method| format!("method: {method}")),
            reference.map(|reference| format!("reference: {reference}")),
        ];
        let said: Vec<_> = said.into_iter().flatten().collect();
        Ok(Self {
            detail: Some(said.join("; ")),
            act: OperatorAct::Refund { reason },
            action: "refund",
        })
    }

    /// The voucher lets nobody in any more.
    ///
    /// # Errors
    /// A 422 if the reason cannot be read.
    pub fn revoke(wish: &Wish) -> Result<Self, Problem> {
        let detail = wish.optional("reason", REASON_MAX)?;
        let reason = detail.clone();
        Ok(Self {
            act: OperatorAct::Revoke {
                reason: reason.unwrap_or_else(|| "no reason given".to_owned()),
            },
            action: "revoke",
            detail,
        })
    }

    /// Has the order's actor do it; what it is about is the order.
    ///
    /// # Errors
    /// What kept the actor from it.
    pub async fn done(
        self,
        order_id: OrderId,
        operator: &Operator,
        api: &Api,
    ) -> Result<Handled, Problem> {
        let entry = about(order_id, entry(operator, self.action));
        self.logged_as(order_id, entry, api).await
    }

    /// Has the order's actor do it to the voucher of that number, which the log names.
    ///
    /// # Errors
    /// What kept the actor from it.
    pub async fn done_to_voucher(
        self,
        id: i64,
        order_id: OrderId,
        operator: &Operator,
        api: &Api,
    ) -> Result<Handled, Problem> {
        let entry = AuditEntry {
            order_id: Some(order_id),
            // Whoever reads the log must not read a code that lets in.
            subject: format!("voucher {id}"),
            ..entry(operator, self.action)
        };
        self.logged_as(order_id, entry, api).await
    }

    async fn logged_as(
        self,
        order_id: OrderId,
        entry: AuditEntry,
        api: &Api,
    ) -> Result<Handled, Problem> {
        let entry = AuditEntry {
            detail: self.detail,
            ..entry
        };
        Ok(api.orders.act(order_id, self.act, entry).await?)
    }
}

/// Has an order's voucher given another code, for a guest who cannot do it: where no SMS is sent,
/// or whose three of a day are used up.
///
/// # Errors
/// A 409 if there is nothing that could have another code, or what kept the actor from it.
pub async fn reissue(
    wish: &Wish,
    order_id: OrderId,
    operator: &Operator,
    api: &Api,
) -> Result<Reissue, Problem> {
    let entry = AuditEntry {
        detail: wish.optional("reason", REASON_MAX)?,
        ..about(order_id, entry(operator, "reissue"))
    };
    let done = api
        .orders
        .reissue(order_id, Requester::Operator(entry))
        .await?;
    match done.code {
        NewCode::Given | NewCode::GivenBefore => Ok(done),
        NewCode::Over | NewCode::Enough => Err(Problem::new(Code::InvalidTransition)
            .detail("there is no voucher that is still good")
            .with("payment_status", done.payment.status.as_str())),
    }
}

/// Whether the act has changed something; it has not if it was so already.
///
/// # Errors
/// A 409 when the order stands where this cannot be done.
pub fn is_changed(handled: &Handled) -> Result<bool, Problem> {
    if handled.refused {
        let now = handled.payment.status.as_str();
        return Err(Problem::new(Code::InvalidTransition)
            .detail(format!("the order is {now}"))
            .with("payment_status", now));
    }
    Ok(handled.outcome != Outcome::Duplicate)
}

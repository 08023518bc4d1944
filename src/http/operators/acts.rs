//! What operators do by hand with an order or a delivery: replay, reconcile, release, refund.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::doing::{self, OrderAct, order_subject};
use super::journal::journalled;
use super::order_name::order_named;
use super::responses::{Act, Body, Order};
use super::wish::{ActBody, NOTE_MAX, RefundRequest, ReissueRequest, ReleaseRequest};
use crate::actors::ReissueOutcome;
use crate::domain::order::outcome::Outcome;
use crate::domain::order::payment::Payment;
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::http::auth::Caller;
use crate::http::problem::{Code, Problem};

/// Where an order stands after an act.
#[derive(Serialize, ToSchema)]
pub struct Acted {
    status: &'static str,
    /// The order's `ref`.
    order: String,
    order_id: String,
    payment_status: &'static str,
    version: i32,
    /// `released`, `refused` or `refunded`; `duplicate` if it was so already.
    outcome: &'static str,
    /// `false` if it was so already.
    changed: bool,
}

/// What became of a delivery that was decided again.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    status: &'static str,
    /// The order's `ref`.
    order: String,
    order_id: String,
    payment_status: &'static str,
    outcome: &'static str,
}

/// What ZenoPay said when asked, and what became of it.
#[derive(Serialize, ToSchema)]
pub struct ReconcileAnswer {
    status: &'static str,
    /// The order's `ref`.
    order: String,
    order_id: String,
    /// ZenoPay's word for the payment; null if it said nothing.
    zenopay: Option<String>,
    /// Why it said nothing.
    silence: Option<String>,
    outcome: &'static str,
    payment_status: &'static str,
    version: i32,
}

/// Decides a delivery of the journal again. One that was not proven when it came makes us
/// ask ZenoPay, and the answer is decided on.
#[utoipa::path(post, path = "/api/v1/operator/webhooks/{id}/replay", tag = "operator",
    params(("id" = i64, Path, description = "The delivery's number in the journal")),
    responses(
        (status = 200, description = "Decided again and journalled with source `replay`", body = Replayed),
        (status = 400, description = "`malformed_webhook`: it still cannot be read"),
        (status = 404, description = "`not_found`: no such delivery; `order_not_found`: it is about no order of ours"),
        Act))]
pub async fn replay(id: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let row = journalled(&id, &caller).await?;
    let done = doing::replay(&row, &caller).await?;
    Ok(HttpResponse::Ok().json(Replayed {
        status: "success",
        order: done.payment.order_id.order_ref().to_string(),
        order_id: done.payment.order_id.to_string(),
        payment_status: done.payment.status.as_str(),
        outcome: done.outcome.as_str(),
    }))
}

/// Asks ZenoPay about an order, once, and applies what it says.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/reconcile", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "What ZenoPay said, and what became of it", body = ReconcileAnswer),
        (status = 409, description = "`ambiguous_ref`"),
        Order, Act))]
pub async fn reconcile(name: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&name, &caller).await?;
    let done = doing::reconcile(order_id, &caller).await?;
    let (zenopay, silence) = match done.answer {
        StatusAnswer::Known(report) => (Some(report.raw_word), None),
        StatusAnswer::Unknown(why) => (None, Some(why.to_string())),
    };
    let payment = &done.handled.payment;
    Ok(HttpResponse::Ok().json(ReconcileAnswer {
        status: "success",
        order: order_id.order_ref().to_string(),
        order_id: order_id.to_string(),
        zenopay,
        silence,
        outcome: done.handled.outcome.as_str(),
        payment_status: payment.status.as_str(),
        version: payment.version,
    }))
}

/// Decides a held order: it is completed after all, or it is not and the owner pays back.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/release", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    request_body = ReleaseRequest,
    responses(
        (status = 200, description = "COMPLETED or REFUNDED", body = Acted),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: the order is not held"),
        (status = 422, description = "`invalid_request`: decision or reason"),
        Body, Order, Act))]
pub async fn release(
    name: web::Path<String>,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&name, &caller).await?;
    let wish = ActBody::read(payload).await?;
    let act = match wish.needed("decision", NOTE_MAX)?.as_str() {
        "complete" => OrderAct::release(&wish)?,
        "refuse" => OrderAct::refuse(&wish)?,
        _ => {
            let fault = Problem::new(Code::InvalidValue);
            return Err(fault.detail("decision must be complete or refuse"));
        }
    };
    let done = act.done(order_id, order_subject(order_id), &caller).await?;
    Ok(stands(&done.payment, done.outcome))
}

/// Records that the owner has paid back, and revokes the voucher. Moves no money.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/refund", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    request_body = RefundRequest,
    responses(
        (status = 200, description = "REFUNDED, now or before", body = Acted),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: the order is not completed"),
        (status = 422, description = "`invalid_request`: reason, method or reference"),
        Body, Order, Act))]
pub async fn refund(
    name: web::Path<String>,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&name, &caller).await?;
    let act = OrderAct::refund(&ActBody::read(payload).await?)?;
    let done = act.done(order_id, order_subject(order_id), &caller).await?;
    Ok(stands(&done.payment, done.outcome))
}

/// Gives the voucher of an order another code: the old one is closed, its devices go off-line, and
/// the new one goes to the phone that paid by SMS. Not limited to three a day, as the owner link is.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/reissue", tag = "operator",
    params(("order_id" = String, Path)),
    request_body(content = Option<ReissueRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "There is a new code", body = Acted),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: there is no voucher that is still good"),
        (status = 422, description = "`invalid_request`: reason"),
        Body, Order, Act))]
pub async fn reissue(
    name: web::Path<String>,
    payload: web::Payload,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&name, &caller).await?;
    let wish = ActBody::read(payload).await?;
    let done = doing::reissue(&wish, order_id, &caller).await?;
    let outcome = match done.code {
        ReissueOutcome::Given => Outcome::Reissued,
        ReissueOutcome::GivenBefore | ReissueOutcome::Enough | ReissueOutcome::Over => {
            Outcome::Duplicate
        }
    };
    Ok(stands(&done.payment, outcome))
}

fn stands(payment: &Payment, outcome: Outcome) -> HttpResponse {
    HttpResponse::Ok().json(Acted {
        status: "success",
        order: payment.order_id.order_ref().to_string(),
        order_id: payment.order_id.to_string(),
        payment_status: payment.status.as_str(),
        version: payment.version,
        outcome: outcome.as_str(),
        changed: outcome != Outcome::Duplicate,
    })
}

//! What operators do by hand with an order or a delivery: replay, reconcile, release, refund.
//! Each goes through the order's actor and is logged in the same transaction as its effect.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::order_name::order_named;
use super::wanted::{self, Wanted, is_changed};
use super::wish::{NOTE_MAX, RefundRequest, ReissueRequest, ReleaseRequest, Wish};
use crate::actors::{Handled, NewCode};
use crate::domain::order::ids::OrderId;
use crate::domain::order::outcome::Outcome;
use crate::domain::order::payment::Payment;
use crate::domain::people::operator::Operator;
use crate::gateways::zenopay::wire::StatusAnswer;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::store::AuditEntry;

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
    security(("operator" = [])),
    params(("id" = i64, Path, description = "The delivery's number in the journal")),
    responses(
        (status = 200, description = "Decided again and journalled with source `replay`", body = Replayed),
        (status = 400, description = "`malformed_webhook`: it still cannot be read"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not_found`: no such delivery; `order_not_found`: it is about no order of ours"),
        (status = 500, description = "`internal`"),
        (status = 503, description = "`busy`, `unavailable`, `commit_unknown`, `stopping`")))]
pub async fn replay(
    id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let no_such = || Problem::new(Code::NotFound).detail("there is no such delivery");
    let id: i64 = id.parse().map_err(|_| no_such())?;
    let row = api.store.journalled(id).await?.ok_or_else(no_such)?;
    let body = api.store.journalled_body(id).await?.ok_or_else(no_such)?;
    let audit = AuditEntry {
        subject: format!("webhook {id}"),
        ..entry(&operator, "replay")
    };
    let done = api.orders.replay(&row, body, audit).await?;
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
    security(("operator" = [])),
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "What ZenoPay said, and what became of it", body = ReconcileAnswer),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`order_not_found`"),
        (status = 409, description = "`ambiguous_ref`"),
        (status = 500, description = "`internal`"),
        (status = 503, description = "`busy`, `unavailable`, `commit_unknown`, `stopping`")))]
pub async fn reconcile(
    order_id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&api, &operator, &order_id).await?;
    let audit = about(order_id, entry(&operator, "reconcile"));
    let done = api.orders.reconcile(order_id, audit).await?;
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
    security(("operator" = [])),
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    request_body = ReleaseRequest,
    responses(
        (status = 200, description = "COMPLETED or REFUNDED", body = Acted),
        (status = 400, description = "`invalid_request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`order_not_found`"),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: the order is not held"),
        (status = 413, description = "`payload_too_large`"),
        (status = 422, description = "`invalid_request`: decision or reason"),
        (status = 500, description = "`internal`"),
        (status = 503, description = "`busy`, `unavailable`, `commit_unknown`, `stopping`")))]
pub async fn release(
    order_id: web::Path<String>,
    payload: web::Payload,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&api, &operator, &order_id).await?;
    let wish = Wish::read(payload).await?;
    let wanted = match wish.needed("decision", NOTE_MAX)?.as_str() {
        "complete" => Wanted::release(&wish)?,
        "refuse" => Wanted::refuse(&wish)?,
        _ => {
            let fault = Problem::new(Code::InvalidValue);
            return Err(fault.detail("decision must be complete or refuse"));
        }
    };
    acted(&wanted.done(order_id, &operator, &api).await?)
}

/// Records that the owner has paid back, and revokes the voucher. Moves no money.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/refund", tag = "operator",
    security(("operator" = [])),
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    request_body = RefundRequest,
    responses(
        (status = 200, description = "REFUNDED, now or before", body = Acted),
        (status = 400, description = "`invalid_request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`order_not_found`"),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: the order is not completed"),
        (status = 413, description = "`payload_too_large`"),
        (status = 422, description = "`invalid_request`: reason, method or reference"),
        (status = 500, description = "`internal`"),
        (status = 503, description = "`busy`, `unavailable`, `commit_unknown`, `stopping`")))]
pub async fn refund(
    order_id: web::Path<String>,
    payload: web::Payload,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&api, &operator, &order_id).await?;
    let wanted = Wanted::refund(&Wish::read(payload).await?)?;
    acted(&wanted.done(order_id, &operator, &api).await?)
}

/// Gives the voucher of an order another code: the old one is closed, its devices go off-line, and
/// the new one goes to the phone that paid by SMS. Not limited to three a day, as the owner link is.
#[utoipa::path(post, path = "/api/v1/operator/orders/{order_id}/reissue", tag = "operator",
    security(("operator" = [])),
    params(("order_id" = String, Path)),
    request_body(content = Option<ReissueRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "There is a new code", body = Acted),
        (status = 400, description = "`invalid_request`"),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`order_not_found`"),
        (status = 409, description = "`ambiguous_ref`; `invalid_transition`: there is no voucher that is still good"),
        (status = 413, description = "`payload_too_large`"),
        (status = 422, description = "`invalid_request`: reason"),
        (status = 500, description = "`internal`"),
        (status = 503, description = "`busy`, `unavailable`, `commit_unknown`, `stopping`")))]
pub async fn reissue(
    order_id: web::Path<String>,
    payload: web::Payload,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&api, &operator, &order_id).await?;
    let wish = Wish::read(payload).await?;
    let done = wanted::reissue(&wish, order_id, &operator, &api).await?;
    let outcome = match done.code {
        NewCode::Given => Outcome::Reissued,
        NewCode::GivenBefore | NewCode::Enough | NewCode::Over => Outcome::Duplicate,
    };
    Ok(stands(&done.payment, outcome, done.code == NewCode::Given))
}

pub(in crate::http) fn entry(operator: &Operator, action: &'static str) -> AuditEntry {
    AuditEntry {
        operator: operator.name.clone(),
        action,
        order_id: None,
        subject: String::new(),
        detail: None,
    }
}

pub(in crate::http) fn about(order_id: OrderId, entry: AuditEntry) -> AuditEntry {
    AuditEntry {
        order_id: Some(order_id),
        subject: format!("order {}", order_id.order_ref()),
        ..entry
    }
}

fn acted(handled: &Handled) -> Result<HttpResponse, Problem> {
    let changed = is_changed(handled)?;
    Ok(stands(&handled.payment, handled.outcome, changed))
}

fn stands(payment: &Payment, outcome: Outcome, changed: bool) -> HttpResponse {
    HttpResponse::Ok().json(Acted {
        status: "success",
        order: payment.order_id.order_ref().to_string(),
        order_id: payment.order_id.to_string(),
        payment_status: payment.status.as_str(),
        version: payment.version,
        outcome: outcome.as_str(),
        changed,
    })
}

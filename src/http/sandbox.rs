//! The two calls of the simulated ZenoPay, and the settings by which a person or a test controls
//! it. Mounted in sandbox mode only.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Code, Problem};
use super::request::{body_of, object_of, order_in};
use crate::gateways::zenopay::client::KEY_HEADER;
use crate::sandbox::{Behaviour, DecideError, Entry, Sandbox, Simulated};

/// Larger than any create call.
const BODY_MAX: usize = 64 * 1024;
/// Payments in a list: the default, and the maximum.
const LISTED: i64 = 50;
const LISTED_MAX: u64 = 500;

/// The newest payments of the simulated ZenoPay.
#[derive(Serialize, ToSchema)]
pub struct Payments {
    payments: Vec<Entry>,
}

/// A decision that is committed.
#[derive(Serialize, ToSchema)]
pub struct Decided {
    status: &'static str,
    order_id: String,
}

/// The length of the list.
#[derive(Deserialize, IntoParams)]
pub struct ListQuery {
    /// Most payments to return: 50 by default, at most 500.
    #[param(minimum = 0)]
    limit: Option<i64>,
}

/// The order that is looked up.
#[derive(Deserialize, IntoParams)]
pub struct StatusQuery {
    /// The merchant's order id.
    order_id: Option<String>,
}

/// ZenoPay's create call, simulated: the phone of a simulated subscriber rings.
#[utoipa::path(post, path = "/sandbox/api/payments/mobile_money_tanzania", tag = "sandbox",
    request_body(content = Value, description = "`order_id`, `buyer_phone`, `amount`, `buyer_name`, `buyer_email`; optional `webhook_url`, `metadata`"),
    params(("x-api-key" = String, Header, description = "`zenopay.api_key`")),
    responses(
        (status = 200, description = "The push was accepted; not paid yet", body = Value),
        (status = 400, description = "Bad phone or amount, or switched to refuse", body = Value),
        (status = 403, description = "Wrong key, or switched to say so", body = Value),
        (status = 502, description = "HTML, when switched to it; the phone rings all the same"),
        (status = 504, description = "HTML, when switched to it; the phone rings all the same")))]
pub async fn create(
    request: HttpRequest,
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let body = body_of(payload, BODY_MAX).await?;
    Ok(answer(sandbox.create(key_of(&request), &body).await))
}

/// ZenoPay's order-status call, simulated.
#[utoipa::path(get, path = "/sandbox/api/payments/order-status", tag = "sandbox",
    params(
        StatusQuery,
        ("x-api-key" = String, Header, description = "`zenopay.api_key`")),
    responses(
        (status = 200, description = "`result` is about the lookup, `data[0].payment_status` about the payment", body = Value),
        (status = 403, description = "Wrong key", body = Value)))]
pub async fn order_status(
    request: HttpRequest,
    query: web::Query<StatusQuery>,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let order_id = query.order_id.as_deref().unwrap_or_default();
    let order_id = order_id.replace('\0', "");
    answer(sandbox.order_status(key_of(&request), &order_id).await)
}

/// The newest payments of the simulated ZenoPay, how they behave and what was sent.
#[utoipa::path(get, path = "/sandbox/payments", tag = "sandbox",
    params(ListQuery),
    responses(
        (status = 200, description = "Newest first", body = Payments),
        (status = 422, description = "`invalid_query`")))]
pub async fn payments(
    query: web::Query<ListQuery>,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let limit = u64::try_from(query.limit.unwrap_or(LISTED))
        .map_err(|_| Code::InvalidQuery.detail("limit is a number of payments"))?;
    let payments = sandbox.list(limit.min(LISTED_MAX)).await?;
    Ok(HttpResponse::Ok().json(Payments { payments }))
}

/// How payments from now on behave.
#[utoipa::path(get, path = "/sandbox/behaviour", tag = "sandbox",
    responses((status = 200, description = "The switches", body = Behaviour)))]
pub async fn behaviour(sandbox: web::Data<Sandbox>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(sandbox.switches().await?))
}

/// Sets how payments from now on behave. A missing field has its default; `{}` is ZenoPay as
/// documented.
#[utoipa::path(put, path = "/sandbox/behaviour", tag = "sandbox",
    request_body(content = Option<Behaviour>, description = "May be left out, and is then `{}`"),
    responses(
        (status = 200, description = "The switches as they are now", body = Behaviour),
        (status = 422, description = "`invalid_request`: an unknown field or a bad value")))]
pub async fn set_behaviour(
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let behaviour = Behaviour::default().with(object_of(payload).await?);
    let behaviour = behaviour.map_err(|fault| Code::InvalidValue.detail(fault))?;
    sandbox.set_switches(&behaviour).await?;
    Ok(HttpResponse::Ok().json(behaviour))
}

/// The same as PUT, for clients that have only POST.
#[utoipa::path(post, path = "/sandbox/behaviour", tag = "sandbox",
    request_body(content = Option<Behaviour>, description = "May be left out, and is then `{}`"),
    responses(
        (status = 200, description = "The switches as they are now", body = Behaviour),
        (status = 422, description = "`invalid_request`: an unknown field or a bad value")))]
pub async fn post_behaviour(
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    set_behaviour(payload, sandbox).await
}

/// The subscriber of one payment decides now, whatever was decided before. The fields of the body
/// override the payment's own behaviour.
#[utoipa::path(post, path = "/sandbox/payments/{order_id}/decide", tag = "sandbox",
    params(("order_id" = String, Path)),
    request_body(content = Option<Behaviour>, description = "May be left out, and is then `{}`"),
    responses(
        (status = 200, description = "Decided; its webhooks are on their way", body = Decided),
        (status = 404, description = "`order_not_found`: not pushed here"),
        (status = 422, description = "`invalid_request`: an unknown field or a bad value")))]
pub async fn decide(
    order_id: web::Path<String>,
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    decided(&sandbox, &order_id, payload, None).await
}

/// The subscriber of one payment pays now.
#[utoipa::path(post, path = "/sandbox/payments/{order_id}/approve", tag = "sandbox",
    params(("order_id" = String, Path)),
    request_body(content = Option<Behaviour>, description = "Fields that override the payment's own behaviour"),
    responses(
        (status = 200, description = "Paid; its webhooks are on their way", body = Decided),
        (status = 404, description = "`order_not_found`: not pushed here"),
        (status = 422, description = "`invalid_request`: an unknown field or a bad value")))]
pub async fn approve(
    order_id: web::Path<String>,
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    decided(&sandbox, &order_id, payload, Some("approve")).await
}

/// The subscriber of one payment declines now.
#[utoipa::path(post, path = "/sandbox/payments/{order_id}/decline", tag = "sandbox",
    params(("order_id" = String, Path)),
    request_body(content = Option<Behaviour>, description = "Fields that override the payment's own behaviour"),
    responses(
        (status = 200, description = "Declined; its webhooks are on their way", body = Decided),
        (status = 404, description = "`order_not_found`: not pushed here"),
        (status = 422, description = "`invalid_request`: an unknown field or a bad value")))]
pub async fn decline(
    order_id: web::Path<String>,
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    decided(&sandbox, &order_id, payload, Some("decline")).await
}

async fn decided(
    sandbox: &Sandbox,
    order_id: &str,
    payload: web::Payload,
    decision: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let mut changes: Map<String, Value> = object_of(payload).await?;
    changes.extend(decision.map(|decision| ("decision".to_owned(), json!(decision))));
    // Parsed first, because PostgreSQL rejects some texts (NUL) as parameters.
    let known = order_in(order_id)?;
    sandbox.decide(&known.to_string(), changes).await?;
    Ok(HttpResponse::Ok().json(Decided {
        status: "success",
        order_id: order_id.to_owned(),
    }))
}

fn key_of(request: &HttpRequest) -> Option<&[u8]> {
    Some(request.headers().get(KEY_HEADER)?.as_bytes())
}

fn answer(simulated: Simulated) -> HttpResponse {
    let status = StatusCode::from_u16(simulated.http_status);
    HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type(simulated.content_type)
        .body(simulated.body)
}

impl From<DecideError> for Problem {
    fn from(cause: DecideError) -> Self {
        match cause {
            DecideError::NotFound => Self::new(Code::OrderNotFound),
            DecideError::Behaviour(fault) => Code::InvalidValue.detail(fault),
            DecideError::Store(cause) => cause.into(),
        }
    }
}

//! Webhooks of ZenoPay: raw bytes and headers are passed to
//! [`Orders::receive`](crate::actors::Orders::receive).

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tracing::field::Empty;
use tracing::{Instrument, info_span};
use utoipa::ToSchema;

use super::problem::Problem;
use super::request::body_of;
use super::{Api, doctor};
use crate::actors::Delivery;
use crate::observability::telemetry;

/// Larger than any delivery that ZenoPay sends.
const BODY_MAX: usize = 64 * 1024;

/// The delivery is committed.
#[derive(Serialize, ToSchema)]
pub struct Received {
    status: &'static str,
    order_id: String,
    payment_status: &'static str,
    outcome: &'static str,
}

/// Receives a webhook that is authenticated by `x-api-key`, or else confirmed with an order-status
/// call.
#[utoipa::path(post, path = "/api/v1/customer-portal/webhook/zenopay", tag = "webhook",
    request_body(content = serde_json::Value, description = "At least `order_id` and `payment_status`; JSON or form-encoded; at most 64 KiB"),
    params(("x-api-key" = Option<String>, Header, description = "Our own key, sent back")),
    responses(
        (status = 200, description = "Committed", body = Received),
        (status = 400, description = "`malformed_webhook`: journalled raw"),
        (status = 401, description = "`webhook_not_authentic`"),
        (status = 404, description = "`order_not_found`: journalled"),
        (status = 500, description = "`internal`: journalled, nothing was changed")))]
pub async fn receive(
    request: HttpRequest,
    token: Option<web::Path<String>>,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let body = body_of(payload, BODY_MAX).await?;
    let header = |name: &str| request.headers().get(name);
    let text_of = |name: &str| header(name).and_then(|value| value.to_str().ok());
    // Several lines mean the same as one with commas between the values (RFC 9110, 5.3).
    let keys = request.headers().get_all("x-api-key");
    let mut keys = keys.map(|value| value.as_bytes().to_vec());
    let delivery = Delivery {
        body,
        key: (keys.next()).map(|first| keys.fold(first, |all, next| [all, next].join(&b','))),
        path_token: token.map(web::Path::into_inner),
        content_type: text_of("content-type").map(|text| text.chars().take(100).collect()),
        received_at: api.store.clock().now(),
        received: Instant::now(),
    };
    if let Some(answer) = doctor::try_key(&api, &request, delivery.key.as_deref()).await {
        return Err(answer);
    }
    let span = info_span!(
        "webhook",
        otel.kind = "server",
        order = Empty,
        outcome = Empty
    );
    // A stranger's trace is not ours: it would decide what the collector keeps.
    if api.orders.knows_key(delivery.key.as_deref()) {
        telemetry::continue_trace(&span, text_of("traceparent"));
    }
    let handled = api.orders.receive(delivery).instrument(span).await?;
    Ok(HttpResponse::Ok().json(Received {
        status: "received",
        order_id: handled.payment.order_id.to_string(),
        payment_status: handled.payment.status.as_str(),
        outcome: handled.outcome.as_str(),
    }))
}

/// Receives a webhook that is authenticated by the secret token in the order's own webhook URL.
#[utoipa::path(post, path = "/api/v1/customer-portal/webhook/zenopay/{token}", tag = "webhook",
    request_body(content = serde_json::Value, description = "At least `order_id` and `payment_status`; JSON or form-encoded; at most 64 KiB"),
    params(
        ("token" = String, Path, description = "`ORDER_ID.SECRET`"),
        ("x-api-key" = Option<String>, Header, description = "Our own key, sent back")),
    responses(
        (status = 200, description = "Committed", body = Received),
        (status = 400, description = "`malformed_webhook`: journalled raw"),
        (status = 401, description = "`webhook_not_authentic`"),
        (status = 500, description = "`internal`: journalled, nothing was changed")))]
pub async fn receive_with_token(
    request: HttpRequest,
    token: web::Path<String>,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    receive(request, Some(token), payload, api).await
}

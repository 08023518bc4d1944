//! The status document: at once, after a wait, or as events.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{Error, HttpRequest, HttpResponse, middleware, web};
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::wording::{self, Reason};
use crate::actors::status::Watching;
use crate::domain::catalog::money::CURRENCY;
use crate::domain::order::FailureReason;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::language::Language;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::request::{language, order_in};
use crate::store::Clock;

/// A poll that found no seat comes again after this many seconds.
const CROWDED_RETRY_SECS: &str = "2";
/// A silent event stream is kept open by a comment this often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// From this age on a PENDING order is shown with a warning.
const WARN_AFTER_MINUTES: i64 = 2;

/// What a guest may know of an order.
#[derive(Serialize, ToSchema)]
pub struct StatusDocument {
    status: &'static str,
    payment_status: &'static str,
    order_id: String,
    version: i32,
    /// Null also when the code was replaced: the new one is shown to the owner link alone.
    voucher_code: Option<String>,
    voucher_generated: bool,
    /// Whether the code was replaced, which the phone that paid can have done, and an operator.
    code_replaced: bool,
    payment_id: i64,
    package: PackageName,
    amount: i64,
    currency: &'static str,
    created_at: String,
    confirmed_at: Option<String>,
    processed_at: Option<String>,
    expires_at: Option<String>,
    message: &'static str,
    /// Why it is not sold; null while that is open, and for a sale.
    #[schema(value_type = Option<Reason>)]
    failure_reason: Option<&'static str>,
    /// Of a HELD order alone: what was paid in whole TZS, null if ZenoPay named no such amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, required = false)]
    paid_amount: Option<Option<i64>>,
    minutes_pending: i64,
    timeout_warning: bool,
}

/// What was bought.
#[derive(Serialize, ToSchema)]
pub struct PackageName {
    code: String,
    name: String,
}

/// How long to wait and for what.
#[derive(Deserialize)]
pub struct StatusQuery {
    wait: Option<String>,
    since: Option<String>,
}

/// Shows an order, at once or as soon as it changes.
#[utoipa::path(get, path = "/api/v1/customer-portal/payment/status/{order_id}", tag = "portal",
    params(
        ("order_id" = String, Path),
        ("wait" = Option<f64>, Query, minimum = 0, description = "Seconds to wait for a change; capped by `portal.wait_max_secs`; a wait of 20 or more may end a tenth earlier"),
        ("since" = Option<i64>, Query, minimum = 0, description = "Answer as soon as `version` differs from this")),
    responses(
        (status = 200, description = "The order as it is now", body = StatusDocument),
        (status = 404, description = "`order_not_found`"),
        (status = 422, description = "`invalid_query`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn show(
    request: HttpRequest,
    order_id: web::Path<String>,
    query: web::Query<StatusQuery>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_in(&order_id)?;
    let wait = wait_of(query.wait.as_deref(), api.wait_max)?;
    let since = since_of(query.since.as_deref())?;
    let answered = api.status.wait(&api.store, order_id, since, wait).await?;
    let answered = answered.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    api.reconciler.was_looked_at(&answered.payment);
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if answered.crowded {
        response.insert_header((RETRY_AFTER, CROWDED_RETRY_SECS));
    }
    Ok(response.json(document(
        &answered.payment,
        language(request.headers()),
        api.store.clock().now(),
    )))
}

/// Keeps the head of a request in as much memory as it fills. The library has room for some thirty
/// headers in each, 7 KiB, and a parked poll keeps its head for a minute.
pub async fn shrink_headers(
    mut request: ServiceRequest,
    next: middleware::Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let roomy = mem::take(request.headers_mut());
    let mut snug = HeaderMap::with_capacity(roomy.len());
    for (name, value) in roomy {
        snug.append(name, value);
    }
    *request.headers_mut() = snug;
    next.call(request).await
}

/// Shows an order as Server-Sent Events, one a version; ends after a final one.
#[utoipa::path(get, path = "/api/v1/customer-portal/payment/status/{order_id}/events", tag = "portal",
    params(("order_id" = String, Path)),
    responses(
        (status = 200, description = "The status document, one event a version", content_type = "text/event-stream", body = String),
        (status = 404, description = "`order_not_found`"),
        (status = 503, description = "`busy`, `unavailable`, `stopping`")))]
pub async fn events(
    request: HttpRequest,
    order_id: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_in(&order_id)?;
    let language = language(request.headers());
    // Register interest before looking.
    let watching = api.status.watch(&api.store, order_id).await;
    let payment = api
        .store
        .load_for_guest(order_id)
        .await?
        .ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    let watching = watching.ok_or_else(|| Problem::new(Code::Busy).retry_after_secs(2))?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream")
        .streaming(event_stream(watching, payment, language, api.store.clock())))
}

enum Next {
    Show(Arc<Payment>),
    Wait(i32),
    End,
}

fn event_stream(
    watching: Watching,
    payment: Arc<Payment>,
    language: Language,
    clock: Clock,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(
        (watching, Next::Show(payment)),
        move |(mut watching, next)| {
            let clock = clock.clone();
            async move {
                let payment = match next {
                    Next::End => return None,
                    Next::Show(payment) => payment,
                    Next::Wait(shown) => {
                        match timeout(KEEP_ALIVE, watching.newer_than(shown)).await {
                            Ok(newer) => newer?,
                            Err(_) => {
                                let comment = Bytes::from_static(b": still waiting\n\n");
                                return Some((Ok(comment), (watching, Next::Wait(shown))));
                            }
                        }
                    }
                };
                let next = after(&payment);
                let event = event(&payment, language, clock.now());
                Some((Ok(event), (watching, next)))
            }
        },
    )
}

fn after(payment: &Payment) -> Next {
    if payment.status.is_final() {
        Next::End
    } else {
        Next::Wait(payment.version)
    }
}

fn event(payment: &Payment, language: Language, now: DateTime<Utc>) -> Bytes {
    let document = document(payment, language, now);
    let json = serde_json::to_string(&document).expect("a struct of texts and numbers");
    Bytes::from(format!(
        "id: {}\nevent: status\ndata: {json}\n\n",
        payment.version
    ))
}

fn wait_of(text: Option<&str>, most: Duration) -> Result<Duration, Problem> {
    let Some(text) = text else {
        return Ok(Duration::ZERO);
    };
    let fault = || Problem::new(Code::InvalidQuery).detail("wait must be a number of seconds");
    let secs: f64 = text.trim().parse().map_err(|_| fault())?;
    if !secs.is_finite() || secs < 0.0 {
        return Err(fault());
    }
    Ok(Duration::from_secs_f64(secs.min(most.as_secs_f64())))
}

fn since_of(text: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse::<i64>() {
        Ok(since) if since >= 0 => Ok(Some(since)),
        _ => Err(Problem::new(Code::InvalidQuery).detail("since must be a version")),
    }
}

/// The document as it is at `now`.
pub fn document(payment: &Payment, language: Language, now: DateTime<Utc>) -> StatusDocument {
    // The code is shown while it lets in: not before the sale, not after a refund, and not
    // when it was revoked.
    let voucher = payment
        .voucher
        .as_ref()
        .filter(|voucher| payment.status == Status::Completed && voucher.revoked_at.is_none());
    // The phone that paid has the last word: what was sold is not taken back, and the order id
    // does not show its new code.
    let shown = voucher.filter(|_| payment.reissued_at.is_none());
    let minutes_pending = match payment.status {
        Status::Pending => (now - payment.created_at).num_minutes().max(0),
        _ => 0,
    };
    StatusDocument {
        status: "success",
        payment_status: payment.status.as_str(),
        order_id: payment.order_id.to_string(),
        version: payment.version,
        voucher_code: shown.map(|voucher| voucher.code.as_str().to_owned()),
        voucher_generated: voucher.is_some(),
        code_replaced: payment.reissued_at.is_some(),
        payment_id: payment.id,
        package: PackageName {
            code: payment.terms.code.clone(),
            name: payment.terms.name(language).to_owned(),
        },
        amount: payment.amount.0,
        currency: CURRENCY,
        created_at: rfc3339(payment.created_at),
        confirmed_at: payment.confirmed_at.map(rfc3339),
        processed_at: payment.processed_at.map(rfc3339),
        expires_at: voucher.and_then(|voucher| voucher.expires_at).map(rfc3339),
        message: wording::of(payment, language),
        failure_reason: payment.failure_reason.map(FailureReason::as_str),
        paid_amount: (payment.status == Status::Held)
            .then(|| payment.gateway.paid_amount.map(|amount| amount.0)),
        minutes_pending,
        timeout_warning: minutes_pending >= WARN_AFTER_MINUTES,
    }
}

/// RFC 3339 in UTC, to the millisecond.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

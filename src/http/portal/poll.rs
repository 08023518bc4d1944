//! The status of an order: at once, after a wait, or as events.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::web::Bytes;
use actix_web::{Error, HttpRequest, HttpResponse, middleware, web};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::time::timeout;

use super::status::{StatusDocument, document};
use crate::actors::status::{NotHeld, Subscription};
use crate::domain::order::Payment;
use crate::domain::people::Language;
use crate::http::problem::{Code, Problem};
use crate::http::request::{language, order_in};
use crate::http::{Api, doctor};
use crate::store::Clock;

/// `Retry-After` in seconds of a poll that found no seat.
const NO_SEAT_RETRY_SECS: u64 = 2;
/// The same of an order that ended long ago: only a late payment or an operator still changes it.
const OVER_RETRY_SECS: u64 = 60;
/// The interval of the SSE comments that keep an idle stream open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long to wait, and for which version.
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
        (status = 200, description = "The order as it is now; with `Retry-After` if the poll was not held: no seat was free, or the order ended more than an hour ago", body = StatusDocument),
        (status = 404, description = "`order_not_found`"),
        (status = 422, description = "`invalid_query`")))]
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
    let Some(answered) = answered else {
        doctor::hold(&api, order_id, wait).await;
        return Err(Code::OrderNotFound.into());
    };
    api.reconciler.was_polled(&answered.payment);
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(why) = answered.not_held {
        response.insert_header((RETRY_AFTER, retry_secs(why).to_string()));
    }
    Ok(response.json(document(
        &answered.payment,
        language(request.headers()),
        api.store.clock().now(),
    )))
}

/// After how many seconds a poll that was not held may be repeated.
pub fn retry_secs(why: NotHeld) -> u64 {
    match why {
        NotHeld::NoSeat => NO_SEAT_RETRY_SECS,
        NotHeld::Over => OVER_RETRY_SECS,
    }
}

/// Shrinks the header map of a request to its content. The library allocates room for some thirty
/// headers, 7 KiB, which a waiting poll would hold for up to a minute.
pub async fn shrink_headers(
    mut request: ServiceRequest,
    next: middleware::Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let headers = mem::take(request.headers_mut());
    *request.headers_mut() = headers.into_iter().collect();
    next.call(request).await
}

/// Shows an order as Server-Sent Events, one per version; ends after a final status.
#[utoipa::path(get, path = "/api/v1/customer-portal/payment/status/{order_id}/events", tag = "portal",
    params(("order_id" = String, Path)),
    responses(
        (status = 200, description = "The status document, one event per version", content_type = "text/event-stream", body = String),
        (status = 404, description = "`order_not_found`"),
        (status = 503, description = "`busy`, `unavailable`, `stopping`")))]
pub async fn events(
    request: HttpRequest,
    order_id: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_in(&order_id)?;
    let language = language(request.headers());
    // Subscribe, then read.
    let watching = api.status.watch(&api.store, order_id).await;
    let payment = api.store.load_for_guest(order_id).await?;
    let payment = payment.ok_or(Code::OrderNotFound)?;
    let no_seat = |why| Problem::new(Code::Busy).retry_after_secs(retry_secs(why));
    let mut watching = watching.ok_or_else(|| no_seat(NotHeld::NoSeat))?;
    if !payment.status.ends_poll() {
        watching.keep_seat(&payment).map_err(no_seat)?;
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream")
        .streaming(event_stream(watching, payment, language, api.store.clock())))
}

fn event_stream(
    watching: Subscription,
    first: Arc<Payment>,
    language: Language,
    clock: Clock,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    // The order to send first, and the version sent last. The state is `None` after a final status.
    let start = Some((watching, Some(first), 0));
    stream::unfold(start, move |state| {
        let clock = clock.clone();
        async move {
            let (mut watching, first, shown) = state?;
            let newer = match first {
                Some(first) => Ok(Some(first)),
                None => timeout(KEEP_ALIVE, watching.newer_than(shown)).await,
            };
            let Ok(newer) = newer else {
                let comment = Bytes::from_static(b": still waiting\n\n");
                return Some((Ok(comment), Some((watching, None, shown))));
            };
            let payment = newer?;
            let event = event(&payment, language, clock.now());
            let waits = !payment.status.ends_poll();
            let next = waits.then_some((watching, None, payment.version));
            Some((Ok(event), next))
        }
    })
}

fn event(payment: &Payment, language: Language, now: DateTime<Utc>) -> Bytes {
    let document = document(payment, language, now);
    let json = serde_json::to_string(&document).expect("a struct of texts and numbers");
    let id = payment.version;
    Bytes::from(format!("id: {id}\nevent: status\ndata: {json}\n\n"))
}

fn wait_of(text: Option<&str>, most: Duration) -> Result<Duration, Problem> {
    match text.map_or(Ok(0.0), |text| text.trim().parse::<f64>()) {
        Ok(secs) if secs.is_finite() && secs >= 0.0 => {
            Ok(Duration::from_secs_f64(secs.min(most.as_secs_f64())))
        }
        Ok(_) | Err(_) => Err(Code::InvalidQuery.detail("wait must be a number of seconds")),
    }
}

fn since_of(text: Option<&str>) -> Result<Option<i64>, Problem> {
    let since = text.map(|text| text.trim().parse()).transpose().ok();
    let since = since.filter(|since| since.is_none_or(|version: i64| version >= 0));
    since.ok_or_else(|| Code::InvalidQuery.detail("since must be a version"))
}

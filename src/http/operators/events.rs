//! The document of `GET /actors` each second, as Server-Sent Events.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::actors::Machinery;
use super::{Answer, Code, Problem};
use crate::http::api::Api;

/// The time between two events.
const INTERVAL: Duration = Duration::from_secs(1);
/// Documents between two checks of the operator's access.
const EVENTS_PER_ACCESS_CHECK: u64 = 5;

/// The document of `GET /actors` each second, until the server stops.
#[utoipa::path(get, path = "/api/v1/operator/events", tag = "operator",
    responses(
        (status = 200, description = "The document of `GET /actors`, one event a second", content_type = "text/event-stream", body = String),
        (status = 503, description = "`busy`: too many are watching; `stopping`")))]
pub async fn watch_actors(request: HttpRequest, api: web::Data<Api>) -> Answer {
    let permit = api.screens.0.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::new(Code::Busy).retry_after_secs(5))?;
    let mut clock = interval(INTERVAL);
    // A slow client gets fewer events, each with current numbers.
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = LiveStream {
        api,
        headers: request.headers().clone(),
        clock,
        sent: 0,
        _permit: permit,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream")
        .streaming(stream::unfold(stream, async |mut stream| {
            let document = stream.next().await?;
            Some((Ok::<_, Infallible>(document), stream))
        })))
}

struct LiveStream {
    api: web::Data<Api>,
    /// For checking again whether the operator still has access.
    headers: HeaderMap,
    clock: Interval,
    sent: u64,
    _permit: OwnedSemaphorePermit,
}

impl LiveStream {
    /// The next document; `None` when the server stops or the operator has no access any more.
    async fn next(&mut self) -> Option<Bytes> {
        let draining = self.api.draining.clone();
        draining.run_until_cancelled(self.clock.tick()).await?;
        self.sent += 1;
        if self.sent.is_multiple_of(EVENTS_PER_ACCESS_CHECK) && self.is_logged_out().await {
            return None;
        }
        let document = serde_json::to_string(&Machinery::of(&self.api)).ok()?;
        Some(Bytes::from(format!("event: actors\ndata: {document}\n\n")))
    }

    /// A database failure does not end the stream: operators need the live page most during an
    /// outage.
    async fn is_logged_out(&self) -> bool {
        matches!(self.api.gate.visitor(&self.headers).await, Ok(None))
    }
}

//! The machinery as it runs: the document of `GET /actors`, again each second.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream::{self, Stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::machinery::Machinery;
use crate::http::api::Api;
use crate::http::problem::{Code, Problem};

/// Between two documents.
const EACH: Duration = Duration::from_secs(1);
/// After so many documents it is asked again whether this operator may look.
const ASK_EACH: u64 = 5;

/// The machinery each second, as Server-Sent Events, until the server stops.
#[utoipa::path(get, path = "/api/v1/operator/events", tag = "operator",
    responses(
        (status = 200, description = "The document of `GET /actors`, one event a second", content_type = "text/event-stream", body = String),
        (status = 503, description = "`busy`: too many are watching; `stopping`")))]
pub async fn watch_actors(
    request: HttpRequest,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let place = api.screens.0.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Code::Busy).retry_after_secs(5))?;
    let mut clock = interval(EACH);
    // A client that reads slowly is shown what is true when it reads.
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let screen = Screen {
        api,
        headers: request.headers().clone(),
        clock,
        shown: 0,
        _place: place,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .content_type("text/event-stream")
        .streaming(documents(screen)))
}

struct Screen {
    api: web::Data<Api>,
    /// Who watches.
    headers: HeaderMap,
    clock: Interval,
    shown: u64,
    _place: OwnedSemaphorePermit,
}

impl Screen {
    /// The next document; `None` when the server stops or the operator may no longer look.
    async fn next(&mut self) -> Option<Bytes> {
        let draining = self.api.draining.clone();
        draining.run_until_cancelled(self.clock.tick()).await?;
        self.shown += 1;
        if self.shown.is_multiple_of(ASK_EACH) && self.is_turned_away().await {
            return None;
        }
        let document = serde_json::to_string(&Machinery::of(&self.api)).ok()?;
        Some(Bytes::from(format!("event: actors\ndata: {document}\n\n")))
    }

    /// A database that cannot be read ends no stream: that is when operators look.
    async fn is_turned_away(&self) -> bool {
        matches!(self.api.gate.visitor(&self.headers).await, Ok(None))
    }
}

fn documents(screen: Screen) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(screen, |mut screen| async move {
        let document = screen.next().await?;
        Some((Ok(document), screen))
    })
}

//! Numbers of the actors and jobs, as JSON for operators. All numbers are shared atomics or cached
//! counts: no message is sent to an actor. Counters are of this process since its start, latencies
//! of the last five minutes. Unpaid orders, and queued and dead SMS, are counted in the database.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, HeaderMap};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use utoipa::ToSchema;

use super::orders::order_named;
use super::{Answer, Caller, Code, Problem, no_store, rfc3339};
use crate::actors::registry::stats::ActorView;
use crate::domain::order::{OrderId, Outcome};
use crate::http::Api;
use crate::observability::metrics::{Percentiles, REJECTED};

/// Rows of the table of busiest orders.
const BUSIEST: usize = 10;

/// The time between two events.
const INTERVAL: Duration = Duration::from_secs(1);
/// Documents between two checks of the operator's access.
const EVENTS_PER_ACCESS_CHECK: u64 = 5;

/// All numbers at a glance.
#[derive(Default, Serialize, ToSchema)]
pub struct ActorsDocument {
    pub at: String,
    /// Which process this is.
    pub instance: String,
    /// `sandbox` or `live`.
    pub mode: &'static str,
    pub uptime_secs: u64,
    pub order_actors: OrderActors,
    pub status_actor: Waiting,
    pub relay: Outbox,
    pub reconciler: Reconciling,
    /// By outcome, and by reason of the refused ones.
    pub webhooks: BTreeMap<&'static str, u64>,
    pub latency_ms: Latencies,
    pub busiest: Vec<ActorRow>,
}

/// The active orders.
#[derive(Default, Serialize, ToSchema)]
pub struct OrderActors {
    pub live: usize,
    pub activated: u64,
    pub passivated: u64,
    pub restarted: u64,
    pub mailbox_depth: usize,
    pub mailbox_depth_max: usize,
    pub mailbox_capacity: usize,
    pub oldest_message_ms: u64,
    pub busy: usize,
}

/// Waiting long polls.
#[derive(Default, Serialize, ToSchema)]
pub struct Waiting {
    pub waiters: usize,
    pub orders_watched: usize,
    pub notices: u64,
    pub wakeups: u64,
    pub waiters_max: usize,
}

/// SMS of the outbox.
#[derive(Default, Serialize, ToSchema)]
pub struct Outbox {
    pub queued: u64,
    pub sent: u64,
    pub failed: u64,
    pub dead: u64,
    pub oldest_queued_secs: i64,
}

/// Status checks.
#[derive(Default, Serialize, ToSchema)]
pub struct Reconciling {
    pub pending: u64,
    pub checked: u64,
    pub repaired: u64,
    pub last_run_at: Option<String>,
}

/// In milliseconds; 0 while nothing was measured.
#[derive(Default, Serialize, ToSchema)]
pub struct Latencies {
    pub webhook: Percentiles,
    pub transaction: Percentiles,
    pub notice: Percentiles,
}

/// One order's actor.
#[derive(Default, Serialize, ToSchema)]
pub struct ActorRow {
    /// The order's `ref`.
    pub order: String,
    /// Always null: viewers read this document too.
    pub order_id: Option<String>,
    /// A `payment_status`; null until the actor has read the order.
    pub state: Option<&'static str>,
    pub mailbox_depth: usize,
    pub handled: u64,
    pub last_outcome: Option<&'static str>,
    pub age_ms: u64,
    pub idle_ms: u64,
    pub last_error: Option<String>,
}

impl ActorsDocument {
    /// The numbers now.
    pub fn of(api: &Api) -> Self {
        let metrics = &api.metrics;
        let mut views = api.orders.views();
        let now = api.store.clock().now();
        let overview = api.overview.borrow().clone();
        let oldest_queued = overview.oldest_unsent_at.map(|at| (now - at).num_seconds());
        let order_actors = OrderActors::of(&views, api);
        views.sort_by_key(|(_, view)| {
            Reverse((view.mailbox_depth, view.oldest_message, view.handled))
        });
        Self {
            at: rfc3339(now),
            instance: api.instance.to_string(),
            mode: api.mode,
            uptime_secs: api.started.elapsed().as_secs(),
            order_actors,
            status_actor: Waiting {
                waiters: api.status.waiters(),
                orders_watched: api.status.orders_watched(),
                notices: metrics.notices.get(),
                wakeups: metrics.wakeups.get(),
                waiters_max: api.status.waiters_max(),
            },
            relay: Outbox {
                queued: overview.sms_queued + overview.sms_failed,
                sent: metrics.sms_sent.get(),
                failed: metrics.sms_failed.get(),
                dead: overview.sms_dead,
                oldest_queued_secs: oldest_queued.map_or(0, |secs| secs.max(0)),
            },
            reconciler: Reconciling {
                pending: overview.pending,
                checked: metrics.reconciler_checked.get(),
                repaired: metrics.reconciler_repairs.get(),
                last_run_at: api.reconciler.last_run_at().map(rfc3339),
            },
            webhooks: webhooks(api),
            latency_ms: Latencies {
                webhook: metrics.webhook.percentiles(),
                transaction: metrics.transaction.percentiles(),
                notice: metrics.notice.percentiles(),
            },
            busiest: views
                .iter()
                .take(BUSIEST)
                .map(|(id, view)| ActorRow::of(*id, view))
                .collect(),
        }
    }
}

impl OrderActors {
    fn of(views: &[(OrderId, ActorView)], api: &Api) -> Self {
        let depths = || views.iter().map(|(_, view)| view.mailbox_depth);
        let oldest = views.iter().map(|(_, view)| view.oldest_message).max();
        Self {
            live: views.len(),
            activated: api.metrics.activations.get(),
            passivated: api.metrics.passivations.get(),
            restarted: api.metrics.restarts.get(),
            mailbox_depth: depths().sum(),
            mailbox_depth_max: depths().max().unwrap_or(0),
            mailbox_capacity: api.orders.mailbox_capacity(),
            oldest_message_ms: millis(oldest.unwrap_or_default()),
            busy: views.iter().filter(|(_, view)| view.busy).count(),
        }
    }
}

impl ActorRow {
    pub fn of(order_id: OrderId, view: &ActorView) -> Self {
        Self {
            order: order_id.order_ref().to_string(),
            order_id: None,
            state: view.status.map(|status| status.as_str()),
            mailbox_depth: view.mailbox_depth,
            handled: view.handled,
            last_outcome: view.last_outcome.map(Outcome::as_str),
            age_ms: millis(view.age),
            idle_ms: millis(view.idle),
            last_error: view.last_error.clone(),
        }
    }
}

/// The actors at a glance.
#[utoipa::path(get, path = "/api/v1/operator/actors", tag = "operator",
    responses(
        (status = 200, description = "Actors, waiters, relay, reconciler, webhooks and latencies", body = ActorsDocument)))]
pub async fn actors(api: web::Data<Api>) -> HttpResponse {
    no_store(ActorsDocument::of(&api))
}

/// One order's actor.
#[utoipa::path(get, path = "/api/v1/operator/actors/{order_id}", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "The actor", body = ActorRow),
        (status = 404, description = "`order_not_found`: the order has no actor now")))]
pub async fn actor(name: web::Path<String>, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let view = caller.api.orders.view(order_id);
    let view = view.ok_or(Code::OrderNotFound)?;
    Ok(no_store(ActorRow::of(order_id, &view)))
}

/// The document of `GET /actors` each second, until the server stops or the operator loses access.
#[utoipa::path(get, path = "/api/v1/operator/events", tag = "operator",
    responses(
        (status = 200, description = "The document of `GET /actors`, one event a second", content_type = "text/event-stream", body = String),
        (status = 503, description = "`busy`: too many are watching; `stopping`")))]
pub async fn watch_actors(request: HttpRequest, api: web::Data<Api>) -> Answer {
    let permit = api.live_streams.clone().try_acquire_owned();
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
        let document = serde_json::to_string(&ActorsDocument::of(&self.api)).ok()?;
        Some(Bytes::from(format!("event: actors\ndata: {document}\n\n")))
    }

    /// A database failure does not end the stream: operators need the live page most during an
    /// outage.
    async fn is_logged_out(&self) -> bool {
        matches!(self.api.gate.authenticate(&self.headers).await, Ok(None))
    }
}

fn webhooks(api: &Api) -> BTreeMap<&'static str, u64> {
    let labels = Outcome::OF_DELIVERIES.map(Outcome::as_str);
    let counts = labels.into_iter().chain(REJECTED).map(|label| {
        let count = api.metrics.webhooks.with_label_values(&[label]).get();
        (label, count)
    });
    counts.collect()
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

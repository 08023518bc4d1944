//! What operators see of the machinery: shared atomics, never a question to a busy actor.

use actix_web::{HttpResponse, web};
use chrono::Utc;
use serde_json::{Map, Value, json};

use crate::actors::gauge::ActorView;
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::status::rfc3339;
use crate::metrics::REJECTED;

/// Rows of the table of busiest orders.
const BUSIEST: usize = 10;

/// The machinery at a glance.
#[utoipa::path(get, path = "/api/v1/operator/actors", tag = "operator",
    security(("operator" = [])),
    responses(
        (status = 200, description = "Actors, waiters, relay, reconciler, webhooks and latencies", body = serde_json::Value),
        (status = 401, description = "`unauthorized`")))]
pub async fn actors(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(glance(&api))
}

/// One order's actor.
#[utoipa::path(get, path = "/api/v1/operator/actors/{order_id}", tag = "operator",
    security(("operator" = [])),
    params(("order_id" = String, Path)),
    responses(
        (status = 200, description = "The actor", body = serde_json::Value),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`order_not_found`: the order is not in play")))]
pub async fn actor(
    order_id: web::Path<String>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id: OrderId = order_id
        .parse()
        .map_err(|_| Problem::new(Code::OrderNotFound))?;
    let view = api
        .orders
        .view(order_id)
        .ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(row(order_id, &view)))
}

/// The document.
pub(in crate::http) fn glance(api: &Api) -> Value {
    let metrics = &api.metrics;
    let mut views = api.orders.views();
    let now = Utc::now();
    let overview = *api.overview.borrow();
    let depth_max = views
        .iter()
        .map(|(_, view)| view.mailbox_depth)
        .max()
        .unwrap_or(0);
    let oldest = views
        .iter()
        .map(|(_, view)| view.oldest_message)
        .max()
        .unwrap_or_default();
    let order_actors = json!({
        "live": views.len(),
        "activated": metrics.activations.get(),
        "passivated": metrics.passivations.get(),
        "restarted": metrics.restarts.get(),
        "mailbox_depth": views.iter().map(|(_, view)| view.mailbox_depth).sum::<usize>(),
        "mailbox_depth_max": depth_max,
        "mailbox_capacity": api.orders.mailbox_capacity(),
        "oldest_message_ms": oldest.as_millis() as u64,
        "busy": views.iter().filter(|(_, view)| view.busy).count(),
    });
    views.sort_by_key(|(_, view)| {
        std::cmp::Reverse((view.mailbox_depth, view.oldest_message, view.handled))
    });
    let oldest_queued = overview
        .oldest_unsent_at
        .map_or(0, |at| (now - at).num_seconds().max(0));
    json!({
        "at": rfc3339(now),
        "instance": &*api.instance,
        "mode": api.mode,
        "uptime_secs": api.started.elapsed().as_secs(),
        "order_actors": order_actors,
        "status_actor": {
            "waiters": api.status.waiters(),
            "orders_watched": api.status.orders_watched(),
            "notices": metrics.notices.get(),
            "wakeups": metrics.wakeups.get(),
            "waiters_max": api.status.waiters_max(),
        },
        "relay": {
            "queued": overview.sms_queued + overview.sms_failed,
            "sent": metrics.sms_sent.get(),
            "failed": metrics.sms_failed.get(),
            "dead": overview.sms_dead,
            "oldest_queued_secs": oldest_queued,
        },
        "reconciler": {
            "pending": overview.pending,
            "checked": metrics.reconciler_checked.get(),
            "repaired": metrics.reconciler_repairs.get(),
            "last_run_at": api.reconciler.last_run_at().map(rfc3339),
        },
        "webhooks": webhooks(api),
        "latency_ms": {
            "webhook": metrics.webhook.percentiles(),
            "transaction": metrics.transaction.percentiles(),
            "notice": metrics.notice.percentiles(),
        },
        "busiest": views.iter().take(BUSIEST).map(|(id, view)| row(*id, view)).collect::<Vec<_>>(),
    })
}

fn webhooks(api: &Api) -> Value {
    let labels = Outcome::ALL.map(Outcome::as_str);
    let counts = labels.into_iter().chain(REJECTED).map(|label| {
        let count = api.metrics.webhooks.with_label_values(&[label]).get();
        (label.to_owned(), json!(count))
    });
    Value::Object(counts.collect::<Map<_, _>>())
}

fn row(order_id: OrderId, view: &ActorView) -> Value {
    json!({
        "order_id": order_id.to_string(),
        "state": view.status.map(|status| status.as_str()),
        "mailbox_depth": view.mailbox_depth,
        "handled": view.handled,
        "last_outcome": view.last_outcome.map(Outcome::as_str),
        "age_ms": view.age.as_millis() as u64,
        "idle_ms": view.idle.as_millis() as u64,
        "last_error": view.last_error,
    })
}

//! Liveness, readiness and metrics.

use actix_web::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::problem::{Code, Problem};
use super::request::parameter;
use super::{Api, doctor};
use crate::domain::health::SIMULATED;

/// 200 while the process runs. Any site may read it: a router's log-in page asks whether the portal
/// can be reached before it sends the guest there.
#[utoipa::path(get, path = "/health/live", tag = "health",
    responses((status = 200, description = "The process runs")))]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .json(json!({"status": "live"}))
}

/// 200 when webhooks can be processed. The database is read once a second at most. `warnings` says what an operator should look at.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    params(("nonce" = Option<String>, Query, description = "Only for `malipo check`, which announces it in the database; any other has no effect")),
    responses(
        (status = 200, description = "`{\"status\":\"ready\",\"mode\":\"sandbox\"}`"),
        (status = 503, description = "Not ready, with reasons")))]
pub async fn ready(request: HttpRequest, api: web::Data<Api>) -> HttpResponse {
    doctor::recognise(&api, &request, &parameter(&request, "nonce")).await;
    let mut reasons = Vec::new();
    if api.draining.is_cancelled() {
        reasons.push("stopping".to_owned());
    }
    let reading = api.readiness.of(&api.store).await;
    if let Err(why) = reading.writable {
        reasons.push(why.to_string());
    }
    reasons.extend(api.store.clock().doubt().map(|doubt| doubt.to_string()));
    if api.overview.borrow().has_simulated {
        reasons.push(SIMULATED.to_owned());
    }
    if reasons.is_empty() {
        let mut ready = json!({"status": "ready", "mode": api.mode});
        if let Some(ahead) = reading.ahead {
            let minutes = ahead.num_minutes();
            ready["warnings"] = json!([format!(
                "rows of the database lie up to {minutes} minutes in the future: a clock was ahead"
            )]);
        }
        HttpResponse::Ok().json(ready)
    } else {
        let not_ready = json!({"status": "not_ready", "mode": api.mode, "reasons": reasons});
        HttpResponse::ServiceUnavailable().json(not_ready)
    }
}

/// The metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses(
        (status = 200, description = "Prometheus text format", content_type = "text/plain", body = String),
        (status = 401, description = "`unauthorized`: a token is needed, except on the server's own machine without a proxy")))]
pub async fn metrics(api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let views = api.orders.views();
    let oldest = views.iter().map(|(_, view)| view.oldest_message).max();
    let depth: usize = views.iter().map(|(_, view)| view.mailbox_depth).sum();
    let metrics = &api.metrics;
    let oldest = oldest.unwrap_or_default().as_secs_f64();
    metrics.oldest_message.set(oldest);
    metrics.mailbox_depth.set(depth as i64);
    metrics.waiters.set(api.status.waiters() as i64);
    let text = metrics.render().map_err(|error| {
        tracing::error!(%error, "failed to write the metrics");
        Code::Internal
    })?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text))
}

//! What operators see of the machinery: shared atomics, never a question to a busy actor.

use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::machinery::{ActorRow, Machinery};
use super::order_name::order_named;
use crate::domain::people::operator::Operator;
use crate::http::Api;
use crate::http::problem::{Code, Problem};

/// The machinery at a glance.
#[utoipa::path(get, path = "/api/v1/operator/actors", tag = "operator",
    security(("operator" = [])),
    responses(
        (status = 200, description = "Actors, waiters, relay, reconciler, webhooks and latencies", body = Machinery),
        (status = 401, description = "`unauthorized`")))]
pub async fn actors(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(Machinery::of(&api))
}

/// One order's actor.
#[utoipa::path(get, path = "/api/v1/operator/actors/{order_id}", tag = "operator",
    security(("operator" = [])),
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "The actor", body = ActorRow),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`order_not_found`: the order is not in play"),
        (status = 409, description = "`ambiguous_ref`")))]
pub async fn actor(
    order_id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&api, &operator, &order_id).await?;
    let view = api
        .orders
        .view(order_id)
        .ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(ActorRow::of(order_id, &view)))
}

/// The document, as pages look into it.
pub(in crate::http) fn glance(api: &Api) -> Value {
    serde_json::to_value(Machinery::of(api)).unwrap_or_default()
}

//! What operators see of the machinery: shared atomics, never a question to a busy actor.

use actix_web::{HttpResponse, web};

use super::fresh;
use super::machinery::{ActorRow, Machinery};
use super::order_name::order_named;
use crate::http::Api;
use crate::http::auth::Caller;
use crate::http::problem::{Code, Problem};

/// The machinery at a glance.
#[utoipa::path(get, path = "/api/v1/operator/actors", tag = "operator",
    responses(
        (status = 200, description = "Actors, waiters, relay, reconciler, webhooks and latencies", body = Machinery)))]
pub async fn actors(api: web::Data<Api>) -> HttpResponse {
    fresh(Machinery::of(&api))
}

/// One order's actor.
#[utoipa::path(get, path = "/api/v1/operator/actors/{order_id}", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "The actor", body = ActorRow),
        (status = 404, description = "`order_not_found`: the order is not in play"),
        (status = 409, description = "`ambiguous_ref`")))]
pub async fn actor(name: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&name, &caller).await?;
    let view = caller.api.orders.view(order_id);
    let view = view.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    Ok(fresh(ActorRow::of(order_id, &view)))
}

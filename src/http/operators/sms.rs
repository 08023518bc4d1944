//! What operators do about a message by hand: have it sent once more. Logged in the same
//! transaction as its effect.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::doing;
use super::responses::Write;
use crate::http::auth::Caller;
use crate::http::problem::Problem;

/// A message that is sent once more.
#[derive(Serialize, ToSchema)]
pub struct Requeued {
    status: &'static str,
    state: &'static str,
    /// The order's `ref`.
    order: String,
    order_id: String,
}

/// Has an SMS sent once more, whatever became of it before.
#[utoipa::path(post, path = "/api/v1/operator/sms/{id}/resend", tag = "operator",
    params(("id" = i64, Path, description = "The message's number")),
    responses(
        (status = 200, description = "Queued", body = Requeued),
        (status = 404, description = "`not_found`: no such message"),
        Write))]
pub async fn resend(id: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let order_id = doing::resend(&id, &caller).await?;
    Ok(HttpResponse::Ok().json(Requeued {
        status: "success",
        state: "queued",
        order: order_id.order_ref().to_string(),
        order_id: order_id.to_string(),
    }))
}

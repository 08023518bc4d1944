//! What operators do about a message by hand: have it sent once more. Logged in the same
//! transaction as its effect.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::acts::entry;
use crate::domain::people::operator::Operator;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::store::AuditEntry;

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
    security(("operator" = [])),
    params(("id" = i64, Path, description = "The message's number")),
    responses(
        (status = 200, description = "Queued", body = Requeued),
        (status = 401, description = "`unauthorized`"),
        (status = 403, description = "`forbidden`"),
        (status = 404, description = "`not_found`: no such message"),
        (status = 500, description = "`internal`"),
        (status = 503, description = "`unavailable`, `commit_unknown`, `stopping`")))]
pub async fn resend(
    id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let no_such = || Problem::new(Code::NotFound).detail("there is no such message");
    let id: i64 = id.parse().map_err(|_| no_such())?;
    let audit = AuditEntry {
        subject: format!("sms {id}"),
        ..entry(&operator, "resend")
    };
    let resent = api.store.resend_sms(id, Some(audit)).await?;
    let order_id = resent.ok_or_else(no_such)?;
    Ok(HttpResponse::Ok().json(Requeued {
        status: "success",
        state: "queued",
        order: order_id.order_ref().to_string(),
        order_id: order_id.to_string(),
    }))
}

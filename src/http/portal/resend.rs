//! "I have paid, and have no voucher": the SMS goes out again, to the phone that paid.
//!
//! # Invariants
//! The client learns nothing. A number is no secret, so the answer is the same for every phone.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{BODY_MAX, read_wish, scalar};
use crate::domain::people::phone::Phone;
use crate::http::Api;
use crate::http::problem::Problem;
use crate::http::request::{body_of, language};
use crate::web::text::text;

/// Whose voucher is to be sent again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResendRequest {
    /// Nine digits beginning 6 or 7, after an optional 0, 255, +255, 2550 or 00255.
    #[serde(alias = "phone_number")]
    #[schema(value_type = String, example = "0712345678", pattern = "^[ -]*(([0][ -]*[0][ -]*|[+][ -]*)?2[ -]*5[ -]*5[ -]*|2[ -]*5[ -]*5[ -]*0[ -]*|0[ -]*)?[67]([ -]*[0-9]){8}[ -]*$")]
    phone_number: Value,
}

/// The same for every phone.
#[derive(Serialize, ToSchema)]
pub struct ResendAnswer {
    status: &'static str,
    message: String,
}

/// Has the voucher's SMS sent again to the phone that paid, at most three times an hour; or, if
/// there is no voucher, ZenoPay asked about the newest order of that phone.
#[utoipa::path(post, path = "/api/v1/customer-portal/payment/resend", tag = "portal",
    request_body = ResendRequest,
    params(("Accept-Language" = Option<String>, Header, description = "`sw` or `en`")),
    responses(
        (status = 202, description = "What there is to send is sent; the same whether there is something or not", body = ResendAnswer),
        (status = 400, description = "`invalid_request`"),
        (status = 413, description = "`payload_too_large`"),
        (status = 422, description = "`invalid_phone`"),
        (status = 429, description = "`rate_limited`: this client asks too often"),
        (status = 503, description = "`unavailable`, `commit_unknown`, `stopping`")))]
pub async fn resend(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    api.clients.admit(&request)?;
    let body = body_of(payload, BODY_MAX).await?;
    let wish: ResendRequest = read_wish(&body)?;
    let phone = Phone::read(&scalar(&wish.phone_number).unwrap_or_default())?;
    api.store.paid_already(&phone).await?;
    let language = language(request.headers());
    Ok(HttpResponse::Accepted().json(ResendAnswer {
        status: "success",
        message: text(language).paid.done.clone(),
    }))
}

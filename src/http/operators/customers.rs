//! A customer who asks to be forgotten.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::responses::Body;
use crate::domain::people::phone::Phone;
use crate::http::auth::Caller;
use crate::http::problem::{Code, Problem};
use crate::http::request::body_of;
use crate::store::Erasure;

/// A phone and a sentence have no need of more.
const BODY_MAX: usize = 16 * 1024;
/// Characters of a phone, with all that people write into it.
const PHONE_MAX: usize = 40;
/// Characters of a reason.
const REASON_MAX: usize = 200;

/// Who is to be forgotten, and why.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: it is read member by member")]
pub struct EraseRequest {
    /// The customer's phone, spelled as in a purchase.
    #[schema(
        max_length = 40,
        pattern = "^[ -]*(([0][ -]*[0][ -]*|[+][ -]*)?2[ -]*5[ -]*5[ -]*|2[ -]*5[ -]*5[ -]*0[ -]*|0[ -]*)?[67]([ -]*[0-9]){8}[ -]*$"
    )]
    phone: String,
    /// For the audit log; no name and no number, for it stays.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[!-~][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    reason: String,
}

/// What was forgotten; zeros if there was nobody.
#[derive(Serialize, ToSchema)]
pub struct Forgotten {
    status: &'static str,
    orders: usize,
    vouchers: usize,
    sms: u64,
}

/// Forgets a customer: phone, name, SMS, access and what ZenoPay sent about them go; invoices
/// keep their numbers and amounts.
#[utoipa::path(post, path = "/api/v1/operator/customers/erase", tag = "operator",
    request_body = EraseRequest,
    responses(
        (status = 200, description = "Forgotten, or there was nobody", body = Forgotten),
        (status = 409, description = "`invalid_transition`: an order still waits for money or for an operator"),
        (status = 422, description = "`invalid_phone`, `invalid_request`"),
        (status = 503, description = "`unavailable`, `commit_unknown`, `stopping`"), Body))]
pub async fn erase(payload: web::Payload, caller: Caller) -> Result<HttpResponse, Problem> {
    let body = body_of(payload, BODY_MAX).await?;
    let wish: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|_| Problem::new(Code::InvalidRequest).detail("the body is no JSON object"))?;
    let phone = Phone::read(text(&wish, "phone", PHONE_MAX)?)?;
    let reason = text(&wish, "reason", REASON_MAX)?.to_owned();
    let name = caller.operator().name.clone();
    let retention = &caller.api.retention;
    match retention.erase_customer(phone, name, reason).await? {
        Erasure::Done(erased) => Ok(HttpResponse::Ok().json(Forgotten {
            status: "success",
            orders: erased.orders,
            vouchers: erased.vouchers,
            sms: erased.sms,
        })),
        Erasure::StillOpen => Err(Problem::new(Code::InvalidTransition)
            .detail("an order of this customer still waits for money or for an operator")),
    }
}

/// A member of the body that must be there. PostgreSQL refuses NUL, and a line break could forge
/// a line of a log.
fn text<'a>(wish: &'a Map<String, Value>, name: &str, most: usize) -> Result<&'a str, Problem> {
    let told = wish.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_a_line = !told.chars().any(char::is_control);
    if told.chars().any(|c| c.is_ascii_graphic()) && is_a_line && told.chars().count() <= most {
        Ok(told)
    } else {
        let fault = Problem::new(Code::InvalidValue);
        Err(fault.detail(format!("{name} must be one line of 1 to {most} characters")))
    }
}

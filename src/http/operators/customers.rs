//! Erasing a customer's data.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::execute::REASON_MAX;
use super::schema::{Body, EraseRequest};
use super::{Answer, Caller, Code, Problem};
use crate::domain::people::Phone;
use crate::http::request::body_of;
use crate::store::Erasure;

/// Bytes of a body: it has a phone and a sentence.
const BODY_MAX: usize = 16 * 1024;
/// Characters of a phone number with its separators.
const PHONE_MAX: usize = 40;

/// What was erased; zeros if the phone is unknown.
#[derive(Serialize, ToSchema)]
pub struct ErasedCounts {
    status: &'static str,
    orders: usize,
    vouchers: usize,
    sms: u64,
}

/// Erases a customer: phone, name, SMS, access and what ZenoPay sent about them. Invoices keep
/// their numbers and amounts.
#[utoipa::path(post, path = "/api/v1/operator/customers/erase", tag = "operator",
    request_body = EraseRequest,
    responses(
        (status = 200, description = "Erased, or the phone is unknown", body = ErasedCounts),
        (status = 409, description = "`invalid_transition`: an order still waits for money or for an operator"),
        (status = 422, description = "`invalid_phone`, `invalid_request`"),
        (status = 503, description = "`unavailable`, `commit_unknown`, `stopping`"), Body))]
pub async fn erase(payload: web::Payload, caller: Caller) -> Answer {
    let body = body_of(payload, BODY_MAX).await?;
    let fields: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|_| Problem::new(Code::InvalidRequest).detail("the body is no JSON object"))?;
    let phone = Phone::read(text(&fields, "phone", PHONE_MAX)?)?;
    let reason = text(&fields, "reason", REASON_MAX)?.to_owned();
    let name = caller.operator().name.clone();
    let retention = &caller.api.retention;
    match retention.erase_customer(phone, name, reason).await? {
        Erasure::Done(erased) => Ok(HttpResponse::Ok().json(ErasedCounts {
            status: "success",
            orders: erased.orders,
            vouchers: erased.vouchers,
            sms: erased.sms,
        })),
        Erasure::StillOpen => Err(Problem::new(Code::InvalidTransition)
            .detail("an order of this customer still waits for money or for an operator")),
    }
}

/// A required text of the body. Control characters are refused: NUL fails in PostgreSQL, and a line
/// break could forge a log line.
fn text<'a>(fields: &'a Map<String, Value>, name: &str, max: usize) -> Result<&'a str, Problem> {
    let text = fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_line = text.chars().any(|c| c.is_ascii_graphic()) && !text.chars().any(char::is_control);
    if !is_line || text.chars().count() > max {
        return Err(Problem::new(Code::InvalidValue)
            .detail(format!("{name} must be one line of 1 to {max} characters")));
    }
    Ok(text)
}

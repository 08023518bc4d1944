//! A purchase, and the SMS of a purchase sent again.
//!
//! # Invariants
//! Anyone can enter any phone number, so the answer to a resend does not tell whether it has paid.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;
use utoipa::ToSchema;

use super::status::message;
use crate::checkout::{Bought, CheckoutError};
use crate::domain::access::DeviceMac;
use crate::domain::catalog::{CURRENCY, IdempotencyKey, PackageRef, Purchase, SecondPrompt, Tzs};
use crate::domain::clean_text::clean;
use crate::domain::people::{Language, Personal, Phone};
use crate::http::api::{Api, PORTAL};
use crate::http::pages::notice::Notice;
use crate::http::problem::{Code, Problem};
use crate::http::request::{language, object_of};
use crate::web::text::text;

/// Characters kept of a customer's name.
const NAME_MAX: usize = 80;

/// A purchase. Numbers may be strings; snake_case names are understood too.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayRequest {
    /// Number or code of the package.
    #[serde(alias = "package_id")]
    #[schema(value_type = String, example = "daily", pattern = "[^\\s]")]
    package_id: Value,
    /// Nine digits beginning 6 or 7, after an optional 0, 255, +255, 2550, +2550 or 00255. White space,
    /// dashes, dots, brackets and invisible characters do not count.
    #[serde(alias = "phone_number")]
    #[schema(value_type = String, example = "0712345678", pattern = "^[ .()-]*(([0][ .()-]*[0][ .()-]*|[+][ .()-]*)?2[ .()-]*5[ .()-]*5[ .()-]*|([+][ .()-]*)?2[ .()-]*5[ .()-]*5[ .()-]*0[ .()-]*|0[ .()-]*)?[67]([ .()-]*[0-9]){8}[ .()-]*$")]
    phone_number: Value,
    /// For the invoice.
    #[serde(alias = "customer_name")]
    customer_name: Option<String>,
    /// The guest's device as the router names it: a MAC address in any spelling.
    #[schema(
        pattern = "^[ ]*([0-9A-Fa-f][-:. ]*){12}$",
        example = "AA:BB:CC:00:11:22"
    )]
    mac: Option<String>,
    /// The price that the client expects; ours counts.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 999_999_999_999_999_i64)]
    amount: Option<Value>,
    /// Only TZS.
    #[schema(pattern = "^ *[Tt][Zz][Ss] *$")]
    currency: Option<String>,
    /// Ignored: ZenoPay finds the mobile operator from the number.
    #[serde(alias = "payment_method")]
    #[expect(dead_code, reason = "accepted, because portals send it")]
    payment_method: Option<Value>,
}

/// The order that a purchase has made.
#[derive(Serialize, ToSchema)]
pub struct PayAnswer {
    status: &'static str,
    message: String,
    order_id: String,
    version: i32,
    payment_status: &'static str,
    amount: i64,
    currency: &'static str,
    status_url: String,
    resumed: bool,
}

/// Buys a package: makes the order and pushes the payment request to the phone.
#[utoipa::path(post, path = "/api/v1/customer-portal/payment", tag = "portal",
    request_body = PayRequest,
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{8,255}$", description = "8 to 255 visible ASCII characters; makes sending the same purchase again safe")),
    responses(
        (status = 201, description = "The payment prompt was sent to the phone", body = PayAnswer),
        (status = 200, description = "The order that this Idempotency-Key has made, as it is now", body = PayAnswer),
        (status = 202, description = "It is not known whether the phone shows the prompt; the status is checked with ZenoPay", body = PayAnswer),
        (status = 404, description = "`package_not_found`"),
        (status = 409, description = "`price_changed` with `price`, or `prompt_open`"),
        (status = 422, description = "`invalid_phone`, `invalid_request`, `idempotency_key_reused`"),
        (status = 429, description = "`rate_limited`: too many prompts to this phone, orders of this client, or refused requests"),
        (status = 502, description = "`gateway_refused`")))]
pub async fn pay(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let purchase = purchase(&request, object_of(payload).await?)?;
    let (language, phone) = (purchase.language, purchase.phone.clone());
    let share = api.clients.share(&request);
    let bought = api.checkout.buy(purchase, share).await;
    let bought = bought.map_err(|cause| refused(cause, &phone, language))?;
    let (status, payment, resumed) = match bought {
        Bought::Pushed(payment) => (StatusCode::CREATED, payment, false),
        Bought::Unclear(payment) => (StatusCode::ACCEPTED, payment, false),
        Bought::Resumed(payment) => (StatusCode::OK, payment, true),
    };
    Ok(HttpResponse::build(status).json(PayAnswer {
        status: "success",
        message: message(&payment, language).to_owned(),
        order_id: payment.order_id.to_string(),
        version: payment.version,
        payment_status: payment.status.as_str(),
        amount: payment.amount.0,
        currency: CURRENCY,
        status_url: format!("{PORTAL}/payment/status/{}", payment.order_id),
        resumed,
    }))
}

/// The problem of a refused purchase. For a limit and an open payment request the detail is the text
/// of the page: another person may have entered this number.
fn refused(cause: CheckoutError, phone: &Phone, language: Language) -> Problem {
    let CheckoutError::Refused(refusal) = cause else {
        return cause.into();
    };
    let notice = Notice::refused(text(language), refusal, phone);
    Problem::from(cause).detail(notice.body)
}

/// The phone whose voucher is to be sent again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResendRequest {
    /// Nine digits beginning 6 or 7, after an optional 0, 255, +255, 2550, +2550 or 00255. White space,
    /// dashes, dots, brackets and invisible characters do not count.
    #[serde(alias = "phone_number")]
    #[schema(value_type = String, example = "0712345678", pattern = "^[ .()-]*(([0][ .()-]*[0][ .()-]*|[+][ .()-]*)?2[ .()-]*5[ .()-]*5[ .()-]*|([+][ .()-]*)?2[ .()-]*5[ .()-]*5[ .()-]*0[ .()-]*|0[ .()-]*)?[67]([ .()-]*[0-9]){8}[ .()-]*$")]
    phone_number: Value,
}

/// The same for every phone.
#[derive(Serialize, ToSchema)]
pub struct ResendAnswer {
    status: &'static str,
    message: String,
}

/// Sends the voucher's SMS again to the phone that paid, at most three times an hour. Without a
/// voucher, the newest order of that phone is checked with ZenoPay.
#[utoipa::path(post, path = "/api/v1/customer-portal/payment/resend", tag = "portal",
    request_body = ResendRequest,
    params(("Accept-Language" = Option<String>, Header, description = "`sw` or `en`")),
    responses(
        (status = 202, description = "The voucher is sent if there is one; the answer is the same for every phone", body = ResendAnswer),
        (status = 422, description = "`invalid_phone`"),
        (status = 429, description = "`rate_limited`: too many requests of this client wait for their turn, or were refused")))]
pub async fn resend(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let wanted: ResendRequest = object_of(payload).await?;
    let phone = Phone::read(&scalar(&wanted.phone_number).unwrap_or_default())?;
    let turn = api.clients.admit_resend(&request, &phone, &api.draining);
    turn.await?;
    help(&api, &phone).await?;
    let language = language(request.headers());
    Ok(HttpResponse::Accepted().json(ResendAnswer {
        status: "success",
        message: text(language).paid.done.clone(),
    }))
}

/// Has the SMS sent again, or the newest unpaid order checked. The answer waits for the look-ups, which cost
/// the same for every phone, and not for what they lead to: its time tells nothing.
///
/// # Errors
/// A 503 without the database, or while too many guests are being helped.
pub async fn help(api: &Api, phone: &Phone) -> Result<(), Problem> {
    let place = api.helping.clone().try_acquire_owned();
    let place = place.map_err(|_| Code::Busy)?;
    let (store, help) = (api.store.clone(), api.store.help_for(phone).await?);
    api.checkout.background.spawn(async move {
        let _place = place;
        if let Err(error) = store.help(help).await {
            warn!(%error, "a guest's SMS could not be sent again, or the order not be checked");
        }
    });
    Ok(())
}

fn purchase(request: &HttpRequest, wanted: PayRequest) -> Result<Purchase, Problem> {
    let currency = wanted.currency.as_deref().unwrap_or(CURRENCY).trim();
    if !currency.eq_ignore_ascii_case(CURRENCY) {
        return Err(Code::InvalidValue.detail("currency must be TZS"));
    }
    let price = |amount| {
        let price = scalar(amount).and_then(|text| Tzs::read_whole(&text));
        price.ok_or_else(|| Code::InvalidValue.detail("amount is not in whole shillings"))
    };
    let expected_price = wanted.amount.as_ref().map(price).transpose()?;
    let package = scalar(&wanted.package_id)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| {
            Code::InvalidValue.detail("packageId must be the number or code of a package")
        })?;
    let mac = wanted.mac.as_deref().unwrap_or_default().trim();
    let device = (!mac.is_empty()).then(|| DeviceMac::read(mac)).transpose();
    let device = device.map_err(|fault| Code::InvalidValue.detail(fault))?;
    let phone = Phone::read(&scalar(&wanted.phone_number).unwrap_or_default())?;
    let key = request.headers().get("idempotency-key");
    let key = key.map(|key| IdempotencyKey::read(key.as_bytes()));
    let key = key.transpose();
    let idempotency_key = key.map_err(|fault| Code::InvalidValue.detail(fault))?;
    Ok(Purchase {
        package: PackageRef::read(&package).ok_or(Code::PackageNotFound)?,
        phone,
        device,
        customer_name: (wanted.customer_name)
            .and_then(|name| clean(&name, NAME_MAX))
            .map(Personal::new),
        expected_price,
        language: language(request.headers()),
        // A new key is a new purchase on purpose, even while another prompt is open.
        second_prompt: match &idempotency_key {
            Some(_) => SecondPrompt::Allowed,
            None => SecondPrompt::NotAllowed,
        },
        idempotency_key,
    })
}

/// A JSON string or number, as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

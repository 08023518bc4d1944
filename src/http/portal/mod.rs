//! The price list and the purchase.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::api::{Api, PORTAL};
use super::problem::{Code, Problem};
use super::request::{body_of, language};
use crate::checkout::{Bought, CheckoutError};
use crate::domain::access::device::DeviceMac;
use crate::domain::catalog::admission::Refusal;
use crate::domain::catalog::money::{CURRENCY, Tzs};
use crate::domain::catalog::package::Package;
use crate::domain::catalog::purchase::{IdempotencyKey, PackageRef, Purchase, Ringing};
use crate::domain::clean_text::clean;
use crate::domain::order::payment::Payment;
use crate::domain::people::language::Language;
use crate::domain::people::personal::Personal;
use crate::domain::people::phone::Phone;
use crate::web::Notice;
use crate::web::text::text;

pub(super) mod resend;
pub(super) mod status;
pub(super) mod voucher;
pub(super) mod wording;

/// A purchase has no need of more.
pub(super) const BODY_MAX: usize = 16 * 1024;
/// Characters kept of a customer's name.
const NAME_MAX: usize = 80;

/// One line of the price list.
#[derive(Serialize, ToSchema)]
pub struct PackageLine {
    id: i64,
    code: String,
    name: String,
    price: i64,
    currency: &'static str,
    duration_minutes: i32,
    validity: &'static str,
    data_limit_mb: Option<i32>,
    download_kbps: i32,
    upload_kbps: i32,
    shared_devices: i32,
}

/// The price list.
#[derive(Serialize, ToSchema)]
pub struct PackageList {
    status: &'static str,
    packages: Vec<PackageLine>,
}

/// What is on sale.
#[utoipa::path(get, path = "/api/v1/customer-portal/packages", tag = "portal",
    params(("Accept-Language" = Option<String>, Header, description = "`sw` or `en`")),
    responses((status = 200, description = "The price list", body = PackageList)))]
pub async fn packages(request: HttpRequest, api: web::Data<Api>) -> Result<HttpResponse, Problem> {
    let language = language(request.headers());
    let packages = api.store.packages_on_sale().await?;
    let packages = packages
        .into_iter()
        .map(|package| line(package, language))
        .collect();
    Ok(HttpResponse::Ok().json(PackageList {
        status: "success",
        packages,
    }))
}

fn line(package: Package, language: Language) -> PackageLine {
    let name = package.terms.name(language).to_owned();
    PackageLine {
        id: package.id,
        name,
        price: package.price.0,
        currency: CURRENCY,
        duration_minutes: package.terms.duration_minutes,
        validity: package.terms.validity.as_str(),
        data_limit_mb: package.terms.data_limit_mb,
        download_kbps: package.terms.download_kbps,
        upload_kbps: package.terms.upload_kbps,
        shared_devices: package.terms.shared_devices,
        code: package.terms.code,
    }
}

/// A wish to buy. Numbers may be strings; snake_case names are understood too.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayRequest {
    /// Number or code of the package.
    #[serde(alias = "package_id")]
    #[schema(value_type = String, example = "daily", pattern = "[^\\s]")]
    package_id: Value,
    /// Nine digits beginning 6 or 7, after an optional 0, 255, +255, 2550 or 00255.
    #[serde(alias = "phone_number")]
    #[schema(value_type = String, example = "0712345678", pattern = "^[ -]*(([0][ -]*[0][ -]*|[+][ -]*)?2[ -]*5[ -]*5[ -]*|2[ -]*5[ -]*5[ -]*0[ -]*|0[ -]*)?[67]([ -]*[0-9]){8}[ -]*$")]
    phone_number: Value,
    /// For the invoice.
    #[serde(default, alias = "customer_name")]
    customer_name: Option<String>,
    /// The guest's device as the router names it: a MAC address in any spelling.
    #[serde(default)]
    #[schema(
        pattern = "^[ ]*([0-9A-Fa-f][-:. ]*){12}$",
        example = "AA:BB:CC:00:11:22"
    )]
    mac: Option<String>,
    /// The price that the client believes; ours counts.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 999_999_999_999_999_i64)]
    amount: Option<Value>,
    /// Only TZS.
    #[schema(pattern = "^ *[Tt][Zz][Ss] *$")]
    #[serde(default)]
    currency: Option<String>,
    /// Not looked at: ZenoPay knows the operator by the number.
    #[serde(default, alias = "payment_method")]
    #[serde(rename = "paymentMethod")]
    #[allow(dead_code, reason = "accepted, because portals send it")]
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

/// Buys a package: makes the order and has the phone ring.
#[utoipa::path(post, path = "/api/v1/customer-portal/payment", tag = "portal",
    request_body = PayRequest,
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{8,255}$", description = "8 to 255 visible ASCII characters; makes sending the same purchase again safe")),
    responses(
        (status = 201, description = "The phone is ringing", body = PayAnswer),
        (status = 200, description = "The order that this Idempotency-Key has made, as it is now", body = PayAnswer),
        (status = 202, description = "It is not known whether the phone rings; ZenoPay is asked", body = PayAnswer),
        (status = 400, description = "`invalid_request`"),
        (status = 404, description = "`package_not_found`"),
        (status = 409, description = "`price_changed` with `price`, or `prompt_open`"),
        (status = 413, description = "`payload_too_large`"),
        (status = 422, description = "`invalid_phone`, `invalid_request`, `idempotency_key_reused`"),
        (status = 429, description = "`rate_limited`"),
        (status = 502, description = "`gateway_refused`"),
        (status = 503, description = "`unavailable`, `commit_unknown`, `stopping`")))]
pub async fn pay(
    request: HttpRequest,
    payload: web::Payload,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    api.clients.admit(&request)?;
    let body = body_of(payload, BODY_MAX).await?;
    let purchase = purchase(&request, &body)?;
    let (language, phone) = (purchase.language, purchase.phone.clone());
    let bought = api.checkout.buy(purchase).await;
    let bought = bought.map_err(|cause| refused(cause, &phone, language))?;
    let (status, payment, resumed) = match bought {
        Bought::Pushed(payment) => (StatusCode::CREATED, payment, false),
        Bought::Unclear(payment) => (StatusCode::ACCEPTED, payment, false),
        Bought::Resumed(payment) => (StatusCode::OK, payment, true),
    };
    Ok(HttpResponse::build(status).json(answer(&payment, language, resumed)))
}

/// Why there is no order. A prompt that is open may be a stranger's, who has typed this number: the
/// guest who reads it is told to decline what they did not order.
fn refused(cause: CheckoutError, phone: &Phone, language: Language) -> Problem {
    let notice = match &cause {
        CheckoutError::Refused(refusal @ Refusal::PromptOpen { .. }) => {
            Notice::refused(text(language), *refusal, phone)
        }
        CheckoutError::Refused(Refusal::RateLimited { .. })
        | CheckoutError::PackageNotFound
        | CheckoutError::PriceChanged { .. }
        | CheckoutError::KeyReused
        | CheckoutError::GatewayRefused { .. }
        | CheckoutError::Store(_) => return cause.into(),
    };
    Problem::from(cause).detail(notice.body)
}

fn purchase(request: &HttpRequest, body: &[u8]) -> Result<Purchase, Problem> {
    let wish: PayRequest = read_wish(body)?;
    let at_fault = |what: &str| Problem::new(Code::InvalidValue).detail(what);
    let currency = wish.currency.as_deref().unwrap_or(CURRENCY).trim();
    if !currency.eq_ignore_ascii_case(CURRENCY) {
        return Err(at_fault("currency must be TZS"));
    }
    let expected_price = match &wish.amount {
        None | Some(Value::Null) => None,
        Some(amount) => Some(
            scalar(amount)
                .and_then(|text| Tzs::read_whole(&text))
                .ok_or_else(|| at_fault("amount is not in whole shillings"))?,
        ),
    };
    let package = scalar(&wish.package_id)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| at_fault("packageId is not a name"))?;
    let device = match wish.mac.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(mac) => Some(DeviceMac::read(mac).map_err(|fault| at_fault(&fault.to_string()))?),
    };
    let phone = Phone::read(&scalar(&wish.phone_number).unwrap_or_default())?;
    let key = request.headers().get("idempotency-key");
    let key = key.map(|key| IdempotencyKey::read(key.as_bytes()));
    let idempotency_key = key.transpose()?;
    Ok(Purchase {
        package: PackageRef::read(&package).ok_or_else(|| Problem::new(Code::PackageNotFound))?,
        phone,
        device,
        customer_name: (wish.customer_name)
            .and_then(|name| clean(&name, NAME_MAX))
            .map(Personal::new),
        expected_price,
        language: language(request.headers()),
        // A client with a key of its own knows what it is doing.
        ringing: match &idempotency_key {
            Some(_) => Ringing::Again,
            None => Ringing::Once,
        },
        idempotency_key,
    })
}

/// An object, as anything else would be read by the position of its items.
pub(super) fn read_wish<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let fault = |detail: String| Problem::new(Code::InvalidRequest).detail(detail);
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(fault("the body must be a JSON object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| fault(error.to_string()))
}

/// Numbers may be strings, and strings numbers.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn answer(payment: &Payment, language: Language, resumed: bool) -> PayAnswer {
    PayAnswer {
        status: "success",
        message: wording::of(payment, language).to_owned(),
        order_id: payment.order_id.to_string(),
        version: payment.version,
        payment_status: payment.status.as_str(),
        amount: payment.amount.0,
        currency: CURRENCY,
        status_url: format!("{PORTAL}/payment/status/{}", payment.order_id),
        resumed,
    }
}

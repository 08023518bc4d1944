//! What is left of a voucher, for a client that knows its code and for a device that uses it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::{Remaining, VoucherCode};
use crate::http::Api;
use crate::http::client::Guess;
use crate::http::problem::{Code, Problem};

/// What is left of a voucher.
#[derive(Serialize, ToSchema)]
pub struct VoucherDocument {
    status: &'static str,
    voucher_code: String,
    #[serde(flatten)]
    remaining: Remaining,
}

/// The document of RFC 8908; unknown members are left out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CaptiveDocument {
    captive: bool,
    user_portal_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_extend_session: Option<bool>,
}

/// What is left of a voucher, by what its routers have reported so far.
#[utoipa::path(get, path = "/api/v1/customer-portal/voucher/{code}", tag = "portal",
    params(("code" = String, Path, description = "As the guest types it: in any case, with spaces or dashes")),
    responses(
        (status = 200, description = "What is left of it", body = VoucherDocument),
        (status = 404, description = "`voucher_not_found`"),
        (status = 429, description = "`rate_limited`: after too many codes that do not exist, too many look-ups wait for their turn")))]
pub async fn show(
    code: web::Path<String>,
    api: web::Data<Api>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let code = VoucherCode::typed(&code).ok_or(Code::VoucherNotFound)?;
    let remaining = look_up(&api, &request, &code).await?;
    let remaining = remaining.ok_or(Code::VoucherNotFound)?;
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(VoucherDocument {
            status: "success",
            voucher_code: code.as_str().to_owned(),
            remaining,
        }))
}

/// RFC 8908: whether the device that sends the request is still captive. A device is
/// identified by its address in the hotspot, so only a server inside the hotspot can answer.
#[utoipa::path(get, path = "/api/v1/customer-portal/captive", tag = "portal",
    responses(
        (status = 200, description = "RFC 8908", body = CaptiveDocument, content_type = "application/captive+json"),
        (status = 404, description = "`not_found`: `portal.on_site` is not set")))]
pub async fn captive(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some(portal) = &api.site.captive_portal else {
        return Err(Code::NotFound.detail("this server is not inside a hotspot"));
    };
    let code = match api.clients.address(&request) {
        Some(device) => api.store.online_at(device).await?,
        None => None,
    };
    let remaining = match code {
        Some(code) => remaining(&api, &code).await?,
        None => None,
    };
    let free = remaining.filter(|it| it.state.is_open());
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "private"))
        .content_type("application/captive+json")
        .json(CaptiveDocument {
            captive: free.is_none(),
            user_portal_url: portal.to_string(),
            seconds_remaining: free.as_ref().map(|it| it.seconds_remaining),
            bytes_remaining: free.as_ref().and_then(|it| it.bytes_remaining),
            // A session cannot be extended: more time needs another voucher.
            can_extend_session: free.as_ref().map(|_| false),
        }))
}

/// What is left of a voucher whose code a client sends. A client that has sent many unknown codes
/// waits for its turn first.
///
/// # Errors
/// As `Clients::count_guess`; a 503 without the database.
pub async fn look_up(
    api: &Api,
    request: &HttpRequest,
    code: &VoucherCode,
) -> Result<Option<Remaining>, Problem> {
    let guess = api.clients.count_guess(request, &api.draining).await?;
    guessed(api, guess, code).await
}

/// The same, but a client that would have to wait finds nothing.
///
/// # Errors
/// A 503 without the database.
pub async fn look_up_at_once(
    api: &Api,
    request: &HttpRequest,
    code: &VoucherCode,
) -> Result<Option<Remaining>, Problem> {
    match api.clients.count_guess_at_once(request) {
        Some(guess) => guessed(api, guess, code).await,
        None => Ok(None),
    }
}

async fn guessed(
    api: &Api,
    guess: Guess,
    code: &VoucherCode,
) -> Result<Option<Remaining>, Problem> {
    let remaining = remaining(api, code).await?;
    if remaining.is_some() {
        api.clients.uncount_guess(guess);
    }
    Ok(remaining)
}

/// The same for a code that is known to exist, or to a caller that cannot guess.
///
/// # Errors
/// A 503 without the database.
pub async fn remaining(api: &Api, code: &VoucherCode) -> Result<Option<Remaining>, Problem> {
    let usage = api.store.voucher_usage(code).await?;
    let now = api.store.clock().now();
    Ok(usage.map(|(allowance, usage)| Remaining::of(&allowance, &usage, now)))
}

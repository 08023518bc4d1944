//! What is left of a voucher, for a client that knows its code, and for the device that runs on it.

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::status::rfc3339;
use crate::domain::access::usage::{Remaining, State};
use crate::domain::access::voucher::VoucherCode;
use crate::http::Api;
use crate::http::problem::{Code, Problem};

/// How a voucher stands.
#[derive(Serialize, ToSchema)]
pub struct VoucherDocument {
    status: &'static str,
    voucher_code: String,
    /// `new`, `active`, `expired` or `revoked`.
    state: &'static str,
    /// Null while a voucher that counts from the first log-in is unused.
    expires_at: Option<String>,
    seconds_remaining: u64,
    /// Null is without limit.
    bytes_remaining: Option<u64>,
    devices_online: u32,
}

impl VoucherDocument {
    fn of(code: &VoucherCode, standing: &Remaining) -> Self {
        Self {
            status: "success",
            voucher_code: code.as_str().to_owned(),
            state: standing.state.as_str(),
            expires_at: standing.expires_at.map(rfc3339),
            seconds_remaining: standing.seconds_remaining,
            bytes_remaining: standing.bytes_remaining,
            devices_online: standing.devices_online,
        }
    }
}

/// What RFC 8908 has a device told. What there is nothing to say of is left out.
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

impl CaptiveDocument {
    fn of(portal: &Url, standing: Option<&Remaining>) -> Self {
        let free = standing.filter(|it| matches!(it.state, State::New | State::Active));
        Self {
            captive: free.is_none(),
            user_portal_url: portal.to_string(),
            seconds_remaining: free.map(|it| it.seconds_remaining),
            bytes_remaining: free.and_then(|it| it.bytes_remaining),
            // More time is another voucher.
            can_extend_session: free.map(|_| false),
        }
    }
}

/// What is left of a voucher: from what its routers have told so far.
#[utoipa::path(get, path = "/api/v1/customer-portal/voucher/{code}", tag = "portal",
    params(("code" = String, Path, description = "As the guest types it: in any case, with spaces or dashes")),
    responses(
        (status = 200, description = "How it stands", body = VoucherDocument),
        (status = 404, description = "`voucher_not_found`"),
        (status = 429, description = "`rate_limited`: too many codes that do not exist")))]
pub async fn show(
    code: web::Path<String>,
    api: web::Data<Api>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let code = VoucherCode::typed(&code).ok_or_else(|| Problem::new(Code::VoucherNotFound))?;
    api.clients.guess(&request)?;
    let now = api.store.clock().now();
    let standing = standing(&api, &code, now).await?;
    let standing = standing.ok_or_else(|| Problem::new(Code::VoucherNotFound))?;
    api.clients.was_no_guess(&request);
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(VoucherDocument::of(&code, &standing)))
}

/// RFC 8908: whether the device that asks is still held by the portal. It is known by its
/// address in the hotspot, so only a server on site can tell.
#[utoipa::path(get, path = "/api/v1/customer-portal/captive", tag = "portal",
    responses(
        (status = 200, description = "RFC 8908", body = CaptiveDocument, content_type = "application/captive+json"),
        (status = 404, description = "`not_found`: `portal.on_site` is not set")))]
pub async fn captive(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let Some(portal) = &api.site.captive_portal else {
        return Err(Problem::new(Code::NotFound).detail("this server is not inside a hotspot"));
    };
    let now = api.store.clock().now();
    let standing = match api.clients.address(&request) {
        Some(device) => match api.store.online_at(device).await? {
            Some(code) => standing(&api, &code, now).await?,
            None => None,
        },
        None => None,
    };
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "private"))
        .content_type("application/captive+json")
        .json(CaptiveDocument::of(portal, standing.as_ref())))
}

async fn standing(
    api: &Api,
    code: &VoucherCode,
    now: DateTime<Utc>,
) -> Result<Option<Remaining>, Problem> {
    let known = api.store.voucher_usage(code).await?;
    Ok(known.map(|(allowance, usage)| Remaining::of(&allowance, &usage, now)))
}

//! The voucher that this browser has shown last: a cookie names it, so that a guest whom the router
//! sends back finds it again.
//!
//! # Invariants
//! - The cookie has what the browser knew already: the order id, the owner link or the code. It opens
//!   no more than that: an order id does not lead to a code that was replaced.
//! - A phone is logged in by itself only with a voucher that it has used before: a router has reported
//!   a session of that voucher with the MAC address of this device. So a voucher that was only looked
//!   up is never used, and neither is one of another phone.

use actix_web::HttpResponse;

use super::order_summary::LinkKind;
use super::{Problem, Visitor, with_cookie};
use crate::domain::access::{OwnerToken, Remaining, VoucherCode};
use crate::domain::order::{OrderId, Payment, Status};
use crate::http::portal::voucher::{look_up_at_once, remaining};
use crate::http::request::cookie;

/// The cookie with the voucher: an order id, the token of an owner link, or a code.
const COOKIE: &str = "malipo_voucher";
/// As long as the longest package of the seeded price list.
const COOKIE_LASTS_SECS: i64 = 31 * 86_400;

/// A voucher that this browser may see.
pub(super) struct KnownVoucher {
    pub code: VoucherCode,
    pub remaining: Remaining,
    /// The path of the order's page; `None` if the browser knows the code alone.
    pub order_page: Option<String>,
    /// Its payment was paid back.
    pub is_refunded: bool,
}

/// Sets the cookie: this browser has shown the voucher behind `key`.
pub(super) fn remember(visitor: &Visitor, answer: HttpResponse, key: &str) -> HttpResponse {
    let cookie = (visitor.api.gate).set_cookie(COOKIE, key, COOKIE_LASTS_SECS);
    with_cookie(answer, &cookie)
}

/// The voucher that this browser has shown last, if it may still see it.
///
/// # Errors
/// A 503 without the database.
pub(super) async fn known(visitor: &Visitor) -> Result<Option<KnownVoucher>, Problem> {
    let (api, request) = (&visitor.api, &visitor.request);
    let Some(key) = cookie(request.headers(), COOKIE) else {
        return Ok(None);
    };
    if let Ok(order_id) = key.parse::<OrderId>() {
        let order = api.store.load_for_guest(order_id).await?;
        return of_order(visitor, order.as_deref(), LinkKind::OrderId).await;
    }
    if let Some(token) = OwnerToken::read(key) {
        let order = api.store.load_by_owner_token(&token).await?;
        return of_order(visitor, order.as_ref(), LinkKind::OwnerLink(&token)).await;
    }
    let Some(code) = VoucherCode::typed(key) else {
        return Ok(None);
    };
    // A cookie can be made up, so this counts as a guess. But a guest who only arrives does not wait for
    // the guesses of others behind the same address: over the limit the cookie is ignored.
    let remaining = look_up_at_once(api, request, &code).await?;
    Ok(remaining.map(|remaining| KnownVoucher {
        code,
        remaining,
        order_page: None,
        is_refunded: false,
    }))
}

async fn of_order(
    visitor: &Visitor,
    order: Option<&Payment>,
    link: LinkKind<'_>,
) -> Result<Option<KnownVoucher>, Problem> {
    let shown = order.filter(|order| link.shows_code(order));
    let Some((order, voucher)) = shown.and_then(|it| Some((it, it.voucher.as_ref()?))) else {
        return Ok(None);
    };
    let remaining = remaining(&visitor.api, &voucher.code).await?;
    Ok(remaining.map(|remaining| KnownVoucher {
        code: voucher.code.clone(),
        remaining,
        order_page: Some(link.path(order)),
        is_refunded: order.status == Status::Refunded,
    }))
}

/// Whether the phone of this visitor has used the voucher before, and may use it now.
pub(super) async fn may_log_in_again(
    visitor: &Visitor,
    known: &KnownVoucher,
) -> Result<bool, Problem> {
    let Some(device) = &visitor.visit.device else {
        return Ok(false);
    };
    let store = &visitor.api.store;
    Ok(known.remaining.state.is_open() && store.was_used_by(&known.code, device).await?)
}

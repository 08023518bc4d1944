//! A guest who buys again with an open order: Back, a reload, a second press or a second tab.
//!
//! # Invariants
//! A phone number does not prove ownership of an order. The browser that bought gets the order page: it
//! has the form with its key, whatever package is chosen in it now, or the order id in a cookie for one
//! hour. The device that bought, known by
//! a MAC address that anyone can send, only gets the state page, while the payment request is open.

use actix_web::HttpResponse;
use chrono::TimeDelta;

use super::{Form, Visitor, with_cookie};
use crate::domain::access::StateToken;
use crate::domain::catalog::IdempotencyKey;
use crate::domain::order::{OrderId, Payment, Status};
use crate::domain::people::Phone;
use crate::http::request::cookie;
use crate::store::StoreError;

/// The cookie with the order that this browser made last.
const COOKIE: &str = "malipo_order";
const COOKIE_LASTS_SECS: i64 = 3600;
/// So soon after its order a form is taken to be pressed twice, also if the order has failed already.
const DOUBLE_PRESS: TimeDelta = TimeDelta::seconds(10);
/// The most orders of one form; it is an old one then, and a reload makes a new one.
const ATTEMPTS_MAX: usize = 32;

/// The idempotency key of a form; `None` if the form has none.
pub(super) fn form_key(form: &Form, package: &str, phone: &Phone) -> Option<IdempotencyKey> {
    let key = form.field("key");
    (!key.is_empty()).then(|| IdempotencyKey::of_form(key, package, phone))
}

/// The key for this press of a form: the form's own, or the next one if the order of that has ended
/// unpaid.
pub(super) async fn current_key(
    visitor: &Visitor,
    mut key: IdempotencyKey,
) -> Result<IdempotencyKey, StoreError> {
    let store = &visitor.api.store;
    let now = store.clock().now();
    let has_ended = |order: &Payment| {
        let is_double_press = (now - order.created_at).abs() <= DOUBLE_PRESS;
        order.status.ended_unpaid() && (order.was_let_go() || !is_double_press)
    };
    for _ in 0..ATTEMPTS_MAX {
        let made = store.load_by_key(&key).await?;
        if !made.is_some_and(|order| has_ended(&order)) {
            break;
        }
        key = key.next();
    }
    Ok(key)
}

/// Redirects to the order that was made or resumed, and sets the cookie with its id.
pub(super) fn remember(visitor: &Visitor, order_id: OrderId) -> HttpResponse {
    let id = order_id.to_string();
    let cookie = (visitor.api.gate).set_cookie(COOKIE, &id, COOKIE_LASTS_SECS);
    with_cookie(visitor.redirect(&format!("/order/{id}")), &cookie)
}

/// Whether this form has made this order, with another package than is chosen now.
async fn is_of_form(visitor: &Visitor, form: &Form, order: &Payment) -> Result<bool, StoreError> {
    let mut next = form_key(form, &order.terms.code, &order.phone);
    for _ in 0..ATTEMPTS_MAX {
        let Some(key) = next else { break };
        match visitor.api.store.load_by_key(&key).await? {
            Some(made) if made.order_id == order.order_id => return Ok(true),
            made => next = made.map(|_| key.next()),
        }
    }
    Ok(false)
}

/// The order of this phone in the browser's cookie, while it waits for its payment.
pub(super) async fn remembered(
    visitor: &Visitor,
    phone: &Phone,
) -> Result<Option<OrderId>, StoreError> {
    let id = cookie(visitor.request.headers(), COOKIE).and_then(|id| id.parse().ok());
    let Some(order_id) = id else { return Ok(None) };
    let order = visitor.api.store.load_for_guest(order_id).await?;
    let is_open = order.is_some_and(|it| it.status == Status::Pending && it.phone == *phone);
    Ok(is_open.then_some(order_id))
}

/// Redirects to the open order of this phone if this browser or this device has bought it: the
/// browser to the order page, the device to the state page. `None` for any other guest.
pub(super) async fn resume(
    visitor: &Visitor,
    form: &Form,
    phone: &Phone,
) -> Result<Option<HttpResponse>, StoreError> {
    if let Some(order_id) = remembered(visitor, phone).await? {
        return Ok(Some(visitor.redirect(&format!("/order/{order_id}"))));
    }
    let Some(open) = visitor.api.store.newest_pending(phone).await? else {
        return Ok(None);
    };
    if is_of_form(visitor, form, &open).await? {
        return Ok(Some(visitor.redirect(&format!("/order/{}", open.order_id))));
    }
    let device = visitor.visit.device.as_ref();
    let is_of_device = device.is_some() && open.device.as_ref() == device;
    Ok(is_of_device.then(|| visitor.redirect(&StateToken::of(open.order_id).path())))
}

//! How a guest who presses again, in a form that does not know of the open order, is led to it.
//!
//! # Invariants
//! A phone number is no proof of an order. The browser that bought shows the order's own id, in a
//! cookie of one hour, and gets the order. The device that bought, which the router names and a
//! stranger can name as well, gets the page that shows the state alone.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, web};

use super::order::{hold, number};
use super::{Page, Visitor, order_path};
use crate::domain::access::StateToken;
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::people::phone::Phone;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::request::cookie;
use crate::store::StoreError;
use crate::web::StatePage;

/// The cookie with the order that this browser made last.
const COOKIE: &str = "malipo_order";
const COOKIE_LASTS_SECS: i64 = 3600;

/// Leads the browser that has just bought to its order, and has it remember that order.
pub(super) fn remember(api: &Api, visitor: &Visitor, order_id: OrderId) -> HttpResponse {
    let mut answer = visitor.see(&order_path(order_id));
    let cookie = api
        .gate
        .set_cookie(COOKIE, &order_id.to_string(), COOKIE_LASTS_SECS);
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

/// Leads to the open order of this phone, as far as the browser or the device may see it. `None`
/// if neither has bought it.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached.
pub(super) async fn lead_back(
    api: &Api,
    request: &HttpRequest,
    visitor: &Visitor,
    phone: &Phone,
) -> Result<Option<HttpResponse>, StoreError> {
    let remembered = cookie(request.headers(), COOKIE).and_then(|id| id.parse().ok());
    if let Some(order_id) = remembered
        && let Some(order) = api.store.load_for_guest(order_id).await?
        && order.status == Status::Pending
        && order.phone == *phone
    {
        return Ok(Some(visitor.see(&order_path(order_id))));
    }
    let Some(device) = &visitor.visit.device else {
        return Ok(None);
    };
    let open = api.store.newest_pending(phone).await?;
    let open = open.filter(|order| order.device.as_ref() == Some(device));
    Ok(open.map(|order| visitor.see(&StateToken::of(order.order_id).path())))
}

/// The state of an order, at once or as soon as it differs from `since`.
pub async fn show(
    visitor: Visitor,
    request: HttpRequest,
    token: web::Path<String>,
    api: web::Data<Api>,
) -> Page {
    let unknown = || Problem::new(Code::OrderNotFound);
    let token = StateToken::read(&token).ok_or_else(unknown)?;
    let candidates = api.store.orders_of_ref(token.order_ref()).await?;
    let order = candidates
        .into_iter()
        .find(|order| token.is_of(order.order_id))
        .ok_or_else(unknown)?;
    let since = number(&request, "since");
    let hold = hold(&request, since, api.wait_max);
    let waited = api
        .status
        .wait(&api.store, order.order_id, since, hold)
        .await?;
    let order = waited.map_or(order, |answered| (*answered.payment).clone());
    let page = StatePage::new(visitor.frame(), &order, &token);
    Ok(visitor.answer(StatusCode::OK, &page))
}

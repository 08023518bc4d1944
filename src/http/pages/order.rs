//! One order's page: shown at once, or held until there is news.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::shop::{attempt, key};
use super::{Form, Page, Visitor, come_again, fresh_key, order_path};
use crate::domain::catalog::purchase::{PackageRef, Purchase, Ringing};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Payment;
use crate::domain::people::phone::Phone;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::request::order_in;
use crate::web::{Draft, LinkKind, Look, Notice, OrderPage};

/// How long a page is held for a browser without scripts, which shows nothing new meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);
/// A guest who found no seat comes again after this many seconds.
const CROWDED_RETRY_SECS: u64 = 2;

/// The order as it is now; with `since`, as soon as it differs from that version.
pub async fn show(
    visitor: Visitor,
    request: HttpRequest,
    order_id: web::Path<String>,
    api: web::Data<Api>,
) -> Page {
    let order_id = order_in(&order_id)?;
    show_by(&request, &api, &visitor, order_id, LinkKind::OrderId).await
}

/// The order for a guest who came by this door.
pub(super) async fn show_by(
    request: &HttpRequest,
    api: &Api,
    visitor: &Visitor,
    order_id: OrderId,
    door: LinkKind<'_>,
) -> Page {
    let since = number(request, "since");
    let hold = hold(request, since, api.wait_max);
    let answered = api.status.wait(&api.store, order_id, since, hold).await?;
    let answered = answered.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    let look = look(api, answered.crowded, door);
    let page = OrderPage::new(visitor.frame(), &answered.payment, look);
    let answer = visitor.answer(StatusCode::OK, &page);
    Ok(match answered.crowded {
        true => come_again(answer, CROWDED_RETRY_SECS),
        false => answer,
    })
}

fn look<'a>(api: &Api, is_crowded: bool, door: LinkKind<'a>) -> Look<'a> {
    Look {
        door,
        now: api.store.clock().now(),
        resume: api.resume,
        key: fresh_key(),
        is_crowded,
        notice: None,
    }
}

/// The order's page at another path than its own, with why the guest sees it again.
pub(super) fn draw(
    api: &Api,
    visitor: &Visitor,
    status: StatusCode,
    order: &Payment,
    door: LinkKind<'_>,
    notice: Notice,
) -> HttpResponse {
    let frame = visitor.frame_at(&door.path(order));
    let look = Look {
        notice: Some(notice),
        ..look(api, false, door)
    };
    visitor.answer(status, &OrderPage::new(frame, order, look))
}

/// Leads to the order.
pub async fn back(visitor: Visitor, order_id: web::Path<String>) -> HttpResponse {
    visitor.see(&format!("/order/{order_id}"))
}

/// Another attempt with the phone and the package of this order, as a new order.
pub async fn again(
    visitor: Visitor,
    request: HttpRequest,
    order_id: web::Path<String>,
    form: Form,
    api: web::Data<Api>,
) -> Page {
    let order_id = order_in(&order_id)?;
    let order = api.store.load_for_guest(order_id).await?;
    let order = order.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    // A customer who was forgotten has no phone any more that could ring.
    let phone = Phone::read(order.phone.international()).ok();
    let key = phone.and_then(|phone| key(&form, &order.terms.code, &phone));
    let Some(key) = key else {
        return Ok(visitor.see(&order_path(order_id)));
    };
    // A guest with the link has the order, and still need not learn the number.
    let draft = Draft {
        package: Some(order.terms.code.clone()),
        key: fresh_key(),
        ..Draft::default()
    };
    let purchase = Purchase {
        package: PackageRef::Code(order.terms.code.clone()),
        phone: order.phone.clone(),
        customer_name: order.customer_name.clone(),
        device: visitor.visit.device.clone(),
        expected_price: Some(order.amount),
        language: visitor.language,
        idempotency_key: Some(key),
        ringing: Ringing::Once,
    };
    attempt(&api, &request, &visitor, purchase, draft).await
}

/// How long to hold a page that knows the version `since`: as long as asked, and always less than
/// a poll may wait.
pub(super) fn hold(request: &HttpRequest, since: Option<i64>, wait_max: Duration) -> Duration {
    if since.is_none() {
        return Duration::ZERO;
    }
    let wanted = number(request, "wait").and_then(|secs| u64::try_from(secs).ok());
    let wanted = wanted.map_or(PATIENCE, Duration::from_secs);
    wanted.min(wait_max * 9 / 10)
}

pub(super) fn number(request: &HttpRequest, name: &str) -> Option<i64> {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(known, _)| known == name)
        .and_then(|(_, value)| value.parse().ok())
}

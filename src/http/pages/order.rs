//! The page of one order, whatever became of it: look at your phone, the code, or why not.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use super::notice::Notice;
use super::order_summary::{Life, LinkKind, Tone, life, summary};
use super::shop::{Draft, attempt, key};
use super::{Form, Page, Visitor, fresh_key, retry_after};
use crate::actors::status::Answered;
use crate::domain::access::Voucher;
use crate::domain::catalog::{PackageRef, Purchase, Ringing};
use crate::domain::order::{MayReissue, OrderId, Payment, Status};
use crate::domain::people::Phone;
use crate::http::Api;
use crate::http::portal::poll::CROWDED_RETRY_SECS;
use crate::http::problem::Code;
use crate::http::request::{order_in, parameter};
use crate::store::StoreError;
use crate::web::format::{masked, until};
use crate::web::text::fill;

/// How long a page is held for a browser without scripts, which shows nothing new meanwhile.
const HOLD: Duration = Duration::from_secs(20);

/// The page of one order.
#[derive(Template)]
#[template(path = "order.html")]
pub(super) struct OrderPage<'a> {
    visitor: &'a Visitor,
    order: &'a Payment,
    link: LinkKind<'a>,
    now: DateTime<Utc>,
    tone: Tone,
    title: &'static str,
    lead: String,
    /// The payment request has been open for so long that another attempt is offered.
    is_late: bool,
    /// There was no seat to wait on: the browser comes back later.
    is_crowded: bool,
    /// Names the next attempt, should there be one.
    key: String,
    /// Why the guest sees the page again.
    pub notice: Option<Notice>,
}

impl<'a> OrderPage<'a> {
    /// The page of this order as it is now, for a guest who came by this link.
    pub fn new(api: &Api, visitor: &'a Visitor, order: &'a Payment, link: LinkKind<'a>) -> Self {
        let now = api.store.clock().now();
        let (tone, title, lead) = summary(visitor, order, link, now);
        let resume = api.checkout.limits.resume;
        Self {
            visitor,
            order,
            link,
            now,
            tone,
            title,
            lead,
            is_late: order.status == Status::Pending && now - order.created_at >= resume,
            is_crowded: false,
            key: fresh_key(),
            notice: None,
        }
    }

    /// Changes whenever the page says something else; the script compares it.
    fn state(&self) -> String {
        format!("{}.{}.{}", self.order.version, self.tone, self.is_late)
    }

    /// The next version of this page, while there can be one: late money wins over FAILED, CANCELLED
    /// and EXPIRED.
    fn news_href(&self) -> Option<String> {
        let since = self.order.version.to_string();
        let path = self.link.path(self.order);
        let may_change = !self.order.status.is_finished();
        may_change.then(|| self.visitor.visit.link_with(&path, &[("since", &since)]))
    }

    /// Without a script, after how many seconds the browser looks for news.
    fn refresh_secs(&self) -> Option<u8> {
        let waits = !self.order.status.is_final();
        waits.then_some(if self.is_crowded { 3 } else { 1 })
    }

    /// What the guest does on the phone, while it rings.
    fn steps(&self) -> Vec<String> {
        let (text, phone) = (self.visitor.text, masked(&self.order.phone));
        let price = text.money(self.order.amount);
        let steps = text.order.steps.iter();
        let steps = steps.map(|step| fill(step, &[("price", &price), ("phone", &phone)]));
        steps.collect()
    }

    fn voucher(&self) -> Option<&Voucher> {
        let voucher = self.order.voucher.as_ref();
        voucher.filter(|_| self.tone == Tone::Good)
    }

    fn validity(&self, voucher: &Voucher) -> String {
        let text = self.visitor.text;
        match voucher.expires_at {
            Some(at) => {
                let until = until(at, self.visitor.shop.timezone);
                fill(&text.order.until, &[("until", &until)])
            }
            None => {
                let lasts = text.duration(self.order.terms.duration_minutes);
                fill(&text.order.from_login, &[("duration", &lasts)])
            }
        }
    }

    fn owner_may_reissue(&self) -> bool {
        self.tone == Tone::Good && self.visitor.shop.may_reissue == MayReissue::Owner
    }

    /// The page where the owner requests another code.
    fn reissue_href(&self) -> Option<String> {
        let is_owner = matches!(self.link, LinkKind::OwnerLink(_));
        let path = format!("{}/reissue", self.link.path(self.order));
        (is_owner && self.owner_may_reissue()).then(|| self.visitor.link(&path))
    }

    /// Whether the page names the link in the SMS instead. The SMS of an older order has no such link.
    fn has_reissue_hint(&self) -> bool {
        let is_owner = matches!(self.link, LinkKind::OwnerLink(_));
        !is_owner && self.owner_may_reissue() && self.order.owner_token.is_some()
    }

    /// The button for another attempt with the same phone and package, and whether the page urges
    /// it: not while money may be on its way.
    fn retry(&self) -> Option<(&'static str, bool)> {
        let text = &self.visitor.text.order;
        let (label, is_urged): (&'static str, bool) = match self.order.status {
            Status::Pending if self.is_late => (&text.send_again, false),
            Status::Failed | Status::Cancelled => (&text.retry, true),
            Status::Expired => (&text.retry_unpaid, false),
            Status::Pending | Status::Completed | Status::Held | Status::Refunded => return None,
        };
        match self.link {
            LinkKind::OrderId => {}
            // The form's address has the order id, which this page does not give away.
            LinkKind::OwnerLink(_) => return None,
        }
        // An erased customer has no phone that could ring.
        Phone::read(self.order.phone.international()).ok()?;
        Some((label, is_urged))
    }

    fn retry_hint(&self) -> String {
        let phone = masked(&self.order.phone);
        fill(&self.visitor.text.order.retry_phone, &[("phone", &phone)])
    }

    /// The text of the link to the shop.
    fn shop_label(&self) -> Option<&'static str> {
        let text = &self.visitor.text.order;
        let has_ended = || matches!(life(self.order, self.now), Life::Ended(_));
        match self.order.status {
            Status::Pending => self.is_late.then_some(&text.change),
            Status::Failed | Status::Cancelled | Status::Expired => Some(&text.change),
            Status::Completed => has_ended().then_some(&text.buy_more),
            Status::Refunded => Some(&text.buy_more),
            Status::Held => None,
        }
        .map(String::as_str)
    }
}

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

/// The order for a guest who came by this link.
pub(super) async fn show_by(
    request: &HttpRequest,
    api: &Api,
    visitor: &Visitor,
    order_id: OrderId,
    link: LinkKind<'_>,
) -> Page {
    let answered = wait(request, api, order_id).await?;
    let answered = answered.ok_or(Code::OrderNotFound)?;
    let page = OrderPage {
        is_crowded: answered.crowded,
        ..OrderPage::new(api, visitor, &answered.payment, link)
    };
    let answer = visitor.answer(StatusCode::OK, &page);
    let secs = answered.crowded.then_some(CROWDED_RETRY_SECS);
    Ok(retry_after(answer, secs))
}

/// The order at once; for a page that knows the version `since`, as soon as it differs from that, or
/// after `wait` seconds, which are always fewer than a poll may wait.
pub(super) async fn wait(
    request: &HttpRequest,
    api: &Api,
    order_id: OrderId,
) -> Result<Option<Answered>, StoreError> {
    let since = parameter(request, "since").parse().ok();
    let wanted = parameter(request, "wait").parse().ok();
    let hold = match since {
        Some(_) => wanted.map_or(HOLD, Duration::from_secs),
        None => Duration::ZERO,
    };
    let hold = hold.min(api.wait_max * 9 / 10);
    api.status.wait(&api.store, order_id, since, hold).await
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
    payload: web::Payload,
    api: web::Data<Api>,
) -> Page {
    let form = Form::read(payload).await?;
    let order_id = order_in(&order_id)?;
    let order = api.store.load_for_guest(order_id).await?;
    let order = order.ok_or(Code::OrderNotFound)?;
    // An erased customer has no phone that could ring.
    let phone = Phone::read(order.phone.international()).ok();
    let key = phone.and_then(|phone| key(&form, &order.terms.code, &phone));
    let Some(key) = key else {
        return Ok(visitor.see(&format!("/order/{order_id}")));
    };
    // A guest with the link has the order, and still need not learn the number.
    let draft = Draft {
        package: Some(order.terms.code.clone()),
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

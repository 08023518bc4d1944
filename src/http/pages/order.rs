//! The page of one order in every status: payment requested, voucher code, or reason for failure.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use super::known_voucher::remember;
use super::notice::Notice;
use super::open_order::form_key;
use super::order_summary::{LinkKind, Tone, VoucherState, summary, voucher_state};
use super::shop::{Draft, after_letting_go, attempt};
use super::{Code, Form, Page, Problem, Visitor, retry_after};
use crate::actors::status::{NotHeld, PollAnswer};
use crate::domain::access::Voucher;
use crate::domain::catalog::{PackageRef, Purchase, SecondPrompt};
use crate::domain::order::{MayReissue, OrderId, Payment, Status};
use crate::domain::people::Phone;
use crate::http::doctor;
use crate::http::portal::poll::retry_secs;
use crate::http::request::{order_in, parameter};
use crate::web::format::{masked, until};
use crate::web::text::fill;

/// How long the server waits for news before it answers a browser without scripts.
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
    /// Why the poll was not held, so that the browser polls again later.
    not_held: Option<NotHeld>,
    /// A message about the last action: why the code was not replaced, or why the router refused it.
    pub notice: Option<Notice>,
}

impl<'a> OrderPage<'a> {
    /// The page of this order as it is now, for a guest who opened `link`.
    pub fn new(visitor: &'a Visitor, order: &'a Payment, link: LinkKind<'a>) -> Self {
        let now = visitor.api.store.clock().now();
        let (tone, title, lead) = summary(visitor, order, link, now);
        let resume = visitor.api.checkout.limits.resume;
        Self {
            visitor,
            order,
            link,
            now,
            tone,
            title,
            lead,
            // Also if the order lies in the future, because the clock was ahead.
            is_late: order.status == Status::Pending && (now - order.created_at).abs() >= resume,
            not_held: None,
            notice: None,
        }
    }

    /// Changes when the text of the page changes; the script compares it.
    fn state(&self) -> String {
        format!("{}.{}.{}", self.order.version, self.tone, self.is_late)
    }

    /// The next version of this page, while there can be one: a late payment still completes a FAILED,
    /// CANCELLED or EXPIRED order.
    fn news_href(&self) -> Option<String> {
        let since = self.order.version.to_string();
        let path = self.link.path(self.order);
        let may_change = !self.order.status.is_settled();
        may_change.then(|| self.visitor.visit.link_with(&path, &[("since", &since)]))
    }

    /// After how many seconds a browser without scripts reloads the page.
    fn refresh_secs(&self) -> Option<u64> {
        let waits = !self.order.status.ends_poll();
        waits.then(|| refresh_secs(self.not_held))
    }

    /// What the guest has to do on the phone while the prompt is open.
    fn steps(&self) -> Vec<String> {
        let (text, phone) = (self.visitor.text, masked(&self.order.phone));
        let price = text.money(self.order.amount);
        let steps = text.order.steps.iter();
        let steps = steps.map(|step| fill(step, &[("price", &price), ("phone", &phone)]));
        steps.collect()
    }

    /// The voucher, if this page shows its code: then, and only then, the tone is `Good`.
    fn voucher(&self) -> Option<&Voucher> {
        let voucher = self.order.voucher.as_ref();
        voucher.filter(|_| self.tone == Tone::Good)
    }

    fn validity(&self, voucher: &Voucher) -> String {
        let text = self.visitor.text;
        match voucher.expires_at {
            Some(at) => {
                let until = until(at, self.visitor.api.shop.timezone);
                fill(&text.order.until, &[("until", &until)])
            }
            None => {
                let lasts = text.duration(self.order.terms.duration_minutes);
                fill(&text.order.from_login, &[("duration", &lasts)])
            }
        }
    }

    fn owner_may_reissue(&self) -> bool {
        self.tone == Tone::Good && self.visitor.api.shop.may_reissue == MayReissue::Owner
    }

    /// The page where the owner requests another code.
    fn reissue_href(&self) -> Option<String> {
        let path = format!("{}/reissue", self.link.path(self.order));
        (self.link.is_owner() && self.owner_may_reissue()).then(|| self.visitor.link(&path))
    }

    /// Whether the page points to the link in the SMS. Orders without an owner token have no such link.
    fn has_reissue_hint(&self) -> bool {
        !self.link.is_owner() && self.owner_may_reissue() && self.order.owner_token.is_some()
    }

    /// Whether the guest may give the order up: only in the browser that bought.
    fn may_let_go(&self) -> bool {
        self.order.status == Status::Pending && !self.link.is_owner()
    }

    /// The button for another attempt with the same phone and package, and whether the button is
    /// prominent: it is not while a payment may still arrive.
    fn retry(&self) -> Option<(&'static str, bool)> {
        let text = &self.visitor.text.order;
        let (label, is_prominent): (&'static str, bool) = match self.order.status {
            Status::Pending if self.is_late => (&text.send_again, false),
            Status::Cancelled if self.order.was_let_go() => return None,
            Status::Failed | Status::Cancelled => (&text.retry, true),
            Status::Expired => (&text.retry_unpaid, false),
            Status::Pending | Status::Completed | Status::Held | Status::Refunded => return None,
        };
        // An erased customer has no phone number. And the URL of the form has the order id, which
        // the page of an owner link must not show.
        let is_phone = Phone::read(self.order.phone.international()).is_ok();
        (is_phone && !self.link.is_owner()).then_some((label, is_prominent))
    }

    fn retry_hint(&self) -> String {
        let phone = masked(&self.order.phone);
        fill(&self.visitor.text.order.retry_phone, &[("phone", &phone)])
    }

    /// The text of the link to the shop.
    fn shop_label(&self) -> Option<&'static str> {
        let text = &self.visitor.text.order;
        let has_ended = || matches!(voucher_state(self.order, self.now), VoucherState::Ended(_));
        match self.order.status {
            Status::Failed | Status::Cancelled | Status::Expired => Some(&text.change),
            Status::Completed => has_ended().then_some(&text.buy_more),
            Status::Refunded => Some(&text.buy_more),
            // While it is PENDING, the guest gives the order up first.
            Status::Pending | Status::Held => None,
        }
        .map(String::as_str)
    }
}

/// The order as it is now; with `since`, as soon as it differs from that version.
pub async fn show(visitor: Visitor, order_id: web::Path<String>) -> Page {
    show_by(&visitor, order_in(&order_id)?, LinkKind::OrderId).await
}

/// The order for a guest who opened `link`.
pub(super) async fn show_by(visitor: &Visitor, order_id: OrderId, link: LinkKind<'_>) -> Page {
    let answered = wait(visitor, order_id).await?;
    let order = &answered.payment;
    let page = OrderPage {
        not_held: answered.not_held,
        notice: visitor.refusal(),
        ..OrderPage::new(visitor, order, link)
    };
    let answer = polled(visitor, &page, answered.not_held);
    Ok(match page.voucher() {
        Some(_) => remember(visitor, answer, &link.key(order)),
        None => answer,
    })
}

/// The answer to a poll; if it was not held, the client must wait before the next one.
pub(super) fn polled(
    visitor: &Visitor,
    page: &impl Template,
    not_held: Option<NotHeld>,
) -> HttpResponse {
    let answer = visitor.answer(StatusCode::OK, page);
    retry_after(answer, not_held.map(retry_secs))
}

/// After how many seconds a browser without scripts polls again.
pub(super) fn refresh_secs(not_held: Option<NotHeld>) -> u64 {
    not_held.map_or(0, retry_secs) + 1
}

/// The order: at once without the parameter `since`; with it, as soon as the version differs, or
/// after `wait` seconds (20 if it is missing), at most nine tenths of the longest wait of a poll.
pub(super) async fn wait(visitor: &Visitor, order_id: OrderId) -> Result<PollAnswer, Problem> {
    let (api, request) = (&visitor.api, &visitor.request);
    let since = parameter(request, "since").parse().ok();
    let wanted = parameter(request, "wait").parse();
    let hold = match since {
        Some(_) => wanted.map_or(HOLD, Duration::from_secs),
        None => Duration::ZERO,
    };
    let hold = hold.min(api.wait_max * 9 / 10);
    let answered = api.status.wait(&api.store, order_id, since, hold).await?;
    let Some(answered) = answered else {
        doctor::hold(api, order_id, hold).await;
        return Err(Code::OrderNotFound.into());
    };
    api.reconciler.was_polled(&answered.payment);
    Ok(answered)
}

/// Redirects a GET of the form's path, as when the browser reloads its answer, to the order.
pub async fn back(visitor: Visitor, order_id: web::Path<String>) -> HttpResponse {
    visitor.redirect(&format!("/order/{order_id}"))
}

/// Gives the order up and opens the shop with its package chosen. An order that was paid meanwhile is
/// shown.
pub async fn let_go(visitor: Visitor, order_id: web::Path<String>) -> Page {
    let order_id = order_in(&order_id)?;
    // Only an open order needs an actor: strangers must not start one for each id that they invent.
    let order = visitor.api.store.load_for_guest(order_id).await?;
    let mut order = order.ok_or(Code::OrderNotFound)?;
    if order.status == Status::Pending {
        order = visitor.api.orders.let_go(order_id).await?.payment;
    }
    Ok(if order.status.ended_unpaid() {
        after_letting_go(&visitor, &order.terms.code)
    } else {
        visitor.redirect(&format!("/order/{order_id}"))
    })
}

/// Another attempt with the phone and the package of this order, as a new order.
pub async fn again(visitor: Visitor, order_id: web::Path<String>, payload: web::Payload) -> Page {
    let form = Form::read(payload).await?;
    let order_id = order_in(&order_id)?;
    let order = visitor.api.store.load_for_guest(order_id).await?;
    let order = order.ok_or(Code::OrderNotFound)?;
    // An erased customer has no phone number.
    let phone = Phone::read(order.phone.international()).ok();
    let key = phone.and_then(|phone| form_key(&form, &order.terms.code, &phone));
    let Some(key) = key else {
        return Ok(visitor.redirect(&format!("/order/{order_id}")));
    };
    // The phone is left out: another person with the link must not see the number.
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
        second_prompt: SecondPrompt::NotAllowed,
    };
    attempt(&visitor, purchase, draft, &form).await
}

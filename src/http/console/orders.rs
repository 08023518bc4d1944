//! Orders: the search, and one order with its timeline and what can be done by hand.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use super::acts::Act;
use super::format::{ago, filters, money};
use super::{
    Caller, Code, Facts, Page, PageContext, Section, address, answer, known, next_page, see, shown,
};
use crate::actors::registry::stats::ActorView;
use crate::domain::access::VoucherCode;
use crate::domain::history::{Line, OrderHistory};
use crate::domain::order::{Outcome, Payment, Status};
use crate::domain::people::{Personal, Visibility};
use crate::domain::search;
use crate::http::operators::orders::{history_of, order_named};
use crate::store::OrderSearch;
use crate::web::format::thousands;

/// Orders a page.
const PAGE: u64 = 25;

/// The search and its results. Phones and codes are masked for all operators.
#[derive(Template)]
#[template(path = "console/orders.html")]
struct OrdersPage {
    context: PageContext,
    q: String,
    status: Option<Status>,
    found: Vec<Payment>,
    /// The next page.
    next: Option<String>,
    /// Why there was no search.
    fault: Option<String>,
}

impl OrdersPage {
    /// An order's page: by its `ref`, or for an admin by its id if two orders of the list have the
    /// same `ref`.
    fn href(&self, payment: &Payment) -> String {
        let order_ref = payment.order_id.order_ref();
        let refs = self.found.iter().map(|it| it.order_id.order_ref());
        let is_only = refs.filter(|it| *it == order_ref).count() == 1;
        let visibility = Visibility::of(self.context.operator.role);
        let order_id = visibility.order_id(payment.order_id);
        let name = order_id.filter(|_| !is_only);
        let name = name.unwrap_or_else(|| order_ref.to_string());
        format!("/operator/orders/{name}")
    }

    fn phone(&self, payment: &Payment) -> String {
        Visibility::Masked.phone(payment.phone.international())
    }

    fn code(&self, payment: &Payment) -> String {
        let code = payment.voucher.as_ref().map(|it| it.code.as_str());
        code.map_or("–".to_owned(), |code| Visibility::Masked.code(code))
    }
}

/// An order, its timeline, and what can be done by hand.
#[derive(Template)]
#[template(path = "console/order.html")]
struct OrderPage {
    context: PageContext,
    payment: Payment,
    facts: Facts,
    /// Its actor, if it has one now.
    actor: Option<String>,
    lines: Vec<Line>,
    acts: Vec<Act>,
}

impl OrderPage {
    /// Whether the day of this line differs from that of the line before.
    fn is_new_day(&self, n: &usize) -> bool {
        let day = |n: usize| self.context.day(&self.lines[n].at);
        *n == 0 || day(*n) != day(n - 1)
    }

    /// Since the line before, in milliseconds as long as they are readable.
    fn after(&self, line: &Line) -> String {
        match line.after_ms {
            None => String::new(),
            Some(ms @ 60_000..) => format!("+{}", ago(ms.unsigned_abs())),
            Some(ms) => format!("+{} ms", thousands(ms)),
        }
    }

    /// The act about a line, and its page. Of several lines about one SMS, only the newest has it.
    fn act_about(&self, n: &usize) -> Option<(Act, String)> {
        let line = &self.lines[*n];
        let id = line.id.filter(|_| self.context.may_act())?;
        let mut later = self.lines[n + 1..].iter();
        let (kind, act) = match line.kind {
            "delivery" => ("deliveries", Act::Replay),
            "sms" if !later.any(|it| (it.kind, it.id) == (line.kind, line.id)) => {
                ("sms", Act::Resend)
            }
            _ => return None,
        };
        Some((act, format!("/operator/{kind}/{id}/{}", act.text().word)))
    }
}

/// Orders found, newest first. A search that finds one order leads to its page.
pub async fn list(caller: Caller) -> Page {
    let before = caller.parameter("before").parse::<i64>().ok();
    let mut page = OrdersPage {
        context: PageContext::of(&caller, Section::Orders).await,
        q: caller.parameter("q"),
        status: Status::read(&caller.parameter("status")),
        found: Vec::new(),
        next: None,
        fault: None,
    };
    let keys = match page.q.as_str() {
        "" => Vec::new(),
        typed => match search::read(typed, caller.operator().role) {
            Ok(keys) => keys,
            Err(why) => {
                page.fault = Some(format!("Cannot search: {why}."));
                return Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, &page));
            }
        },
    };
    let search = OrderSearch {
        keys,
        status: page.status,
        before,
        limit: PAGE,
    };
    let found = caller.api.store.find_orders(search).await?;
    page.found = found.items;
    if let (true, Some(code)) = (page.found.is_empty(), VoucherCode::typed(&page.q))
        && let Some(printed) = caller.api.store.voucher(code).await?
        && printed.order_id.is_none()
    {
        return Ok(see(&format!("/operator/printed/{}", printed.id)));
    }
    if let ([only], false, None) = (page.found.as_slice(), page.q.is_empty(), before) {
        return Ok(see(&page.href(only)));
    }
    let filters = [
        ("q", page.q.as_str()),
        ("status", page.status.map_or("", Status::as_str)),
    ];
    page.next = next_page(Section::Orders, &filters, found.next);
    Ok(shown(&page))
}

/// One order.
pub async fn show(name: web::Path<String>, caller: Caller) -> Page {
    let order_id = match order_named(&name, &caller).await {
        Ok(order_id) => order_id,
        Err(problem) if problem.code == Code::AmbiguousRef => {
            let candidates = address(Section::Orders.href(), &[("q", &name)]);
            return Ok(see(&candidates));
        }
        Err(problem) => return Err(problem),
    };
    let (history, lines) = history_of(order_id, &caller).await?;
    let context = PageContext::of(&caller, Section::Orders).await;
    let actor = caller.api.orders.view(order_id);
    Ok(shown(&OrderPage {
        acts: acts(&history.payment, &context),
        facts: facts(&history, caller.visibility(), &context),
        actor: actor.map(|view| summary(&view)),
        lines,
        payment: history.payment,
        context,
    }))
}

/// What can be done by hand with an order in this status.
fn acts(payment: &Payment, context: &PageContext) -> Vec<Act> {
    if !context.may_act() {
        return Vec::new();
    }
    let voucher = payment.voucher.as_ref();
    let is_valid = voucher.is_some_and(|voucher| voucher.revoked_at.is_none());
    let by_status: &[Act] = match payment.status {
        Status::Held => &[Act::Release, Act::Refuse],
        Status::Completed if is_valid => &[Act::Refund, Act::Reissue, Act::Revoke],
        Status::Completed => &[Act::Refund],
        Status::Pending
        | Status::Failed
        | Status::Cancelled
        | Status::Expired
        | Status::Refunded => &[],
    };
    [by_status, &[Act::Reconcile]].concat()
}

fn facts(history: &OrderHistory, visibility: Visibility, context: &PageContext) -> Facts {
    let payment = &history.payment;
    let gateway = &payment.gateway;
    let voucher = payment.voucher.as_ref();
    let when = |at| context.until(&at);
    #[rustfmt::skip] // A table is read by its columns.
    let facts = [
        ("Order", visibility.order_id(payment.order_id)),
        ("Phone", Some(visibility.phone(payment.phone.international()))),
        ("Name", payment.customer_name.as_ref().map(|name| visibility.name(name.expose()))),
        ("Price", Some(money(payment.amount.0))),
        ("Paid", gateway.paid_amount.map(|amount| money(amount.0))),
        ("Paid by", gateway.payer_msisdn.as_ref().map(|payer| visibility.phone(payer.expose()))),
        ("Channel", gateway.channel.clone()),
        ("Reference", gateway.reference.clone()),
        ("Mobile operator's number", gateway.transid.clone()),
        ("Voucher", voucher.map(|voucher| visibility.code(voucher.code.as_str()))),
        ("Valid until", voucher.map(|voucher| voucher.expires_at.map_or("from first login".to_owned(), when))),
        ("Revoked", voucher.and_then(|voucher| voucher.revoked_at).map(when)),
        ("Invoice", history.invoice.clone()),
        ("Reason", payment.failure_reason.map(|reason| reason.as_str().to_owned())),
        ("ZenoPay's reason", visibility.typed(payment.gateway_word.as_deref())),
        ("Operator's reason", visibility.typed(payment.operator_reason.as_ref().map(Personal::expose))),
        ("Ordered", Some(when(payment.created_at))),
        ("Sold", payment.processed_at.map(when)),
        ("Confirmed by ZenoPay", payment.gateway_confirmed_at.map(when)),
        ("Next status check", payment.due_at.map(when)),
    ];
    known(facts)
}

/// The numbers of the order's actor.
fn summary(view: &ActorView) -> String {
    let idle = u64::try_from(view.idle.as_millis()).unwrap_or(u64::MAX);
    let (waiting, handled) = (view.mailbox_depth, view.handled);
    let mut summary = format!("{waiting} waiting, {handled} handled, idle {}", ago(idle));
    if let Some(outcome) = view.last_outcome {
        summary += &format!(", last {}", Outcome::as_str(outcome));
    }
    if let Some(error) = &view.last_error {
        summary += &format!(", error: {error}");
    }
    summary
}

/// The colour of a status.
fn tone(status: Status) -> &'static str {
    match status {
        Status::Completed => "good",
        Status::Pending => "open",
        Status::Held => "watch",
        Status::Failed | Status::Cancelled | Status::Expired => "quiet",
        Status::Refunded => "back",
    }
}

//! Orders: the search, and one order with its timeline and what can be done by hand.

use actix_web::web;
use askama::Template;

use super::act::Act;
use super::format::{duration, money, thousands};
use super::{
    Caller, Code, Facts, Page, PageContext, Section, href, known, next_page, redirect, refused,
    search_fault, shown,
};
use crate::domain::access::{Serial, VoucherCode};
use crate::domain::history::{Line, OrderHistory};
use crate::domain::order::{Payment, Status};
use crate::domain::people::{Personal, Visibility};
use crate::http::operators::actors::ActorRow;
use crate::http::operators::orders::{OrdersQuery, history_of, order_named, search_of};

/// Orders per page.
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
    /// Why the search is invalid.
    fault: Option<String>,
}

impl OrdersPage {
    /// The link to an order: by its `ref`, or for an admin by its id if two orders of the list have
    /// the same `ref`.
    fn href(&self, payment: &Payment) -> String {
        let order_ref = payment.order_id.order_ref();
        let refs = self.found.iter().map(|it| it.order_id.order_ref());
        let is_only = refs.filter(|it| *it == order_ref).count() == 1;
        let order_id = self.context.visibility().order_id(payment.order_id);
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
    actor: Option<ActorRow>,
    lines: Vec<Line>,
    acts: Vec<Act>,
}

impl OrderPage {
    /// Whether the day of this line differs from that of the line before.
    fn is_new_day(&self, n: &usize) -> bool {
        let day = |n: usize| self.context.day(&self.lines[n].at);
        *n == 0 || day(*n) != day(n - 1)
    }

    /// The time since the line before; if it is less than a minute, in milliseconds.
    fn after(&self, line: &Line) -> String {
        match line.after_ms {
            None => String::new(),
            Some(ms @ 60_000..) => format!("+{}", duration(ms.unsigned_abs())),
            Some(ms) => format!("+{} ms", thousands(ms)),
        }
    }

    /// What can be done with the delivery or SMS of a line, and the page for it. If several lines
    /// are about one SMS, only the newest has the action.
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
        Some((act, format!("/operator/{kind}/{id}/{}", act.text().segment)))
    }
}

/// Orders found, newest first. A search that finds a single order redirects to its page.
pub async fn list(query: web::Query<OrdersQuery>, caller: Caller) -> Page {
    let mut page = OrdersPage {
        context: PageContext::of(&caller, Section::Orders).await,
        q: caller.parameter("q"),
        status: Status::read(&caller.parameter("status").to_ascii_uppercase()),
        found: Vec::new(),
        next: None,
        fault: None,
    };
    let mut search = match search_of(&query, caller.operator().role) {
        Ok(search) => search,
        Err(problem) => {
            page.fault = Some(search_fault(problem)?);
            return Ok(refused(&page));
        }
    };
    caller.count_search(&page.q).await?;
    search.limit = PAGE;
    let is_first_page = search.before.is_none();
    let found = caller.api.store.find_orders(search).await?;
    page.found = found.items;
    if let (true, Some(code)) = (page.found.is_empty(), VoucherCode::typed(&page.q))
        && let Some(printed) = caller.api.store.voucher(code).await?
        && printed.order_id.is_none()
    {
        return Ok(redirect(&format!("/operator/printed/{}", printed.id)));
    }
    if let (true, Ok(serial)) = (page.found.is_empty(), page.q.parse::<Serial>())
        && let Some(id) = caller.api.store.card_of_serial(serial).await?
    {
        return Ok(redirect(&format!("/operator/printed/{id}")));
    }
    if let ([only], false, true) = (page.found.as_slice(), page.q.is_empty(), is_first_page) {
        return Ok(redirect(&page.href(only)));
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
            let candidates = href(Section::Orders.href(), &[("q", &name)]);
            return Ok(redirect(&candidates));
        }
        Err(problem) => return Err(problem),
    };
    let (history, lines) = history_of(order_id, &caller).await?;
    let context = PageContext::of(&caller, Section::Orders).await;
    let actor = caller.api.orders.view(order_id);
    Ok(shown(&OrderPage {
        acts: acts(&history.payment, &context),
        facts: facts(&history, &context),
        actor: actor.map(|view| ActorRow::of(order_id, &view)),
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

fn facts(history: &OrderHistory, context: &PageContext) -> Facts {
    let visibility = context.visibility();
    let payment = &history.payment;
    let gateway = &payment.gateway;
    let voucher = payment.voucher.as_ref();
    let when = |at| context.date_time(&at);
    #[rustfmt::skip] // A table is read by its columns.
    let facts = [
        ("Order", visibility.order_id(payment.order_id)),
        ("Phone", Some(visibility.phone(payment.phone.international()))),
        ("Name", payment.customer_name.as_ref().map(|name| visibility.name(name.expose()))),
        ("Price", Some(money(payment.amount))),
        ("Paid", gateway.paid_amount.map(money)),
        ("Paid by", gateway.payer_msisdn.as_ref().map(|payer| visibility.phone(payer.expose()))),
        ("Channel", gateway.channel.clone()),
        ("Reference", gateway.reference.clone()),
        ("Mobile operator's number", gateway.transid.clone()),
        ("Voucher", voucher.map(|voucher| visibility.code(voucher.code.as_str()))),
        ("Valid until", voucher.map(|voucher| voucher.expires_at.map_or("from first login".to_owned(), when))),
        ("Revoked", voucher.and_then(|voucher| voucher.revoked_at).map(when)),
        ("Invoice", history.invoice.clone()),
        ("Reason", payment.failure_reason.map(|reason| reason.as_str().to_owned())),
        ("ZenoPay's reason", visibility.free_text(payment.gateway_word.as_deref())),
        ("Operator's reason", visibility.free_text(payment.operator_reason.as_ref().map(Personal::expose))),
        ("Ordered", Some(when(payment.created_at))),
        ("Sold", payment.processed_at.map(when)),
        ("Confirmed by ZenoPay", payment.gateway_confirmed_at.map(when)),
        ("Next status check", payment.due_at.map(when)),
    ];
    known(facts)
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

//! One order: what is known of it, what happened to it, and what can be done.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::acts::Act;
use super::format::{ago, money};
use super::orders::tone;
use super::{Facts, PageContext, Section, address, filters, known, see, shown};
use crate::actors::registry::gauge::ActorView;
use crate::domain::history::{Line, OrderHistory};
use crate::domain::order::outcome::Outcome;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::Personal;
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::operators::order_name::order_named;
use crate::http::operators::orders::story_of;
use crate::http::problem::{Code, Problem};
use crate::web::format::thousands;

/// An order, its timeline, and what can be done.
#[derive(Template)]
#[template(path = "console/order.html")]
struct OrderPage {
    desk: PageContext,
    payment: Payment,
    facts: Facts,
    /// Its actor, if it is in play.
    actor: Option<String>,
    steps: Vec<Step>,
    acts: Vec<Act>,
}

/// A line of the timeline.
struct Step {
    line: Line,
    /// Its day is another than that of the line before.
    is_new_day: bool,
    /// The page that says what will happen, and what is done there.
    act: Option<(String, Act)>,
}

impl Step {
    fn after(&self) -> String {
        self.line.after_ms.map_or(String::new(), since_before)
    }

    fn name(&self) -> String {
        self.line.kind.replace('_', " ")
    }
}

/// An order, from the same reading as the API's document.
pub async fn show(name: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let order_id = match order_named(&name, &caller).await {
        Ok(order_id) => order_id,
        // The list of those that have this ref.
        Err(problem) if problem.code == Code::AmbiguousRef => {
            return Ok(see(&address("/operator/orders", &[("q", &name)])));
        }
        Err(problem) => return Err(problem),
    };
    let (story, lines) = story_of(order_id, &caller).await?;
    let desk = PageContext::of(&caller, Section::Orders).await;
    Ok(shown(&OrderPage {
        acts: acts(&story.payment, &desk),
        facts: facts(&story, caller.sight(), &desk),
        actor: caller.api.orders.view(order_id).map(|view| at_work(&view)),
        steps: steps(lines, &desk),
        payment: story.payment,
        desk,
    }))
}

/// What can be done by hand with an order that stands there.
fn acts(payment: &Payment, desk: &PageContext) -> Vec<Act> {
    if !desk.may_act() {
        return Vec::new();
    }
    let voucher = payment.voucher.as_ref();
    let is_good = voucher.is_some_and(|voucher| voucher.revoked_at.is_none());
    let by_status: &[Act] = match payment.status {
        Status::Held => &[Act::Release, Act::Refuse],
        Status::Completed if is_good => &[Act::Refund, Act::Reissue, Act::Revoke],
        Status::Completed => &[Act::Refund],
        Status::Pending
        | Status::Failed
        | Status::Cancelled
        | Status::Expired
        | Status::Refunded => &[],
    };
    [by_status, &[Act::Reconcile]].concat()
}

fn facts(story: &OrderHistory, sight: Visibility, desk: &PageContext) -> Facts {
    let payment = &story.payment;
    let gateway = &payment.gateway;
    let voucher = payment.voucher.as_ref();
    let when = |at| desk.until(&at);
    #[rustfmt::skip] // A table is read by its columns.
    let facts = [
        ("Order", sight.order_id(payment.order_id)),
        ("Phone", Some(sight.phone(payment.phone.international()))),
        ("Name", payment.customer_name.as_ref().map(|name| sight.name(name.expose()))),
        ("Price", Some(money(payment.amount.0))),
        ("Paid", gateway.paid_amount.map(|amount| money(amount.0))),
        ("Paid by", gateway.payer_msisdn.as_ref().map(|payer| sight.phone(payer.expose()))),
        ("Channel", gateway.channel.clone()),
        ("Reference", gateway.reference.clone()),
        ("Operator's number", gateway.transid.clone()),
        ("Voucher", voucher.map(|voucher| sight.code(voucher.code.as_str()))),
        ("Valid until", voucher.map(|voucher| voucher.expires_at.map_or("from first login".to_owned(), when))),
        ("Revoked", voucher.and_then(|voucher| voucher.revoked_at).map(when)),
        ("Invoice", story.invoice.clone()),
        ("Reason", payment.failure_reason.map(|reason| reason.as_str().to_owned())),
        ("In ZenoPay's words", sight.typed(payment.gateway_word.as_deref())),
        ("As an operator typed", sight.typed(payment.operator_reason.as_ref().map(Personal::expose))),
        ("Ordered", Some(when(payment.created_at))),
        ("Sold", payment.processed_at.map(when)),
        ("ZenoPay agrees", story.gateway_confirmed_at.map(when)),
        ("ZenoPay is asked next", payment.due_at.map(when)),
    ];
    known(facts)
}

/// The order's actor in a few words.
fn at_work(view: &ActorView) -> String {
    let idle = u64::try_from(view.idle.as_millis()).unwrap_or(u64::MAX);
    let (waiting, handled) = (view.mailbox_depth, view.handled);
    let mut words = format!("{waiting} waiting, {handled} handled, idle {}", ago(idle));
    if let Some(outcome) = view.last_outcome {
        words += &format!(", last {}", Outcome::as_str(outcome));
    }
    if let Some(error) = &view.last_error {
        words += &format!(", error: {error}");
    }
    words
}

fn steps(lines: Vec<Line>, desk: &PageContext) -> Vec<Step> {
    let days: Vec<_> = lines.iter().map(|line| desk.day(&line.at)).collect();
    let acts: Vec<_> = (0..lines.len())
        .map(|n| act_about(&lines[n], &lines[n + 1..]).filter(|_| desk.may_act()))
        .collect();
    let steps = lines.into_iter().zip(acts).enumerate();
    steps
        .map(|(n, (line, act))| Step {
            is_new_day: n == 0 || days[n] != days[n - 1],
            line,
            act,
        })
        .collect()
}

/// What can be done about a line. Of the lines about one SMS, the newest says how it stands.
fn act_about(line: &Line, later: &[Line]) -> Option<(String, Act)> {
    let id = line.id?;
    let is_newest = !later
        .iter()
        .any(|it| (it.kind, it.id) == (line.kind, line.id));
    let (kind, act) = match line.kind {
        "delivery" => ("deliveries", Act::Replay),
        "sms" if is_newest => ("sms", Act::Resend),
        _ => return None,
    };
    Some((format!("/operator/{kind}/{id}/{}", act.word()), act))
}

/// Milliseconds as long as they say something.
fn since_before(ms: i64) -> String {
    match u64::try_from(ms) {
        Ok(long @ 60_000..) => format!("+{}", ago(long)),
        Ok(_) | Err(_) => format!("+{} ms", thousands(ms)),
    }
}

//! One order: what is known of it, what happened to it, and what can be done.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono_tz::Tz;

use super::{address, answer, desk, done, parameter, see, sight};
use crate::actors::registry::gauge::ActorView;
use crate::domain::history::{Line, Story, tell};
use crate::domain::order::outcome::Outcome;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::language::Language;
use crate::domain::people::mask::Sight;
use crate::domain::people::personal::Personal;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::order_name::order_named;
use crate::http::problem::{Code, Problem};
use crate::store::Reveal;
use crate::web::console::{
    Act, Action, Detail, Moment, OrderPage, Section, Step, ago, count, money, until,
};

/// An order. What an admin sees unmasked is in the audit log before it is shown.
pub async fn show(
    request: HttpRequest,
    order_id: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Code::OrderNotFound).detail("There is no such order.");
    let order_id = match order_named(&api, &visitor.operator, &order_id).await {
        Ok(order_id) => order_id,
        // The list of those that have this ref.
        Err(problem) if problem.code() == Code::AmbiguousRef => {
            return Ok(see(&address("/operator/orders", &[("q", &order_id)])));
        }
        Err(problem) if problem.code() == Code::OrderNotFound => return Err(not_found()),
        Err(problem) => return Err(problem),
    };
    let story = api.store.story(order_id).await?.ok_or_else(not_found)?;
    let sight = sight(&visitor);
    if sight == Sight::Whole {
        let reveal = Reveal {
            operator: visitor.operator.name.clone(),
            order_id: Some(order_id),
            subject: "order".to_owned(),
        };
        api.store.record_reveal(reveal).await?;
    }
    let lines = tell(&story, sight, api.store.clock().now(), &api.shop.timezone);
    let mut desk = desk(&api, &visitor, Section::Orders).await;
    desk.done = done(&parameter(&request, "done"));
    let may_act = desk.may_act();
    let actions = if may_act {
        actions(&story.payment)
    } else {
        Vec::new()
    };
    let actor = api.orders.view(order_id);
    let detail = detail(&story, sight, actor.as_ref(), api.shop.timezone);
    let steps = steps(&lines, may_act, api.shop.timezone);
    let page = OrderPage::new(desk, detail, steps, actions);
    Ok(answer(StatusCode::OK, &page))
}

/// What can be done by hand with an order that stands there.
fn actions(payment: &Payment) -> Vec<Action> {
    let is_good = payment
        .voucher
        .as_ref()
        .is_some_and(|voucher| voucher.revoked_at.is_none());
    let mut acts = Vec::new();
    match payment.status {
        Status::Held => acts.extend([Act::Release, Act::Refuse]),
        Status::Completed => {
            acts.push(Act::Refund);
            if is_good {
                acts.extend([Act::Reissue, Act::Revoke]);
            }
        }
        Status::Pending
        | Status::Failed
        | Status::Cancelled
        | Status::Expired
        | Status::Refunded => {}
    }
    acts.push(Act::Reconcile);
    let href = |act: Act| format!("/operator/orders/{}/{}", payment.order_id, act.word());
    acts.into_iter()
        .map(|act| Action {
            act,
            href: href(act),
        })
        .collect()
}

fn detail(story: &Story, sight: Sight, actor: Option<&ActorView>, zone: Tz) -> Detail {
    let payment = &story.payment;
    let gateway = &payment.gateway;
    let voucher = payment.voucher.as_ref();
    let when = |at| until(at, zone);
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
    Detail {
        name: payment.order_id.order_ref().to_string(),
        status: payment.status,
        title: format!(
            "{}, {}",
            payment.terms.name(Language::English),
            money(payment.amount.0)
        ),
        facts: facts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        actor: actor.map(at_work),
    }
}

/// The order's actor in a few words.
fn at_work(view: &ActorView) -> String {
    let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let mut words = format!(
        "{} waiting, {} handled, idle {}",
        view.mailbox_depth,
        view.handled,
        ago(millis(view.idle))
    );
    if let Some(outcome) = view.last_outcome {
        words += &format!(", last {}", Outcome::as_str(outcome));
    }
    if let Some(error) = &view.last_error {
        words += &format!(", error: {error}");
    }
    words
}

fn steps(lines: &[Line], may_act: bool, zone: Tz) -> Vec<Step> {
    let mut day = None;
    let mut steps = Vec::with_capacity(lines.len());
    for (n, line) in lines.iter().enumerate() {
        let at = Moment::new(line.at, zone);
        let is_new = day.as_ref() != Some(&at.day);
        day = Some(at.day.clone());
        steps.push(Step {
            day: is_new.then(|| at.day.clone()),
            at,
            after: line.after_ms.map(since_before),
            kind: line.kind,
            summary: line.summary.clone(),
            // Of the lines about one SMS, the newest says how it stands.
            actions: about_line(
                line,
                may_act,
                !lines[n + 1..].iter().any(|it| is_same(it, line)),
            ),
            journal: line
                .id
                .filter(|_| line.kind == "delivery")
                .map(|id| format!("/operator/deliveries/{id}")),
        });
    }
    steps
}

fn is_same(one: &Line, other: &Line) -> bool {
    (one.kind, one.id) == (other.kind, other.id)
}

/// Milliseconds as long as they say something.
fn since_before(ms: i64) -> String {
    if ms < 60_000 {
        format!("{} ms", count(ms))
    } else {
        ago(ms)
    }
}

fn about_line(line: &Line, may_act: bool, is_newest: bool) -> Vec<Action> {
    let Some(id) = line.id.filter(|_| may_act) else {
        return Vec::new();
    };
    let (kind, act) = match line.kind {
        "delivery" => ("deliveries", Act::Replay),
        "sms" if is_newest => ("sms", Act::Resend),
        _ => return Vec::new(),
    };
    vec![Action {
        act,
        href: format!("/operator/{kind}/{id}/{}", act.word()),
    }]
}

//! The sandbox's phone: a person plays the subscriber. Mounted in sandbox mode only.

use actix_web::http::StatusCode;
use actix_web::web;
use serde_json::{Map, Value, json};

use super::{Form, Page, Visitor};
use crate::domain::catalog::money::Tzs;
use crate::domain::people::phone::Phone;
use crate::sandbox::{Behaviour, Choice, DecideError, Entry, Push, Sandbox};
use crate::web::{HandsetPage, Past, Prompt, Switches};

/// Payments that are shown.
const SHOWN: u64 = 30;
/// Of these, how many of the past.
const PAST: usize = 8;
/// ZenoPay's word for a payment that is not decided.
const UNDECIDED: &str = "PENDING";

/// Prompts, switches and what went before.
pub async fn show(visitor: Visitor, sandbox: web::Data<Sandbox>) -> Page {
    let (entries, behaviour) = (sandbox.list(SHOWN).await?, sandbox.switches().await?);
    let (open, past): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_open);
    let page = HandsetPage::new(
        visitor.frame(),
        open.into_iter().map(prompt).collect(),
        past.into_iter().take(PAST).map(self::past).collect(),
        switches(&behaviour, sandbox.usual_ms()),
    );
    Ok(visitor.answer(StatusCode::OK, &page))
}

/// A prompt that is ignored is no longer on the screen.
fn is_open(entry: &Entry) -> bool {
    entry.payment_status == UNDECIDED && entry.behaviour.decision != Choice::Ignore
}

fn prompt(entry: Entry) -> Prompt {
    Prompt {
        order_id: entry.order_id,
        amount: Tzs(entry.amount),
        phone: Phone::from_stored(entry.buyer_phone),
        decides_itself: entry.decide_at.is_some(),
    }
}

fn past(entry: Entry) -> Past {
    Past {
        order_id: entry.order_id,
        amount: Tzs(entry.amount),
        word: entry.payment_status,
        planned: entry.webhooks_planned,
        delivered: entry.webhooks_delivered,
    }
}

fn switches(behaviour: &Behaviour, usual_ms: u64) -> Switches {
    let by_hand = behaviour.after_ms.unwrap_or(usual_ms) == 0;
    Switches {
        decision: match behaviour.decision {
            Choice::Approve if by_hand => "hand",
            Choice::Approve => "usual",
            Choice::Decline => "decline",
            Choice::Cancel => "cancel",
            Choice::Ignore => "ignore",
        },
        usual_ms,
        copies: behaviour.copies,
        delay_ms: behaviour.delay_ms,
        out_of_order: behaviour.out_of_order,
        drop: !behaviour.deliver,
        no_key: !behaviour.with_key,
        push: match behaviour.push {
            Push::Refuse | Push::BadKey => "refuse",
            Push::Error | Push::Html | Push::Hang => "error",
            Push::Accept | Push::Empty => "accept",
        },
    }
}

/// The subscriber presses a button.
pub async fn answer(
    visitor: Visitor,
    order_id: web::Path<String>,
    form: Form,
    sandbox: web::Data<Sandbox>,
) -> Page {
    let changes = match form.field("choice") {
        "approve" => json!({"decision": "approve"}),
        "wrong_pin" => json!({"decision": "decline", "word": "INVALID_PIN"}),
        "no_money" => json!({"decision": "decline", "word": "INSUFFICIENT_BALANCE"}),
        "cancel" => json!({"decision": "cancel"}),
        _ => json!({"decision": "ignore"}),
    };
    sandbox.decide(&order_id, fields(changes)).await?;
    Ok(visitor.see("/sandbox"))
}

/// How payments from now on behave.
pub async fn switch(visitor: Visitor, form: Form, sandbox: web::Data<Sandbox>) -> Page {
    let (decision, after_ms) = match form.field("decision") {
        "hand" => ("approve", Some(0)),
        "decline" => ("decline", Some(sandbox.usual_ms().max(1))),
        "cancel" => ("cancel", Some(sandbox.usual_ms().max(1))),
        "ignore" => ("ignore", None),
        _ => ("approve", None),
    };
    let number = |name: &str, usual: u64| form.field(name).parse().unwrap_or(usual);
    let is_on = |name: &str| !form.field(name).is_empty();
    let push = form.field("push");
    let wanted = json!({
        "decision": decision,
        "after_ms": after_ms,
        "copies": number("copies", 1),
        "delay_ms": number("delay_ms", 0),
        "out_of_order": is_on("out_of_order"),
        "deliver": !is_on("drop"),
        "with_key": !is_on("no_key"),
        "push": if push.is_empty() { "accept" } else { push },
    });
    let behaviour = Behaviour::default().with(fields(wanted));
    let behaviour = behaviour.map_err(DecideError::Behaviour)?;
    sandbox.set_switches(&behaviour).await?;
    Ok(visitor.see("/sandbox"))
}

fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

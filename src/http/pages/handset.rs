//! The phone of the sandbox: on this page a person acts as the subscriber. Mounted in sandbox mode
//! only.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use serde_json::{Map, Value, json};

use super::{Form, Page, Visitor};
use crate::domain::people::Phone;
use crate::http::request::order_in;
use crate::sandbox::{Behaviour, Choice, DecideError, Entry, Push, Sandbox};
use crate::web::format;
use crate::web::text::fill;

/// The largest number of payments on the page.
const ENTRIES_MAX: u64 = 30;
/// The largest number of those that have no prompt any more: decided or ignored.
const PAST_MAX: usize = 8;
/// ZenoPay's word for a payment that is not decided.
const UNDECIDED: &str = "PENDING";

/// Open prompts, the settings for new ones, and the latest payments.
#[derive(Template)]
#[template(path = "handset.html")]
struct HandsetPage<'a> {
    visitor: &'a Visitor,
    prompts: Vec<Entry>,
    past: Vec<Entry>,
    behaviour: Behaviour,
    /// After how many milliseconds the subscriber decides, as configured; 0: only a person decides.
    usual_ms: u64,
}

impl HandsetPage<'_> {
    fn prompt(&self, entry: &Entry) -> String {
        let (text, brand) = (self.visitor.text, &self.visitor.api.shop.brand);
        let price = text.money(entry.amount);
        fill(&text.handset.prompt, &[("price", &price), ("brand", brand)])
    }

    fn to_phone(&self, entry: &Entry) -> String {
        let phone = format::phone(&Phone::from_stored(entry.buyer_phone.clone()));
        fill(&self.visitor.text.handset.to_phone, &[("phone", &phone)])
    }

    fn webhooks(&self, entry: &Entry) -> String {
        let text = &self.visitor.text.handset.history_webhooks;
        let (delivered, planned) = (entry.webhooks_delivered, entry.webhooks_planned);
        fill(text, &[("delivered", &delivered), ("planned", &planned)])
    }

    /// What the subscriber may do: value, label, and whether it is chosen.
    fn decisions(&self) -> Vec<(&'static str, String, bool)> {
        let text = &self.visitor.text.handset;
        let wait = self.visitor.text.wait(self.usual_ms.div_ceil(1_000));
        let usual = fill(&text.decision_usual, &[("wait", &wait)]);
        let by_hand = self.behaviour.after_ms.unwrap_or(self.usual_ms) == 0;
        let chosen = match self.behaviour.decision {
            Choice::Approve if by_hand => "hand",
            Choice::Approve => "usual",
            Choice::Decline => "decline",
            Choice::Cancel => "cancel",
            Choice::Ignore => "ignore",
        };
        let all = [
            ("usual", usual),
            ("hand", text.decision_hand.clone()),
            ("decline", text.decision_decline.clone()),
            ("cancel", text.decision_cancel.clone()),
            ("ignore", text.decision_ignore.clone()),
        ];
        // With `usual_ms` 0 the usual decision is by hand, so it is not listed twice.
        let offered = all.into_iter().skip(usize::from(self.usual_ms == 0));
        let offered = offered.map(|(value, label)| (value, label, value == chosen));
        offered.collect()
    }

    /// What ZenoPay may answer to the push: value, label, and whether it is chosen.
    fn pushes(&self) -> [(&'static str, &'static str, bool); 3] {
        let text = &self.visitor.text.handset;
        let chosen = match self.behaviour.push {
            Push::Accept | Push::Empty => "accept",
            Push::Refuse | Push::BadKey => "refuse",
            Push::Error | Push::Html | Push::Hang => "error",
        };
        let all = [
            ("accept", &text.push_accept),
            ("refuse", &text.push_refuse),
            ("error", &text.push_error),
        ];
        all.map(|(value, label)| (value, label.as_str(), value == chosen))
    }
}

/// Prompts, switches and the latest payments.
pub async fn show(visitor: Visitor, sandbox: web::Data<Sandbox>) -> Page {
    let entries = sandbox.list(ENTRIES_MAX).await?;
    let (prompts, mut past): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_prompt);
    past.truncate(PAST_MAX);
    let page = HandsetPage {
        visitor: &visitor,
        prompts,
        past,
        behaviour: sandbox.switches().await?,
        usual_ms: sandbox.usual_ms(),
    };
    Ok(visitor.answer(StatusCode::OK, &page))
}

/// A prompt that is ignored is no longer on the screen.
fn is_prompt(entry: &Entry) -> bool {
    entry.payment_status == UNDECIDED && entry.behaviour.decision != Choice::Ignore
}

/// The subscriber presses a button.
pub async fn answer(
    visitor: Visitor,
    order_id: web::Path<String>,
    payload: web::Payload,
    sandbox: web::Data<Sandbox>,
) -> Page {
    let form = Form::read(payload).await?;
    let changes = match form.field("choice") {
        "approve" => json!({"decision": "approve"}),
        "wrong_pin" => json!({"decision": "decline", "word": "INVALID_PIN"}),
        "no_money" => json!({"decision": "decline", "word": "INSUFFICIENT_BALANCE"}),
        "cancel" => json!({"decision": "cancel"}),
        _ => json!({"decision": "ignore"}),
    };
    let order_id = order_in(&order_id)?.to_string();
    sandbox.decide(&order_id, fields(changes)).await?;
    Ok(visitor.redirect("/sandbox"))
}

/// Changes how new payments behave.
pub async fn switch(visitor: Visitor, payload: web::Payload, sandbox: web::Data<Sandbox>) -> Page {
    let form = Form::read(payload).await?;
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
    Ok(visitor.redirect("/sandbox"))
}

fn fields(object: Value) -> Map<String, Value> {
    object.as_object().cloned().unwrap_or_default()
}

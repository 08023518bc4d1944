//! The timeline of an order: what happened, in the order in which it happened, in sentences.
//!
//! A [`Story`] is everything that the books hold of one order; [`tell`] makes the [`Line`]s of
//! it. Pure, so that terminal, API and console tell the same story.
//!
//! The rule that must not be broken: what is masked is masked here. Every phone, code or name
//! goes through the [`Mask`], and so does every text that somebody else wrote.

use chrono::{DateTime, Utc};

use super::mask::{Mask, Sight};
use super::payment::{Payment, Status};

mod facts;
mod voucher;

pub use facts::{
    Act, Call, Disconnect, FormerCode, Heard, RadiusRows, Receipt, Remarked, Session, Story, Text,
    Twin,
};

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Milliseconds since the line before; `None` for the first.
    pub after_ms: Option<i64>,
    /// A stable word.
    pub kind: &'static str,
    /// A sentence for a person.
    pub summary: String,
    /// The row behind it, where that can be asked for or acted on by its number: a delivery
    /// or an SMS.
    pub id: Option<i64>,
}

/// Tells an order's story as it stands at `now`.
pub fn tell(story: &Story, sight: Sight, now: DateTime<Utc>) -> Vec<Line> {
    let mut teller = Teller {
        story,
        mask: mask(story, sight),
        lines: Vec::new(),
    };
    // In the order in which things follow from each other: of two at the same millisecond
    // the first told comes first, because the sort is stable.
    teller.created();
    teller.calls();
    teller.deliveries();
    teller.acts();
    teller.sale();
    teller.remarks();
    teller.twins();
    teller.texts();
    teller.sessions();
    teller.disconnects();
    teller.end(now);

    let mut lines = teller.lines;
    lines.sort_by_key(|line| line.at);
    let mut before: Option<DateTime<Utc>> = None;
    for line in &mut lines {
        line.after_ms = before.map(|before| (line.at - before).num_milliseconds());
        before = Some(line.at);
    }
    lines
}

/// Also of codes that were replaced.
fn mask(story: &Story, sight: Sight) -> Mask {
    let codes = story.former_codes.iter().map(|former| &former.code);
    codes.fold(Mask::of(sight, &story.payment), |mask, code| mask.and(code))
}

struct Teller<'a> {
    story: &'a Story,
    mask: Mask,
    lines: Vec<Line>,
}

impl Teller<'_> {
    fn line(&mut self, at: DateTime<Utc>, kind: &'static str, summary: String) {
        self.numbered(at, kind, summary, None);
    }

    fn numbered(
        &mut self,
        at: DateTime<Utc>,
        kind: &'static str,
        summary: String,
        id: Option<i64>,
    ) {
        self.lines.push(Line {
            at,
            after_ms: None,
            kind,
            summary,
            id,
        });
    }

    fn created(&mut self) {
        let payment = &self.story.payment;
        let phone = self.mask.sight.phone(payment.phone.international());
        let summary = format!(
            "{phone} orders {} for {} TZS",
            payment.terms.code, payment.amount
        );
        self.line(payment.created_at, "created", summary);
    }

    fn calls(&mut self) {
        for call in &self.story.calls {
            let kind = if call.is_push { "push" } else { "gateway_call" };
            let asked = if call.is_push {
                "ZenoPay is asked to ring the phone"
            } else {
                "ZenoPay is asked what is true"
            };
            let mut summary = format!("{asked}: {}", self.mask.text(&call.answer));
            if let Some(detail) = &call.detail {
                summary += &format!(" ({})", self.mask.text(detail));
            }
            summary += &match call.http_status {
                Some(status) => format!(", HTTP {status}"),
                None => ", no answer".to_owned(),
            };
            summary += &format!(" in {}", millis(call.duration_ms));
            self.line(call.at, kind, summary);
        }
    }

    fn deliveries(&mut self) {
        for heard in &self.story.deliveries {
            let source = match heard.source.as_deref() {
                None | Some("webhook") => "webhook",
                Some(other) => other,
            };
            let mut summary = match &heard.word {
                Some(word) => format!("{source} says {}", self.mask.text(word)),
                None => format!("{source} cannot be read"),
            };
            if let Some(amount) = heard.amount {
                summary += &format!(", {amount} TZS");
            }
            summary += &match &heard.proof {
                Some(proof) => format!(", proven by {proof}"),
                None => ", without proof".to_owned(),
            };
            summary += &format!(": {} in {}", heard.outcome, millis(heard.processing_ms));
            self.numbered(heard.received_at, "delivery", summary, Some(heard.id));
        }
    }

    fn acts(&mut self) {
        for act in &self.story.acts {
            let mut summary = format!("{}: {} {}", act.operator, act.action, act.subject);
            if let Some(detail) = &act.detail {
                summary += &format!(" ({})", self.mask.text(detail));
            }
            self.line(act.at, "operator", summary.trim_end().to_owned());
        }
    }

    fn remarks(&mut self) {
        for remark in &self.story.remarks {
            let kind = if remark.is_alert { "alert" } else { "note" };
            self.line(remark.at, kind, self.mask.text(&remark.summary));
        }
    }

    fn texts(&mut self) {
        for text in &self.story.texts {
            let (kind, phone) = (&text.kind, self.mask.sight.phone(&text.phone));
            let mut queued = format!("SMS {kind} to {phone} is queued");
            let trouble = text.last_error.as_ref().filter(|_| text.sent_at.is_none());
            if let Some(error) = trouble {
                queued += &format!(
                    "; {} after {} attempts: {}",
                    text.state,
                    text.attempts,
                    self.mask.text(error)
                );
            }
            self.numbered(text.created_at, "sms", queued, Some(text.id));
            if let Some(at) = text.sent_at {
                let by = text.provider.as_deref().unwrap_or("the provider");
                let state = &text.state;
                let summary = format!("SMS {kind} is taken by {by}, state {state}");
                self.numbered(at, "sms", summary, Some(text.id));
            }
            if let Some(receipt) = &text.receipt {
                let (word, said) = if receipt.is_delivered {
                    ("sms", "has arrived")
                } else {
                    ("alert", "has not arrived")
                };
                let mut summary = format!("SMS {kind} {said}");
                if let Some(detail) = &receipt.detail {
                    summary += &format!(": {}", self.mask.text(detail));
                }
                self.numbered(receipt.at, word, summary, Some(text.id));
            }
        }
    }

    fn sessions(&mut self) {
        for session in &self.story.sessions {
            let (device, router) = (&session.device, &session.router);
            if let Some(at) = session.started_at {
                let summary = format!("device {device} is online through {router}");
                self.line(at, "session", summary);
            }
            if let Some(at) = session.stopped_at {
                let summary = format!(
                    "device {device} is offline after {} min, {} MB down, {} MB up ({})",
                    session.secs / 60,
                    megabytes(session.down_bytes),
                    megabytes(session.up_bytes),
                    session.cause
                );
                self.line(at, "session", summary);
            }
        }
    }

    fn disconnects(&mut self) {
        for disconnect in &self.story.disconnects {
            let router = &disconnect.router;
            let asked = format!(
                "router {router} is told to end the session ({})",
                disconnect.reason
            );
            self.line(disconnect.created_at, "disconnect", asked);
            let result = disconnect.result.as_deref();
            match (disconnect.sent_at, &disconnect.last_error) {
                (Some(at), _) => {
                    let result = result.unwrap_or("no word");
                    let summary = format!("router {router} has ended the session: {result}");
                    self.line(at, "disconnect", summary);
                }
                (None, Some(error)) => {
                    let summary = format!(
                        "router {router} does not end the session: {} after {} attempts, {}",
                        disconnect.state,
                        disconnect.attempts,
                        self.mask.text(error)
                    );
                    self.line(disconnect.created_at, "alert", summary);
                }
                (None, None) => {}
            }
        }
    }

    /// That time ran out is in no row: an expired order, or money that came after it.
    fn end(&mut self, now: DateTime<Utc>) {
        let payment: &Payment = &self.story.payment;
        let late = payment
            .confirmed_at
            .is_some_and(|at| at > payment.deadline_at);
        let expired = payment.status == Status::Expired && payment.deadline_at <= now;
        if expired || late {
            let summary = "not paid in time; ZenoPay is asked on".to_owned();
            self.line(payment.deadline_at, "deadline", summary);
        }
        if self.story.is_cut {
            let summary = "there is more than is told here: only the newest lines".to_owned();
            self.line(payment.created_at, "note", summary);
        }
    }
}

fn millis(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

fn megabytes(bytes: i64) -> String {
    format!("{:.1}", bytes as f64 / 1_000_000.0)
}

#[cfg(test)]
mod tests;

//! The timeline of an order: what happened, in the order in which it happened, in sentences.
//!
//! An [`OrderHistory`] is everything that the database has of one order; [`narrate`] makes its [`Line`]s.
//! Pure, so that terminal, API and console show the same timeline.
//!
//! # Invariants
//! Masking is done here: every phone, code or name goes through the [`Visibility`], and so does every
//! text from outside. What an operator typed is shown to admins alone.

use std::fmt::Display;

use chrono::{DateTime, TimeZone, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::order::Status;
use super::people::{Mask, Visibility};
use super::rfc3339;

mod facts;
mod guest;
mod voucher;

pub use facts::{
    Call, Disconnect, DuplicateOrder, FormerCode, JournalledWebhook, OperatorAction, OrderHistory,
    Receipt, Session, SmsRecord, TimelineRemark,
};

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// When it happened.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// Milliseconds since the line before; `None` for the first.
    pub after_ms: Option<i64>,
    /// A stable word, as in `delivery`.
    pub kind: &'static str,
    /// A sentence for a person; times in it are in the shop's zone.
    pub summary: String,
    /// The number of the delivery or SMS behind it, by which it can be requested or acted on.
    pub id: Option<i64>,
}

/// The timeline of an order at `now`; times within a sentence are written on `clock`.
pub fn narrate(
    history: &OrderHistory,
    visibility: Visibility,
    now: DateTime<Utc>,
    clock: &impl TimeZone<Offset: Display>,
) -> Vec<Line> {
    let mask = Mask::of(visibility, &history.payment);
    let codes = history.former_codes.iter().map(|former| &former.code);
    let mut narrator = Narrator {
        history,
        mask: codes.fold(mask, |mask, code| mask.and(code)),
        lines: Vec::new(),
    };
    // In causal order, which the stable sort keeps for lines of
    // the same millisecond.
    narrator.created();
    narrator.calls();
    narrator.deliveries();
    narrator.acts();
    narrator.sale(clock);
    narrator.remarks();
    narrator.duplicate_orders();
    narrator.texts();
    narrator.sessions();
    narrator.disconnects();
    narrator.end(now);
    let mut lines = narrator.lines;
    lines.sort_by_key(|line| line.at);
    for at in 1..lines.len() {
        lines[at].after_ms = Some((lines[at].at - lines[at - 1].at).num_milliseconds());
    }
    lines
}

struct Narrator<'a> {
    history: &'a OrderHistory,
    mask: Mask,
    lines: Vec<Line>,
}

impl Narrator<'_> {
    fn line(&mut self, at: DateTime<Utc>, kind: &'static str, summary: impl Into<String>) {
        self.numbered(at, kind, summary.into(), None);
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
        let payment = &self.history.payment;
        let phone = self.mask.visibility.phone(payment.phone.international());
        let (code, price) = (&payment.terms.code, payment.amount);
        let summary = format!("{phone} orders {code} for {price} TZS");
        self.line(payment.created_at, "created", summary);
    }

    fn calls(&mut self) {
        for call in &self.history.calls {
            let (kind, asked) = if call.is_push {
                ("push", "ZenoPay is asked to ring the phone")
            } else {
                ("gateway_call", "status check")
            };
            let (answer, took) = (self.mask.text(&call.answer), millis(call.duration_ms));
            let detail = optional(" (", self.masked(call.detail.as_ref()), ")");
            let http = match call.http_status {
                Some(status) => format!("HTTP {status}"),
                None => "no answer".to_owned(),
            };
            let summary = format!("{asked}: {answer}{detail}, {http} in {took}");
            self.line(call.at, kind, summary);
        }
    }

    fn deliveries(&mut self) {
        for webhook in &self.history.deliveries {
            let source = webhook.source.as_deref().unwrap_or("webhook");
            let said = match &webhook.word {
                Some(word) => format!("says {}", self.mask.text(word)),
                None => "cannot be read".to_owned(),
            };
            let amount = optional(", ", webhook.amount, " TZS");
            let proof = match &webhook.proof {
                Some(proof) => format!("proven by {proof}"),
                None => "without proof".to_owned(),
            };
            let (outcome, took) = (&webhook.outcome, millis(webhook.processing_ms));
            let summary = format!("{source} {said}{amount}, {proof}: {outcome} in {took}");
            self.numbered(webhook.received_at, "delivery", summary, Some(webhook.id));
        }
    }

    fn acts(&mut self) {
        for act in &self.history.acts {
            let typed = self.mask.visibility.free_text(act.detail.as_deref());
            let mut summary = format!("{}: {} {}", act.operator, act.action, act.subject);
            summary += &optional(" (", typed, ")");
            self.line(act.at, "operator", summary.trim_end().to_owned());
        }
    }

    fn remarks(&mut self) {
        for remark in &self.history.remarks {
            let kind = if remark.is_alert { "alert" } else { "note" };
            self.line(remark.at, kind, self.mask.text(&remark.summary));
        }
    }

    fn masked(&self, text: Option<&String>) -> Option<String> {
        text.map(|text| self.mask.text(text))
    }

    /// Derived lines that no row has: the deadline that passed, and the note about left-out rows.
    fn end(&mut self, now: DateTime<Utc>) {
        let payment = &self.history.payment;
        let late = payment.confirmed_at > Some(payment.deadline_at);
        let expired = payment.status == Status::Expired && payment.deadline_at <= now;
        if expired || late {
            let summary = "not paid in time; status checks continue";
            self.line(payment.deadline_at, "deadline", summary);
        }
        if self.history.is_cut {
            let summary = "incomplete: only the newest entries of each kind are shown";
            self.line(payment.created_at, "note", summary);
        }
    }
}

/// The value between two texts; empty if there is none.
fn optional(before: &str, known: Option<impl Display>, after: &str) -> String {
    known.map_or_else(String::new, |known| format!("{before}{known}{after}"))
}

fn millis(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

#[cfg(test)]
mod tests;

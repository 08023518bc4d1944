//! What each kind of row is told as.

use std::fmt::Display;

use chrono::{DateTime, TimeZone, Utc};

use super::{Line, OrderHistory};
use crate::domain::order::payment::Status;
use crate::domain::people::mask::{Mask, Visibility};

mod guest;
mod voucher;

/// Every line of a story, in the order in which things follow from each other: of two at the
/// same millisecond the first told comes first, if they are sorted by a sort that is stable.
pub(super) fn all(
    story: &OrderHistory,
    sight: Visibility,
    now: DateTime<Utc>,
    clock: &impl TimeZone<Offset: Display>,
) -> Vec<Line> {
    let mut teller = Narrator {
        story,
        mask: mask(story, sight),
        lines: Vec::new(),
    };
    teller.created();
    teller.calls();
    teller.deliveries();
    teller.acts();
    teller.sale(clock);
    teller.remarks();
    teller.twins();
    teller.texts();
    teller.sessions();
    teller.disconnects();
    teller.end(now);
    teller.lines
}

/// Also of codes that were replaced.
fn mask(story: &OrderHistory, sight: Visibility) -> Mask {
    let codes = story.former_codes.iter().map(|former| &former.code);
    codes.fold(Mask::of(sight, &story.payment), |mask, code| mask.and(code))
}

struct Narrator<'a> {
    story: &'a OrderHistory,
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
        let payment = &self.story.payment;
        let phone = self.mask.sight.phone(payment.phone.international());
        let (code, price) = (&payment.terms.code, payment.amount);
        let summary = format!("{phone} orders {code} for {price} TZS");
        self.line(payment.created_at, "created", summary);
    }

    fn calls(&mut self) {
        for call in &self.story.calls {
            let (kind, asked) = if call.is_push {
                ("push", "ZenoPay is asked to ring the phone")
            } else {
                ("gateway_call", "ZenoPay is asked what is true")
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
        for heard in &self.story.deliveries {
            let source = heard.source.as_deref().unwrap_or("webhook");
            let said = match &heard.word {
                Some(word) => format!("says {}", self.mask.text(word)),
                None => "cannot be read".to_owned(),
            };
            let amount = optional(", ", heard.amount, " TZS");
            let proof = match &heard.proof {
                Some(proof) => format!("proven by {proof}"),
                None => "without proof".to_owned(),
            };
            let (outcome, took) = (&heard.outcome, millis(heard.processing_ms));
            let summary = format!("{source} {said}{amount}, {proof}: {outcome} in {took}");
            self.numbered(heard.received_at, "delivery", summary, Some(heard.id));
        }
    }

    fn acts(&mut self) {
        for act in &self.story.acts {
            let typed = self.mask.sight.typed(act.detail.as_deref());
            let mut summary = format!("{}: {} {}", act.operator, act.action, act.subject);
            summary += &optional(" (", typed, ")");
            self.line(act.at, "operator", summary.trim_end().to_owned());
        }
    }

    fn remarks(&mut self) {
        for remark in &self.story.remarks {
            let kind = if remark.is_alert { "alert" } else { "note" };
            self.line(remark.at, kind, self.mask.text(&remark.summary));
        }
    }

    fn masked(&self, text: Option<&String>) -> Option<String> {
        text.map(|text| self.mask.text(text))
    }

    /// That time ran out is in no row: an expired order, or money that came after it.
    fn end(&mut self, now: DateTime<Utc>) {
        let payment = &self.story.payment;
        let late = payment.confirmed_at > Some(payment.deadline_at);
        let expired = payment.status == Status::Expired && payment.deadline_at <= now;
        if expired || late {
            let summary = "not paid in time; ZenoPay is asked on";
            self.line(payment.deadline_at, "deadline", summary);
        }
        if self.story.is_cut {
            let summary = "there is more than is told here: only the newest lines";
            self.line(payment.created_at, "note", summary);
        }
    }
}

/// What is known, between two texts; nothing where it is not known.
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
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_they_are_useful() {
        assert_eq!(
            [0.04, 1.26, 9.99, 10.4, 1_234.5].map(millis),
            ["0.0 ms", "1.3 ms", "10.0 ms", "10 ms", "1234 ms"]
        );
    }
}

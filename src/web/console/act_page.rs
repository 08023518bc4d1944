//! The page before an act: it says what will happen, and asks for what is needed.

use askama::Template;

use super::acts::Act;
use super::desk::Desk;

/// A hundred million shillings: a slip of the finger, whatever is sold.
pub const PRICE_MAX: i64 = 100_000_000;

/// What the operator is asked for.
fn fields(act: Act) -> Vec<Field> {
    let reason = |is_needed| {
        Field::new(
            "reason",
            "Reason",
            "For the log and the timeline",
            200,
            is_needed,
        )
    };
    match act {
        Act::Release | Act::Refuse => vec![reason(true)],
        Act::Refund => vec![
            reason(true),
            Field::new(
                "method",
                "How it was paid back",
                "As in cash or M-Pesa",
                100,
                false,
            ),
            Field::new(
                "reference",
                "Number of the transfer",
                "If there is one",
                100,
                false,
            ),
        ],
        Act::Revoke | Act::Reissue | Act::EndToken | Act::DropHeld => vec![reason(false)],
        Act::ChangePrice => vec![Field::price()],
        Act::Reconcile | Act::Resend | Act::Replay | Act::Retire | Act::Offer | Act::SendHeld => {
            Vec::new()
        }
    }
}

/// A line of a form.
pub struct Field {
    /// Its name in the form.
    pub name: &'static str,
    label: &'static str,
    hint: &'static str,
    shape: Shape,
    is_needed: bool,
    /// What was typed.
    pub value: String,
}

impl Field {
    fn new(
        name: &'static str,
        label: &'static str,
        hint: &'static str,
        most: usize,
        is_needed: bool,
    ) -> Self {
        Self {
            name,
            label,
            hint,
            shape: Shape::Text { most },
            is_needed,
            value: String::new(),
        }
    }

    fn price() -> Self {
        Self {
            name: "price",
            label: "New price in TZS",
            hint: "Whole shillings",
            shape: Shape::Shillings,
            is_needed: true,
            value: String::new(),
        }
    }
}

/// What can be typed.
enum Shape {
    /// So many characters at most.
    Text { most: usize },
    /// Whole shillings.
    Shillings,
}

/// What is acted on.
pub struct Subject {
    /// As in `Order 677e4327`.
    pub title: String,
    /// What there is to know of it.
    pub facts: Vec<(&'static str, String)>,
    /// Where the form goes.
    pub action: String,
    /// Where one who thinks better of it goes.
    pub back: String,
}

/// Says what will happen, and asks for it.
#[derive(Template)]
#[template(path = "console/act.html")]
pub struct ActPage {
    desk: Desk,
    act: Act,
    subject: Subject,
    fields: Vec<Field>,
    /// Why it was not done.
    fault: Option<String>,
}

impl ActPage {
    /// Before anything was done.
    pub fn new(desk: Desk, act: Act, subject: Subject) -> Self {
        Self {
            desk,
            act,
            subject,
            fields: fields(act),
            fault: None,
        }
    }

    /// With what was typed, and why it was not done.
    #[must_use]
    pub fn refused(mut self, why: String, typed: impl Fn(&str) -> String) -> Self {
        for field in &mut self.fields {
            field.value = typed(field.name);
        }
        self.fault = Some(why);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_something_away_asks_why() {
        for act in Act::ALL {
            let asks = fields(act).iter().any(|field| field.name == "reason");
            assert!(asks || !act.takes_away(), "{act:?}");
        }
    }
}

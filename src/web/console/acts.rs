//! What an operator may do by hand, and the page before it that says what will happen.

use askama::Template;

use super::desk::Desk;

/// What an operator may do by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask ZenoPay.
    Reconcile,
    /// A held order is completed after all.
    Release,
    /// A held order is not, and the owner pays back.
    Refuse,
    /// The owner has paid back.
    Refund,
    /// A voucher is taken back.
    Revoke,
    /// An SMS is sent once more.
    Resend,
    /// A journalled delivery is decided again.
    Replay,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Reconcile,
        Self::Release,
        Self::Refuse,
        Self::Refund,
        Self::Revoke,
        Self::Resend,
        Self::Replay,
    ];

    /// Its word in a path.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::Release => "release",
            Self::Refuse => "refuse",
            Self::Refund => "refund",
            Self::Revoke => "revoke",
            Self::Resend => "resend",
            Self::Replay => "replay",
        }
    }

    /// Reads a path's word.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }

    /// What the button says.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconcile => "Ask ZenoPay",
            Self::Release => "Complete the order",
            Self::Refuse => "Refuse the order",
            Self::Refund => "Record a refund",
            Self::Revoke => "Revoke the voucher",
            Self::Resend => "Send the SMS again",
            Self::Replay => "Decide again",
        }
    }

    /// Whether it takes something away from a guest.
    pub const fn takes_away(self) -> bool {
        match self {
            Self::Refuse | Self::Refund | Self::Revoke => true,
            Self::Reconcile | Self::Release | Self::Resend | Self::Replay => false,
        }
    }

    /// What will happen, a sentence each.
    pub const fn consequences(self) -> &'static [&'static str] {
        match self {
            Self::Reconcile => &[
                "ZenoPay is asked once what is true of this payment.",
                "If it says paid, the order is sold in the same moment: voucher, invoice, RADIUS user and SMS.",
                "If it says anything else, that is noted and nothing is taken away.",
            ],
            Self::Release => &[
                "The order becomes COMPLETED although the money does not fit.",
                "The guest gets the voucher, on the page and by SMS, and is let in at once.",
                "This cannot be undone; a refund can follow.",
            ],
            Self::Refuse => &[
                "The order becomes REFUNDED, and no voucher is made.",
                "No money is moved: pay the guest back yourself, by hand.",
                "This cannot be undone.",
            ],
            Self::Refund => &[
                "The order becomes REFUNDED. No money is moved: you have paid, or will pay, the guest back by hand.",
                "The voucher is revoked at once, its RADIUS user is removed, and devices that are online are disconnected.",
                "This cannot be undone.",
            ],
            Self::Revoke => &[
                "The voucher lets nobody in any more, and devices that are online are disconnected.",
                "The order stays COMPLETED, and no money is moved.",
                "This cannot be undone; the guest must buy again.",
            ],
            Self::Resend => &[
                "The same text is sent to the same phone once more.",
                "Nothing else is changed.",
            ],
            Self::Replay => &[
                "The delivery is decided again as if it came now, and journalled as a replay.",
                "If it was proven when it came, it counts as evidence again; if not, ZenoPay is asked.",
                "What the order already knows is not changed: one payment is one sale.",
            ],
        }
    }

    /// What is said when it is done.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Reconcile => "ZenoPay was asked; what it said is the newest line below.",
            Self::Release => "The order is completed, and the guest has the voucher.",
            Self::Refuse => "The order is refused. Pay the guest back by hand.",
            Self::Refund => "The refund is recorded, and the voucher lets nobody in any more.",
            Self::Revoke => "The voucher is revoked.",
            Self::Resend => "The SMS is queued again.",
            Self::Replay => "The delivery was decided again; what came of it is below.",
        }
    }

    /// What the operator is asked for.
    pub fn fields(self) -> Vec<Field> {
        let reason = |is_needed| {
            Field::new(
                "reason",
                "Reason",
                "For the log and the timeline",
                200,
                is_needed,
            )
        };
        match self {
            Self::Release | Self::Refuse => vec![reason(true)],
            Self::Refund => vec![
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
            Self::Revoke => vec![reason(false)],
            Self::Reconcile | Self::Resend | Self::Replay => Vec::new(),
        }
    }
}

/// A line of a form.
pub struct Field {
    /// Its name in the form.
    pub name: &'static str,
    label: &'static str,
    hint: &'static str,
    most: usize,
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
            most,
            is_needed,
            value: String::new(),
        }
    }
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
            fields: act.fields(),
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
    fn every_act_says_what_will_happen_and_is_found_by_its_word() {
        for act in Act::ALL {
            assert_eq!(Act::read(act.word()), Some(act));
            assert!(act.consequences().len() >= 2, "{act:?}");
            let needs_reason = act.fields().iter().any(|field| field.name == "reason");
            assert!(needs_reason || !act.takes_away(), "{act:?}");
        }
        assert_eq!(Act::read("delete"), None);
    }
}

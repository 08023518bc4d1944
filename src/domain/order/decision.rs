//! What follows from a piece of evidence: the outcome in a word, what is to be written, and the
//! remarks for the order's timeline.

use chrono::{DateTime, Utc};

use super::{Outcome, Payment, ReissuedVoucher, Sale};

/// How important a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the record.
    Note,
    /// An operator must look at it.
    Alert,
}

/// A line in the order's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How important it is.
    pub level: Level,
    /// A stable word, as in `second_charge`.
    pub kind: &'static str,
    /// A sentence for the operator; no phone, no code.
    pub text: String,
    /// ZenoPay's reference of the payment it is about, if that is not the order's own.
    pub reference: Option<String>,
}

impl Remark {
    /// A remark about the order's own payment.
    pub fn new(level: Level, kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            level,
            kind,
            text: text.into(),
            reference: None,
        }
    }
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the sale.
    Sell(Box<Sale>),
    /// The order becomes FAILED, CANCELLED or EXPIRED.
    Fail(Box<Payment>),
    /// The order becomes HELD.
    Hold(Box<Payment>),
    /// The order becomes REFUNDED; its voucher, if any, is revoked.
    Refund(Box<Payment>),
    /// The order stays COMPLETED and its voucher is revoked.
    Revoke(Box<Payment>),
    /// The order stays COMPLETED and its voucher gets another code.
    Reissue(Box<ReissuedVoucher>),
    /// The status stays; what ZenoPay reports about the money is stored.
    Confirm(Box<Payment>),
    /// The order stays as it is.
    Keep,
    /// The order stays as it is, and its status is checked at this time.
    CheckAt(DateTime<Utc>),
    /// What an operator or a guest requests is not possible now.
    Refuse,
}

impl Effect {
    /// Whether the order stays as it is; its next status check may still be at another time.
    pub fn changes_nothing(&self) -> bool {
        matches!(self, Self::Keep | Self::CheckAt(_) | Self::Refuse)
    }

    /// The order as it is afterwards; `None` if it stays as it is.
    pub fn into_payment(self) -> Option<Payment> {
        match self {
            Self::Sell(sale) => Some(sale.payment),
            Self::Reissue(replacement) => Some(replacement.payment),
            Self::Fail(next)
            | Self::Hold(next)
            | Self::Refund(next)
            | Self::Revoke(next)
            | Self::Confirm(next) => Some(*next),
            Self::Keep | Self::CheckAt(_) | Self::Refuse => None,
        }
    }
}

/// What a piece of evidence means and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The word for the journal and for the answer.
    pub outcome: Outcome,
    /// What is to be written.
    pub effect: Effect,
    /// Remarks for the timeline.
    pub remarks: Vec<Remark>,
}

impl Decision {
    /// An outcome and what follows from it.
    pub fn of(outcome: Outcome, effect: Effect) -> Self {
        Self {
            outcome,
            effect,
            remarks: Vec::new(),
        }
    }

    /// The order stays as it is.
    pub fn keep(outcome: Outcome) -> Self {
        Self::of(outcome, Effect::Keep)
    }

    /// Adds a note.
    #[must_use]
    pub fn note(self, kind: &'static str, text: impl Into<String>) -> Self {
        self.remark(Level::Note, kind, text)
    }

    /// Adds an alert, which an operator must look at.
    #[must_use]
    pub fn alert(self, kind: &'static str, text: impl Into<String>) -> Self {
        self.remark(Level::Alert, kind, text)
    }

    fn remark(mut self, level: Level, kind: &'static str, text: impl Into<String>) -> Self {
        self.remarks.push(Remark::new(level, kind, text));
        self
    }
}

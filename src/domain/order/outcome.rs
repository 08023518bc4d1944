//! What a delivery, an operator's act or the deadline did: one word, the same in code, columns,
//! JSON, logs and metrics.
//!
//! # Invariants
//! Only the words in [`Outcome::OF_DELIVERIES`] are journalled and counted as webhooks: an act is
//! no webhook.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What a delivery, an operator's act or the deadline did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Outcome {
    /// The order became COMPLETED.
    Completed,
    /// Already holds.
    Duplicate,
    /// Older or weaker than what we know.
    Stale,
    /// The order became FAILED.
    Failed,
    /// The order became CANCELLED.
    Cancelled,
    /// Nothing is decided yet.
    Pending,
    /// The money is here but does not fit; an operator decides.
    Held,
    /// ZenoPay did not confirm what the delivery says.
    Unconfirmed,
    /// Proven, but no order of ours.
    UnknownOrder,
    /// Proven, but not readable.
    Malformed,
    /// We failed; nothing was changed.
    Error,
    /// An operator recorded that the owner has paid back.
    Refunded,
    /// An operator took the voucher back.
    Revoked,
    /// An operator completed a held order.
    Released,
    /// An operator did not complete a held order; the owner pays back.
    Refused,
    /// The voucher has a new code.
    Reissued,
    /// The order became EXPIRED.
    Expired,
}

impl Outcome {
    /// What a delivery can mean, in the order of the operator's table.
    pub const OF_DELIVERIES: [Self; 11] = [
        Self::Completed,
        Self::Duplicate,
        Self::Stale,
        Self::Failed,
        Self::Cancelled,
        Self::Pending,
        Self::Held,
        Self::Unconfirmed,
        Self::UnknownOrder,
        Self::Malformed,
        Self::Error,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Reads the word of a delivery; `None` if a delivery cannot have it.
    pub fn of_delivery(word: &str) -> Option<Self> {
        let outcome = word.parse().ok()?;
        Self::OF_DELIVERIES.contains(&outcome).then_some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn a_word_of_an_act_is_none_of_a_delivery() {
        for &outcome in Outcome::VARIANTS {
            let is_of_deliveries = Outcome::OF_DELIVERIES.contains(&outcome);
            let read = Outcome::of_delivery(outcome.as_str());
            assert_eq!(read, is_of_deliveries.then_some(outcome), "{outcome:?}");
        }
    }
}

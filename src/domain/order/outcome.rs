//! What a piece of evidence meant, and why an order was not sold. Each is one word of the contract,
//! the same in code, columns, JSON, logs and metrics.
//!
//! # Invariants
//! - Only the words in [`Outcome::OF_DELIVERIES`] are journalled. Webhooks are counted by these words,
//!   or as `busy` or `unauthenticated` if they are not journalled.
//! - Free text is never a reason, because guests may read reasons. What a gateway wrote is kept as
//!   [`Payment::gateway_word`], what an operator typed as [`Payment::operator_reason`]; both are for
//!   admins alone.
//!
//! [`Payment::gateway_word`]: super::payment::Payment::gateway_word
//! [`Payment::operator_reason`]: super::payment::Payment::operator_reason

use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The effect of a delivery, an operator's act or the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Outcome {
    /// The order became COMPLETED.
    Completed,
    /// The order was in this state already.
    Duplicate,
    /// Older or weaker than what is known.
    Stale,
    /// The order became FAILED.
    Failed,
    /// The order became CANCELLED.
    Cancelled,
    /// Nothing is decided yet.
    Pending,
    /// Money came that does not fit the price; an operator decides.
    Held,
    /// ZenoPay did not confirm the delivery.
    Unconfirmed,
    /// Proven, but no such order.
    UnknownOrder,
    /// Proven, but not readable.
    Malformed,
    /// A failure of ours; nothing was changed.
    Error,
    /// An operator recorded that the shop has paid the money back.
    Refunded,
    /// An operator revoked the voucher.
    Revoked,
    /// An operator completed a held order.
    Released,
    /// An operator did not complete a held order; the shop pays the money back.
    Refused,
    /// The voucher has a new code.
    Reissued,
    /// The order became EXPIRED.
    Expired,
}

impl Outcome {
    /// The outcomes of deliveries, in the order of the operator's table.
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

/// Why an order is not sold, or why its money goes back.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray, ToSchema,
)]
#[schema(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FailureReason {
    /// The payment was declined.
    Declined,
    /// There was not enough money on the account.
    NoFunds,
    /// The guest typed a wrong PIN.
    WrongPin,
    /// Not paid in time.
    Expired,
    /// The guest cancelled the payment.
    Cancelled,
    /// The gateway refused the push: the phone never rang.
    GatewayRefused,
    /// The shop pays the money back.
    Refunded,
    /// Less than the price was paid.
    Underpaid,
    /// Anything else.
    Other,
}

impl FailureReason {
    /// The word of the contract.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }

    /// Reads a stored word. An unknown text is [`Self::Other`]: a process of an earlier version
    /// that still runs may write one, and it must not stop the sale of an order that is paid late.
    pub fn from_stored(word: &str) -> Self {
        word.parse().unwrap_or(Self::Other)
    }

    /// What a gateway's word for an unpaid order means, trimmed and in any case.
    pub fn of_gateway_word(word: &str) -> Self {
        match word.trim().to_ascii_uppercase().as_str() {
            "INSUFFICIENT_BALANCE" | "INSUFFICIENT_FUNDS" => Self::NoFunds,
            "INVALID_PIN" => Self::WrongPin,
            "REJECTED" | "DECLINED" => Self::Declined,
            "CANCELLED" | "USERCANCELLED" | "USER_CANCELLED" => Self::Cancelled,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray;

    use super::*;

    #[test]
    fn only_outcomes_of_deliveries_are_read_as_such() {
        for &outcome in Outcome::VARIANTS {
            let is_of_deliveries = Outcome::OF_DELIVERIES.contains(&outcome);
            let read = Outcome::of_delivery(outcome.as_str());
            assert_eq!(read, is_of_deliveries.then_some(outcome), "{outcome:?}");
        }
    }

    #[test]
    fn a_gateways_word_becomes_a_failure_reason() {
        for (word, reason) in [
            ("INSUFFICIENT_FUNDS", FailureReason::NoFunds),
            ("INSUFFICIENT_BALANCE", FailureReason::NoFunds),
            (" invalid_pin ", FailureReason::WrongPin),
            ("DECLINED", FailureReason::Declined),
            ("REJECTED", FailureReason::Declined),
            ("UserCancelled", FailureReason::Cancelled),
            ("FAILED", FailureReason::Other),
            ("ERROR", FailureReason::Other),
            ("0712345678 has no account", FailureReason::Other),
        ] {
            assert_eq!(FailureReason::of_gateway_word(word), reason, "{word:?}");
        }
    }

    #[test]
    fn a_stored_word_is_read_back_and_free_text_stays_hidden() {
        for &reason in FailureReason::VARIANTS {
            assert_eq!(FailureReason::from_stored(reason.as_str()), reason);
        }
        let typed = FailureReason::from_stored("Asha showed 0712345678");
        assert_eq!(typed, FailureReason::Other);
    }
}

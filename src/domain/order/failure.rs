//! Why an order was not sold: one of the contract's words, which a guest may read.
//!
//! # Invariants
//! Free text is never a reason. What a gateway wrote is kept as [`Payment::gateway_word`], what
//! an operator typed as [`Payment::operator_reason`]; both are for admins alone.
//!
//! [`Payment::gateway_word`]: super::payment::Payment::gateway_word
//! [`Payment::operator_reason`]: super::payment::Payment::operator_reason

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Why an order was not sold, or is not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
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
    /// The owner pays the money back.
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
    /// that still runs may write one, and it must not keep late money from being sold.
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
    fn a_gateways_words_become_ours() {
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

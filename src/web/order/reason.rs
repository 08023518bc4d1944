//! Why a payment failed, as the guest is told.

use crate::domain::order::failure::FailureReason;
use crate::web::text::Text;

/// Why it failed, in the guest's language.
pub(super) fn reason(text: &Text, reason: Option<FailureReason>) -> &str {
    let texts = &text.reason;
    let Some(reason) = reason else {
        return &texts.network;
    };
    match reason {
        FailureReason::NoFunds => &texts.balance,
        FailureReason::WrongPin => &texts.pin,
        FailureReason::Declined => &texts.declined,
        FailureReason::GatewayRefused => &texts.not_sent,
        // The others have pages of their own, or say no more than that it did not work.
        FailureReason::Expired
        | FailureReason::Cancelled
        | FailureReason::Refunded
        | FailureReason::Underpaid
        | FailureReason::Other => &texts.network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::language::Language;
    use crate::web::text::text;

    #[test]
    fn the_guest_is_told_why_in_words_that_help() {
        let text = text(Language::English);
        for (stored, told) in [
            (Some(FailureReason::NoFunds), &text.reason.balance),
            (Some(FailureReason::WrongPin), &text.reason.pin),
            (Some(FailureReason::Declined), &text.reason.declined),
            (Some(FailureReason::GatewayRefused), &text.reason.not_sent),
            (Some(FailureReason::Other), &text.reason.network),
            (None, &text.reason.network),
        ] {
            assert_eq!(reason(text, stored), told, "{stored:?}");
        }
    }
}

//! Why a payment failed, as the guest is told.

use super::super::text::Text;
use crate::domain::evidence::Word;

/// Why it failed, in the guest's language. What is no word of ZenoPay's is its answer to the
/// push: then the phone never rang.
pub(super) fn reason<'t>(text: &'t Text, stored: Option<&str>) -> &'t str {
    let reason = &text.reason;
    let Some(stored) = stored else {
        return &reason.network;
    };
    match stored.trim().to_ascii_uppercase().as_str() {
        "INSUFFICIENT_BALANCE" | "INSUFFICIENT_FUNDS" => &reason.balance,
        "INVALID_PIN" => &reason.pin,
        "REJECTED" | "DECLINED" => &reason.declined,
        word => match Word::read(word) {
            Word::Failed | Word::Cancelled => &reason.network,
            Word::Paid | Word::InProgress | Word::Unknown => &reason.not_sent,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::text::text;
    use super::*;
    use crate::domain::language::Language;

    #[test]
    fn the_guest_is_told_why_in_words_that_help() {
        let text = text(Language::English);
        for (stored, told) in [
            (Some("INSUFFICIENT_FUNDS"), &text.reason.balance),
            (Some(" invalid_pin "), &text.reason.pin),
            (Some("DECLINED"), &text.reason.declined),
            (Some("FAILED"), &text.reason.network),
            (None, &text.reason.network),
            (Some("Invalid phone number"), &text.reason.not_sent),
        ] {
            assert_eq!(reason(text, stored), told, "{stored:?}");
        }
    }
}

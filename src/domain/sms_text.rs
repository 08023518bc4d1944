//! What the SMS says: one GSM-7 message, in the guest's language.

use chrono::{DateTime, FixedOffset, Utc};

use super::language::Language;
use super::voucher::VoucherCode;

/// Characters of one GSM-7 message (3GPP TS 23.038); a longer text costs twice.
pub const ONE_MESSAGE: usize = 160;

/// Characters of each part of a longer GSM-7 text: seven are taken by its header.
const PART: usize = 153;
/// The same in UCS-2, which a single character outside the alphabet costs.
const ONE_UCS2_MESSAGE: usize = 70;
const UCS2_PART: usize = 67;

/// The alphabet beside letters and digits that take one place (3GPP TS 23.038, 6.2.1).
const SINGLE: &str = "@\u{a3}$\u{a5}\u{e8}\u{e9}\u{f9}\u{ec}\u{f2}\u{c7}\n\u{d8}\u{f8}\r\u{c5}\u{e5}\
    \u{394}_\u{3a6}\u{393}\u{39b}\u{3a9}\u{3a0}\u{3a8}\u{3a3}\u{398}\u{39e}\u{c6}\u{e6}\u{df}\u{c9} \
    !\"#\u{a4}%&'()*+,-./:;<=>?\u{a1}\u{c4}\u{d6}\u{d1}\u{dc}\u{a7}\u{bf}\u{e4}\u{f6}\u{f1}\u{fc}\u{e0}";
/// Its extension, whose characters take two places (6.2.1.1).
const DOUBLE: &str = "\u{c}^{}\\[~]|\u{20ac}";

/// How many single messages a text takes, and is charged as.
pub fn parts(text: &str) -> u32 {
    let (units, one, part) = match septets(text) {
        Some(septets) => (septets, ONE_MESSAGE, PART),
        None => (text.encode_utf16().count(), ONE_UCS2_MESSAGE, UCS2_PART),
    };
    let parts = if units <= one {
        1
    } else {
        units.div_ceil(part)
    };
    u32::try_from(parts).unwrap_or(u32::MAX)
}

/// Places that a text takes in GSM-7; `None` if a character is not in the alphabet.
fn septets(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| match c {
            _ if c.is_ascii_alphanumeric() || SINGLE.contains(c) => Some(1),
            _ if DOUBLE.contains(c) => Some(2),
            _ => None,
        })
        .sum()
}

/// The text that brings a voucher: code, package and when it ends, in the shop's time.
pub fn voucher_text(
    language: Language,
    brand: &str,
    code: &VoucherCode,
    package: &str,
    expires_at: Option<DateTime<Utc>>,
    shop_time: FixedOffset,
) -> String {
    let (brand, package) = (plain(brand, 20), plain(package, 30));
    let code = code.as_str();
    let until = expires_at.map(|at| at.with_timezone(&shop_time).format("%d/%m/%Y %H:%M"));
    match (language, until) {
        (Language::Swahili, Some(until)) => format!(
            "{brand}: Malipo yamepokelewa. Vocha yako ni {code}. Kifurushi: {package}. Mwisho: {until}."
        ),
        (Language::Swahili, None) => format!(
            "{brand}: Malipo yamepokelewa. Vocha yako ni {code}. Kifurushi: {package}. Muda unaanza ukiingia."
        ),
        (Language::English, Some(until)) => format!(
            "{brand}: Payment received. Your voucher is {code}. Package: {package}. Valid until {until}."
        ),
        (Language::English, None) => format!(
            "{brand}: Payment received. Your voucher is {code}. Package: {package}. Time starts at first login."
        ),
    }
}

/// Keeps what is a single GSM-7 character everywhere, so that no name can turn the message
/// into UCS-2 with its 70 characters.
fn plain(text: &str, most: usize) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || " .,-/()'&+".contains(c) {
                c
            } else {
                ' '
            }
        })
        .take(most)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_is_one_message_whatever_the_names_are(
            brand in ".*", package in ".*", english: bool, expires: bool,
        ) {
            let code = VoucherCode::from_random_bytes([1; 8]).unwrap();
            let language = if english { Language::English } else { Language::Swahili };
            let until = expires.then_some(DateTime::UNIX_EPOCH);
            let east_africa = FixedOffset::east_opt(3 * 3600).unwrap();

            let text = voucher_text(language, &brand, &code, &package, until, east_africa);

            prop_assert!(septets(&text).is_some_and(|it| it <= ONE_MESSAGE), "{text}");
            prop_assert_eq!(parts(&text), 1);
            prop_assert!(text.contains(code.as_str()));
        }
    }

    #[test]
    fn parts_are_counted_as_they_are_charged() {
        for (text, expected) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            // An extension character takes two places.
            ("a".repeat(158) + "[", 1),
            ("a".repeat(159) + "[", 2),
            ("\u{20ac}".repeat(80), 1),
            ("\u{20ac}".repeat(81), 2),
            // In the alphabet, though not in ASCII.
            ("\u{e9}\u{f1}\u{3a9}".repeat(53), 1),
            // One character outside of it, and 70 are left; this one takes two of them.
            ("a".repeat(68) + "\u{1f600}", 1),
            ("a".repeat(69) + "\u{1f600}", 2),
            ("a".repeat(70) + "`", 2),
            ("\u{4e2d}".repeat(134), 2),
            ("\u{4e2d}".repeat(135), 3),
        ] {
            assert_eq!(
                parts(&text),
                expected,
                "{} of {:?}",
                text.chars().count(),
                text.chars().last()
            );
        }
    }

    #[test]
    fn times_are_those_of_the_shop() {
        let code = VoucherCode::from_random_bytes([1; 8]).unwrap();
        let east_africa = FixedOffset::east_opt(3 * 3600).unwrap();

        let text = voucher_text(
            Language::Swahili,
            "Duka",
            &code,
            "Siku moja",
            Some(DateTime::UNIX_EPOCH),
            east_africa,
        );

        assert!(text.ends_with("Mwisho: 01/01/1970 03:00."), "{text}");
    }

    #[test]
    fn names_stand_in_the_text_as_far_as_a_message_has_room_and_letters_for_them() {
        let code = VoucherCode::from_random_bytes([1; 8]).unwrap();
        let utc = FixedOffset::east_opt(0).unwrap();
        let text =
            |brand, package| voucher_text(Language::English, brand, &code, package, None, utc);

        let (plain, fancy) = (
            text("Duka la Asha", "Siku moja (1)"),
            text("Café 😀", "A week of Internet, all day and night"),
        );

        assert!(plain.starts_with("Duka la Asha: "), "{plain}");
        assert!(plain.contains("Package: Siku moja (1)."), "{plain}");
        assert!(fancy.starts_with("Caf   : "), "{fancy}");
        assert!(
            fancy.contains("Package: A week of Internet, all day an."),
            "{fancy}"
        );
    }
}

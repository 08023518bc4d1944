//! What the SMS says: one GSM-7 message, in the guest's language.

use chrono::{DateTime, FixedOffset, Utc};

use super::language::Language;
use super::voucher::VoucherCode;

/// Characters of one GSM-7 message (3GPP TS 23.038); a longer text costs twice.
pub const ONE_MESSAGE: usize = 160;

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

            prop_assert!(text.is_ascii() && text.len() <= ONE_MESSAGE, "{} {text}", text.len());
            prop_assert!(text.contains(code.as_str()));
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
}

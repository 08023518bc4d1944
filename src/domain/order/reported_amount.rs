//! The amount that a gateway names in a report.
//!
//! # Invariants
//! - An amount that is there and cannot be read is never taken for an absent one.
//! - Only whole shillings are read. A fraction is unreadable; it is neither cut off nor rounded.

use crate::domain::catalog::Tzs;
use crate::domain::clean_text::clean;

/// Characters kept of an amount that cannot be read.
const SHOWN_CHARS: usize = 60;
/// The longest amount that is read, in digits; no real amount needs more.
const DIGITS_MAX: usize = 15;
/// What separates groups of three digits: a comma, a blank, and the blanks that formatters write
/// (no-break, narrow no-break, thin).
const GROUP_SEPARATORS: [char; 5] = [',', ' ', '\u{a0}', '\u{202f}', '\u{2009}'];

/// What a report says about the amount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReportedAmount {
    /// No amount, null, or an empty text. The documented webhook has none.
    #[default]
    Absent,
    /// Whole shillings, zero or more.
    Whole(Tzs),
    /// An amount that is not whole shillings: as it was sent, without control characters and cut
    /// to 60 characters.
    Unreadable(String),
}

impl ReportedAmount {
    /// Reads a text: `2000`, `2000.00`, `2,000`, `2 000.00`, `2e3`, with blanks around it.
    pub fn read(text: &str) -> Self {
        let number = text.trim();
        if number.is_empty() {
            return Self::Absent;
        }
        let plain = without_groups(number).filter(|_| !may_be_thousands(number));
        let whole = plain.and_then(|plain| whole_shillings(&plain));
        whole.map_or_else(|| Self::unreadable(text), Self::Whole)
    }

    /// Reads a JSON number. Its point is a decimal point, so `2.000` is 2.
    pub fn read_number(number: &str) -> Self {
        whole_shillings(number).map_or_else(|| Self::unreadable(number), Self::Whole)
    }

    /// A value that is no amount, as it was sent. Of control characters alone the codes are shown.
    pub fn unreadable(sent: &str) -> Self {
        let codes = || sent.escape_default().take(SHOWN_CHARS).collect();
        Self::Unreadable(clean(sent, SHOWN_CHARS).unwrap_or_else(codes))
    }

    /// The amount, where it is whole shillings.
    pub fn whole(&self) -> Option<Tzs> {
        match self {
            Self::Whole(amount) => Some(*amount),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// `2.000` is two, or two thousand as much of Europe writes it.
fn may_be_thousands(number: &str) -> bool {
    number.split_once('.').is_some_and(|(whole, fraction)| {
        let leads = is_digits(whole) && whole.len() <= 3 && !whole.starts_with('0');
        leads && is_digits(fraction) && fraction.len() == 3
    })
}

/// The number without its group separators, which must be all the same and each before exactly
/// three digits; `None` otherwise.
fn without_groups(number: &str) -> Option<String> {
    let Some(separator) = number.chars().find(|c| GROUP_SEPARATORS.contains(c)) else {
        return Some(number.to_owned());
    };
    let (grouped, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut groups = grouped.split(separator);
    let first = groups.next().unwrap_or_default();
    // `0,500` is half a shilling, written with a decimal comma.
    let leads = is_digits(first) && (1..=3).contains(&first.len()) && !first.starts_with('0');
    let is_strict = leads
        && groups
            .clone()
            .all(|group| is_digits(group) && group.len() == 3)
        && is_digits(fraction);
    let rest: String = groups.collect();
    is_strict.then(|| format!("{first}{rest}.{fraction}"))
}

/// Reads digits with an optional fraction and exponent, if their value is whole.
fn whole_shillings(number: &str) -> Option<Tzs> {
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent);
    let point = usize::try_from(point.max(0)).ok()?;
    if digits.len() < point {
        digits += &"0".repeat(point - digits.len());
    }
    let (shillings, below) = digits.split_at(point);
    let shillings = shillings.trim_start_matches('0');
    if below.bytes().any(|digit| digit != b'0') || shillings.len() > DIGITS_MAX {
        return None;
    }
    let value = if shillings.is_empty() { "0" } else { shillings };
    value.parse().ok().map(Tzs)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unreadable(text: &str) -> ReportedAmount {
        ReportedAmount::Unreadable(text.to_owned())
    }

    #[test]
    fn whole_shillings_are_read_in_every_form_that_gateways_send() {
        for (text, amount) in [
            ("2000", 2_000),
            (" 2000\t", 2_000),
            ("\u{a0}2000\u{202f}", 2_000),
            ("2000.", 2_000),
            ("2000.00", 2_000),
            ("2000.000", 2_000),
            ("2,000", 2_000),
            ("2 000", 2_000),
            ("2\u{a0}000", 2_000),
            ("2\u{202f}000", 2_000),
            ("2,000.00", 2_000),
            ("2,000.000", 2_000),
            ("1,234,567", 1_234_567),
            ("100 000", 100_000),
            ("1e3", 1_000),
            ("1E+3", 1_000),
            ("1.5e3", 1_500),
            ("200000e-2", 2_000),
            ("002000", 2_000),
            ("0", 0),
            ("0.00", 0),
            ("0e9", 0),
            ("0e-9", 0),
            ("999999999999999", 999_999_999_999_999),
        ] {
            let expected = ReportedAmount::Whole(Tzs(amount));
            assert_eq!(ReportedAmount::read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_amount_that_is_not_whole_shillings_is_neither_read_nor_absent() {
        for text in [
            "TZS 100",
            "2000 TZS",
            "2000/=",
            "-5",
            "-0",
            "+5",
            "NaN",
            "Infinity",
            "0x10",
            "a lot",
            ".",
            ".5",
            "1,00",
            "10,00,000",
            "1,000,",
            ",000",
            "1,,000",
            "1,000 000",
            "1 000,000",
            "2  000",
            "0,500",
            "1,000e3",
            "1,000.5",
            "2.000",
            "2.000,00",
            "2'000",
            "1.0.0",
            "1e",
            "e3",
            "1e1.5",
            "1e99999999999999999999",
            "1e-1",
            "1e400",
            "1e15",
            "1999.5",
            "2000.50",
            "0.5",
            "2000.0001",
            "9999999999999999",
            "٢٠٠٠",
            "２０００",
            "½",
        ] {
            assert_eq!(ReportedAmount::read(text), unreadable(text), "{text:?}");
        }
    }

    #[test]
    fn an_empty_text_is_absent() {
        for text in ["", " ", "\u{a0}", "\t\r\n"] {
            assert_eq!(
                ReportedAmount::read(text),
                ReportedAmount::Absent,
                "{text:?}"
            );
        }
    }

    #[test]
    fn control_characters_are_no_empty_text() {
        for (text, shown) in [
            ("\0", "\\u{0}"),
            (" \0 ", " \\u{0} "),
            ("\u{1b}\u{7f}", "\\u{1b}\\u{7f}"),
            ("\u{200b}", "\u{200b}"),
            ("\0 2000", "2000"),
        ] {
            assert_eq!(ReportedAmount::read(text), unreadable(shown), "{text:?}");
        }
    }

    #[test]
    fn the_point_of_a_json_number_is_a_decimal_point() {
        for (number, expected) in [
            ("2.000", ReportedAmount::Whole(Tzs(2))),
            ("2000.0", ReportedAmount::Whole(Tzs(2_000))),
            ("1e3", ReportedAmount::Whole(Tzs(1_000))),
            ("-0", unreadable("-0")),
            ("-0.0", unreadable("-0.0")),
            ("1e400", unreadable("1e400")),
        ] {
            assert_eq!(ReportedAmount::read_number(number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_shown_of_an_unreadable_amount_is_short_and_clean() {
        let sent = format!("TZS\u{0}\n {}", "9".repeat(1_000));

        let shown = format!("TZS {}", "9".repeat(SHOWN_CHARS - 4));
        assert_eq!(ReportedAmount::read(&sent), unreadable(&shown));
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_however_it_is_grouped(amount in 0..=999_999_999_999_999_i64) {
            let plain = amount.to_string();
            for separator in GROUP_SEPARATORS {
                let mut grouped = String::new();
                for (at, digit) in plain.chars().enumerate() {
                    if at > 0 && (plain.len() - at) % 3 == 0 {
                        grouped.push(separator);
                    }
                    grouped.push(digit);
                }
                let expected = ReportedAmount::Whole(Tzs(amount));
                prop_assert_eq!(ReportedAmount::read(&grouped), expected.clone());
                prop_assert_eq!(ReportedAmount::read(&format!("{grouped}.00")), expected);
            }
            prop_assert_eq!(ReportedAmount::read(&plain), ReportedAmount::Whole(Tzs(amount)));
        }

        #[test]
        fn no_text_is_read_as_a_negative_amount(text in "[-+0-9., eE\u{a0}]{0,24}") {
            let read = ReportedAmount::read(&text);
            prop_assert!(read.whole().is_none_or(|amount| amount >= Tzs(0)));
        }
    }
}

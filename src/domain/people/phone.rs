//! The phone that pays.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A Tanzanian mobile number, always `255[67]XXXXXXXX`. `Debug` hides it: a phone number
/// is personal data and never belongs in a log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(String);

/// The text is not a Tanzanian mobile number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a Tanzanian mobile number: nine digits that begin with 6 or 7, after an optional 0, 255 or +255"
)]
pub struct NotAPhone;

impl Phone {
    /// Reads what guests type and paste: `0`, `255`, `+255`, `2550`, `+2550` or `00255` may stand before
    /// the nine digits. White space, dashes, dots, brackets and invisible characters do not count.
    ///
    /// # Errors
    /// [`NotAPhone`] for anything else.
    pub fn read(text: &str) -> Result<Self, NotAPhone> {
        let bare: String = text.chars().filter(|c| !is_separator(*c)).collect();
        // Longest prefix first, so that 2550… is not read as 255 and a number that begins with 0.
        let subscriber = ["00255", "+2550", "+255", "2550", "255", "0", ""]
            .into_iter()
            .filter_map(|prefix| bare.strip_prefix(prefix))
            .find(|rest| is_subscriber(rest))
            .ok_or(NotAPhone)?;
        Ok(Self(format!("255{subscriber}")))
    }

    /// A number from the database, which is not checked.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// `255712345678`.
    pub fn international(&self) -> &str {
        &self.0
    }

    /// `0712345678`, the form that ZenoPay documents for `buyer_phone`.
    pub fn national(&self) -> String {
        format!("0{}", &self.0[3..])
    }
}

fn is_subscriber(rest: &str) -> bool {
    rest.len() == 9 && rest.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(['6', '7'])
}

/// Whether people write this character between the digits of a number, or their address book does: white
/// space, dashes, dots, brackets, and invisible characters as the marks of the writing direction.
pub(super) fn is_separator(c: char) -> bool {
    match c {
        '0'..='9' | '+' | 'A'..='Z' | 'a'..='z' => false,
        ' ' | '-' | '.' | '(' | ')' => true,
        // Of dots and minus signs no category is made.
        '\u{b7}' | '\u{2022}' | '\u{2024}' | '\u{2027}' | '\u{2219}' | '\u{22c5}' | '\u{ff0e}' => {
            true
        }
        '\u{2043}' | '\u{2053}' | '\u{207b}' | '\u{208b}' | '\u{2212}' => true,
        _ => {
            use GeneralCategory::{ClosePunctuation, DashPunctuation, Format, OpenPunctuation};
            let category = c.general_category();
            let is_mark = [ClosePunctuation, DashPunctuation, Format, OpenPunctuation];
            c.is_whitespace() || is_mark.contains(&category)
        }
    }
}

hidden_debug!(Phone);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_that_guests_write_their_number_is_understood() {
        for text in [
            "712345678",
            "0712345678",
            "255712345678",
            "+255712345678",
            "2550712345678",
            "+2550712345678",
            "00255712345678",
            "+255 712-345 678",
            " 0712 345 678 ",
            "\t0712\u{a0}345\u{202f}678\r\n",
            "0712\u{3000}345\u{2009}678",
            "0712.345.678",
            "0712\u{b7}345\u{2022}678",
            "0712\u{ff0e}345\u{2024}678",
            "(0712) 345-678",
            "[0712] {345} 678",
            "\u{ff08}0712\u{ff09}345678",
            "+255(0)712345678",
            "+255 (0) 712 345 678",
            "(+255) 712.345.678",
            "255(0)712-345-678",
            "(00255) 712 345 678",
            "0712\u{2010}345\u{2011}678",
            "0712\u{2012}345\u{2013}678",
            "0712\u{2014}345\u{2015}678",
            "0712\u{2212}345\u{fe63}678",
            "0712\u{ff0d}345\u{2043}678",
            "0712\u{ad}345\u{207b}678",
            "\u{202a}+255712345678\u{202c}",
            "\u{2066}0712345678\u{2069}",
            "\u{200e}0712\u{200f}345\u{200b}678\u{feff}",
            "0\u{200d}7\u{2060}12345678\u{61c}",
            "+\u{202d}255\u{200c}712345678",
        ] {
            assert_eq!(
                Phone::read(text).map(|p| p.0),
                Ok("255712345678".into()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_no_tanzanian_mobile_number_is_refused() {
        for text in [
            "",
            "0",
            "812345678",
            "07123456789",
            "071234567",
            "+254712345678",
            "00712345678",
            "0712345a78",
            "٠٧١٢٣٤٥٦٧٨",
            "++255712345678",
            "255255712345678",
            "+0712345678",
            "002550712345678",
            "0712345678+",
            "0712/345/678",
            "0712,345,678",
            "0712_345_678",
            "07 12345678 or 0712345679",
            "\u{ff10}712345678",
            "\u{202a}\u{202c}",
        ] {
            assert_eq!(Phone::read(text), Err(NotAPhone), "{text:?}");
        }
    }

    #[test]
    fn a_number_is_shown_in_the_form_that_is_asked_for_and_never_in_a_log() {
        let phone = Phone::read("0712345678").unwrap();

        assert_eq!(phone.international(), "255712345678");
        assert_eq!(phone.national(), "0712345678");
        assert_eq!(format!("{phone:?}"), "Phone(hidden)");
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_what_is_read_reads_back(text in ".*") {
            if let Ok(phone) = Phone::read(&text) {
                prop_assert_eq!(Phone::read(phone.international()), Ok(phone.clone()));
                prop_assert_eq!(Phone::read(&phone.national()), Ok(phone));
            }
        }
    }
}

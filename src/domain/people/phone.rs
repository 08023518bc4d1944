//! The phone that pays.

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
    /// Reads what guests type: spaces and dashes do not count, and `0`, `255`, `+255`,
    /// `2550` or `00255` may stand before the nine digits.
    ///
    /// # Errors
    /// [`NotAPhone`] for anything else.
    pub fn read(text: &str) -> Result<Self, NotAPhone> {
        let bare: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        // Longest prefix first, so that 2550… is not read as 255 and a number that begins with 0.
        let subscriber = ["00255", "+255", "2550", "255", "0", ""]
            .into_iter()
            .filter_map(|prefix| bare.strip_prefix(prefix))
            .find(|rest| is_subscriber(rest))
            .ok_or(NotAPhone)?;
        Ok(Self(format!("255{subscriber}")))
    }

    /// Trusts a number that this type wrote earlier and the database kept.
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
            "00255712345678",
            "+255 712-345 678",
            " 0712 345 678 ",
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

//! Money: whole Tanzanian shillings.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The only currency that mobile money in Tanzania moves (ISO 4217).
pub const CURRENCY: &str = "TZS";

/// An amount in whole shillings. The shilling has no coin below one since the cent went
/// out of use, so an integer is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tzs(pub i64);

impl Tzs {
    /// Reads what [`read`](Self::read) does, but no fraction: what a guest believes to be the
    /// price must not be cut until it fits.
    pub fn read_whole(text: &str) -> Option<Self> {
        let fraction = text.trim().split_once('.').map_or("", |(_, cents)| cents);
        let is_whole = fraction.bytes().all(|digit| digit == b'0');
        is_whole.then(|| Self::read(text))?
    }

    /// Reads `1000`, `"1000"`, `"1000.00"` and `1000.0`, the forms that gateways are known
    /// to send. A fraction is cut off, never rounded up: 999.99 is less than 1000.
    /// `None` for anything that is not a sensible amount.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        // Fifteen digits are more than all the money in the country.
        (whole.len() <= 15).then(|| whole.parse().ok().map(Self))?
    }
}

impl fmt::Display for Tzs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_in_every_form_that_gateways_send() {
        for text in ["1000", " 1000 ", "1000.00", "1000.0", "1000."] {
            assert_eq!(Tzs::read(text), Some(Tzs(1000)), "{text:?}");
        }
        assert_eq!(Tzs::read("999.99"), Some(Tzs(999)));
        assert_eq!(Tzs::read_whole("1000.00"), Some(Tzs(1000)));
        assert_eq!(Tzs::read_whole("1000.50"), None);
    }

    #[test]
    fn what_is_no_amount_is_not_taken_for_one() {
        for text in [
            "",
            ".",
            "-5",
            "1e3",
            "1,000",
            "TZS 1000",
            "1.0.0",
            "9999999999999999",
        ] {
            assert_eq!(Tzs::read(text), None, "{text:?}");
        }
    }
}

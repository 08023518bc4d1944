//! Money: whole Tanzanian shillings.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The only currency that mobile money in Tanzania moves (ISO 4217).
pub const CURRENCY: &str = "TZS";

/// An amount in whole shillings. No coin below one shilling is in use, so an integer is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tzs(pub i64);

impl Tzs {
    /// Reads `1000`, `"1000"`, `"1000.00"` and `1000.0`, but no fraction, because the price that a
    /// client expects must not be rounded until it fits. What a gateway reports is read by
    /// [`ReportedAmount`](crate::domain::order::ReportedAmount).
    pub fn read_whole(text: &str) -> Option<Self> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_whole = fraction.bytes().all(|digit| digit == b'0');
        if whole.is_empty() || !whole.bytes().all(|digit| digit.is_ascii_digit()) || !is_whole {
            return None;
        }
        // No real amount has more than fifteen digits.
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
    fn a_price_is_read_in_every_form_that_clients_send() {
        for text in ["1000", " 1000 ", "1000.00", "1000.0", "1000."] {
            assert_eq!(Tzs::read_whole(text), Some(Tzs(1000)), "{text:?}");
        }
    }

    #[test]
    fn a_text_that_is_not_whole_shillings_is_no_price() {
        for text in [
            "",
            ".",
            "-5",
            "1e3",
            "1,000",
            "TZS 1000",
            "1.0.0",
            "999.99",
            "1000.50",
            "9999999999999999",
        ] {
            assert_eq!(Tzs::read_whole(text), None, "{text:?}");
        }
    }
}

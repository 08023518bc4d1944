//! Serials of printed vouchers, which tell cards apart without their codes.

use std::fmt;
use std::str::FromStr;

/// The batch of a card and its number there, from 1 on, as in `12-007`. It opens nothing, so it may be
/// written down and read aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial {
    /// The batch.
    pub batch: i64,
    /// The card's number in the batch, in the order in which the cards were made.
    pub number: i64,
}

/// The text is no serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a serial is a batch and a card's number, as in 12-007")]
pub struct NotASerial;

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:03}", self.batch, self.number)
    }
}

impl FromStr for Serial {
    type Err = NotASerial;

    fn from_str(text: &str) -> Result<Self, NotASerial> {
        let (batch, number) = text.trim().split_once('-').ok_or(NotASerial)?;
        let positive = |digits: &str| {
            let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
            let read = digits.parse().ok().filter(|number| *number > 0);
            read.filter(|_| is_plain).ok_or(NotASerial)
        };
        Ok(Self {
            batch: positive(batch)?,
            number: positive(number)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_read_as_it_is_written_and_without_its_zeros() {
        let serial = Serial {
            batch: 12,
            number: 7,
        };

        assert_eq!(serial.to_string(), "12-007");
        for text in ["12-007", " 12-7 ", "12-07"] {
            assert_eq!(text.parse(), Ok(serial), "{text:?}");
        }
        for text in [
            "",
            "12",
            "12-",
            "-7",
            "0-1",
            "12-0",
            "+12-7",
            "12--7",
            "K7QM-X2PA",
            "12-7-1",
            "99999999999999999999-1",
        ] {
            assert_eq!(text.parse::<Serial>(), Err(NotASerial), "{text:?}");
        }
    }
}

//! Money, times and durations, as pages and their templates write them.

use std::borrow::Borrow;
use std::fmt::Display;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

pub use crate::web::format::thousands;

/// `2,000 TZS`.
pub fn money(amount: impl Display) -> String {
    format!("{} TZS", thousands(amount))
}

/// `0.4 ms`, `12 ms`, `3.2 s`.
pub fn millis(ms: impl Borrow<f64>) -> String {
    match *ms.borrow() {
        ms @ ..10.0 => format!("{ms:.1} ms"),
        ms @ 10.0..1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// Milliseconds in a readable unit: `850 ms`, `1.2 s`, `12 s`, `5 min`, `3 h`, `2 d`.
pub fn duration(ms: impl Borrow<u64>) -> String {
    let ms = *ms.borrow();
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// `24 Nov 2026, 23:59`, in `zone`.
pub fn date_time(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .format("%-d %b %Y, %H:%M")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_readable_units() {
        let shown = [
            850_u64,
            1_250,
            12_900,
            119_999,
            120_000,
            7_200_000,
            400_000_000,
        ]
        .map(duration);
        assert_eq!(
            shown,
            ["850 ms", "1.2 s", "12 s", "119 s", "2 min", "2 h", "4 d"]
        );
        assert_eq!(
            [0.44_f64, 12.4, 3_210.0].map(millis),
            ["0.4 ms", "12 ms", "3.2 s"]
        );
        assert_eq!(
            [0_i64, 999, -1_000, 1_234_567].map(money),
            ["0 TZS", "999 TZS", "-1,000 TZS", "1,234,567 TZS"]
        );
    }
}

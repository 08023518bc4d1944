//! Money, counts and moments, as an operator reads them.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

/// A moment: for machines, and for people on the shop's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339 in UTC.
    pub iso: String,
    /// `24 Nov 2026`.
    pub day: String,
    /// `23:59:59`.
    pub time: String,
    /// `.123`.
    pub fraction: String,
}

impl Moment {
    /// On the clock of `zone`.
    pub fn new(at: DateTime<Utc>, zone: Tz) -> Self {
        let local = at.with_timezone(&zone);
        Self {
            iso: at.to_rfc3339_opts(SecondsFormat::Millis, true),
            day: local.format("%-d %b %Y").to_string(),
            time: local.format("%H:%M:%S").to_string(),
            fraction: local.format("%.3f").to_string(),
        }
    }
}

/// `2,000`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = if number < 0 { "-" } else { "" }.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `2,000 TZS`.
pub fn money(amount: i64) -> String {
    format!("{} TZS", count(amount))
}

/// `0.4 ms`, `12 ms`, `3.2 s`.
pub fn millis(ms: f64) -> String {
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        10.0..1_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1_000.0),
    }
}

/// How long, in the unit that a person would use: `850 ms`, `12 s`, `5 min`, `3 h`, `2 d`.
pub fn ago(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// `24 Nov 2026, 23:59`, on the clock of `zone`.
pub fn until(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .format("%-d %b %Y, %H:%M")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_units_that_people_use() {
        let shown = [850, 1_250, 12_900, 119_999, 120_000, 7_200_000, 400_000_000].map(ago);
        assert_eq!(
            shown,
            ["850 ms", "1.2 s", "12 s", "119 s", "2 min", "2 h", "4 d"]
        );
        assert_eq!(
            [0.44, 12.4, 3_210.0].map(millis),
            ["0.4 ms", "12 ms", "3.2 s"]
        );
        assert_eq!(
            [0, 999, -1_000, 1_234_567].map(count),
            ["0", "999", "-1,000", "1,234,567"]
        );
    }

    #[test]
    fn a_moment_is_told_on_the_shop_s_clock() {
        let at = "2026-11-24T21:05:09.042Z".parse().unwrap();

        let moment = Moment::new(at, chrono_tz::Africa::Dar_es_Salaam);

        assert_eq!(moment.iso, "2026-11-24T21:05:09.042Z");
        assert_eq!(moment.day, "25 Nov 2026");
        assert_eq!(
            (moment.time.as_str(), moment.fraction.as_str()),
            ("00:05:09", ".042")
        );
    }
}

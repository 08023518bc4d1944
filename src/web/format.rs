//! Formats money, time, speed and phones for guests.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::text::{Text, fill};
use crate::domain::catalog::Terms;
use crate::domain::people::Phone;

impl Text {
    /// `TSh 2,000`.
    pub fn money(&self, amount: impl Display) -> String {
        fill(&self.units.money, &[("amount", &thousands(amount))])
    }

    /// How long a package lasts: in days if these are whole and at least two, else in hours if
    /// these are whole, else in minutes.
    pub fn duration(&self, minutes: i32) -> String {
        let (units, minutes) = (&self.units, i64::from(minutes));
        if minutes % 1_440 == 0 && minutes > 1_440 {
            counted(&units.day, &units.days, minutes / 1_440)
        } else if minutes % 60 == 0 {
            counted(&units.hour, &units.hours, minutes / 60)
        } else {
            counted(&units.minute, &units.minutes, minutes)
        }
    }

    /// How long to wait, rounded up so that a retry after that time is not too early.
    pub fn wait(&self, secs: u64) -> String {
        let units = &self.units;
        match secs {
            ..90 => counted(&units.second, &units.seconds, secs),
            90..5_400 => counted(&units.minute, &units.minutes, secs.div_ceil(60)),
            5_400.. => counted(&units.hour, &units.hours, secs.div_ceil(3_600)),
        }
    }

    /// How much time is left, in its two largest units, rounded down so that it is not promised too
    /// long.
    pub fn time_left(&self, secs: u64) -> String {
        let (units, minutes) = (&self.units, (secs / 60).max(1));
        let parts = [
            (&units.day, &units.days, minutes / 1_440),
            (&units.hour, &units.hours, minutes / 60 % 24),
            (&units.minute, &units.minutes, minutes % 60),
        ];
        let largest = parts.into_iter().skip_while(|(.., number)| *number == 0);
        let shown = largest.take(2).filter(|(.., number)| *number > 0);
        let shown = shown.map(|(one, many, number)| counted(one, many, number));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// How much data is left, rounded down.
    pub fn data_left(&self, bytes: Option<u64>) -> String {
        let units = &self.units;
        let Some(megabytes) = bytes.map(|bytes| bytes / 1_048_576) else {
            return units.unlimited.clone();
        };
        match megabytes {
            0..1_024 => fill(&units.data_mb, &[("n", &megabytes)]),
            _ => {
                let tenths = megabytes * 10 / 1_024;
                let number = format!("{}.{}", tenths / 10, tenths % 10);
                fill(&units.data_gb, &[("n", &number.trim_end_matches(".0"))])
            }
        }
    }

    /// What a package gives, in a few words: time, speed, data, devices.
    pub fn terms(&self, terms: &Terms) -> String {
        let units = &self.units;
        let speed = match terms.download_kbps {
            kbps @ ..1_000 => fill(&units.speed_slow, &[("n", &kbps)]),
            // Configured speeds may be multiples of 1,024 kbps: 5,120 is shown as 5 Mbps.
            kbps => fill(&units.speed, &[("n", &(kbps / 1_000))]),
        };
        let data = self.data(terms.data_limit_mb);
        let lasts = self.duration(terms.duration_minutes);
        listed(&[lasts, speed, data, self.devices(terms.shared_devices)])
    }

    /// What a printed voucher gives: time, data, devices.
    pub fn card(&self, minutes: i32, data_limit_mb: Option<i32>, devices: i32) -> String {
        let (lasts, data) = (self.duration(minutes), self.data(data_limit_mb));
        listed(&[lasts, data, self.devices(devices)])
    }

    fn data(&self, limit_mb: Option<i32>) -> String {
        let units = &self.units;
        match limit_mb {
            None => units.unlimited.clone(),
            Some(mb) if mb % 1_024 == 0 => fill(&units.data_gb, &[("n", &(mb / 1_024))]),
            Some(mb) => fill(&units.data_mb, &[("n", &mb)]),
        }
    }

    /// How many devices may be on-line at once.
    pub fn devices(&self, number: i32) -> String {
        counted(&self.units.device, &self.units.devices, i64::from(number))
    }
}

/// Short texts in a line. Non-breaking spaces keep a number and its unit together.
fn listed(parts: &[String]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| part.replace(' ', "\u{a0}"))
        .collect();
    capitalised(&parts.join(" · "))
}

/// `2,000`, of a whole number.
pub fn thousands(number: impl Display) -> String {
    let number = number.to_string();
    let digits = number.trim_start_matches('-');
    let mut grouped = number[..number.len() - digits.len()].to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The singular or the plural, by the number.
fn counted(one: &str, many: &str, number: impl Into<i128>) -> String {
    match number.into() {
        1 => one.to_owned(),
        number => fill(many, &[("n", &number)]),
    }
}

/// The text with its first letter in upper case.
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// `24/11/2026, 23:59`, in the shop's zone.
pub fn until(at: DateTime<Utc>, timezone: Tz) -> String {
    let at = at.with_timezone(&timezone);
    at.format("%d/%m/%Y, %H:%M").to_string()
}

/// `0712 345 678`: in full, so that the owner can check it.
pub fn phone(phone: &Phone) -> String {
    let national = phone.national();
    format!("{} {} {}", &national[..4], &national[4..7], &national[7..])
}

/// `0712 … 678`: enough for its owner to recognise, too little for other people to call.
pub fn masked(phone: &Phone) -> String {
    let national = phone.national();
    format!("{} … {}", &national[..4], &national[7..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::Tzs;
    use crate::domain::people::Language::English;
    use crate::domain::people::Language::Swahili;
    use crate::web::text::text;

    #[test]
    fn money_has_thousands_separators() {
        for (amount, shown) in [
            (0, "TSh 0"),
            (999, "TSh 999"),
            (2_000, "TSh 2,000"),
            (1_234_567, "TSh 1,234,567"),
        ] {
            assert_eq!(text(English).money(Tzs(amount)), shown);
        }
        assert_eq!([-1_000, -1].map(thousands), ["-1,000", "-1"]);
    }

    #[test]
    fn a_duration_is_in_the_unit_that_people_say() {
        for (minutes, swahili, english) in [
            (30, "dakika 30", "30 minutes"),
            (60, "saa 1", "1 hour"),
            (1_440, "saa 24", "24 hours"),
            (43_200, "siku 30", "30 days"),
        ] {
            assert_eq!(text(Swahili).duration(minutes), swahili);
            assert_eq!(text(English).duration(minutes), english);
        }
    }

    #[test]
    fn a_retry_after_the_wait_is_not_too_early() {
        for (secs, shown) in [
            (1, "1 second"),
            (61, "61 seconds"),
            (90, "2 minutes"),
            (120, "2 minutes"),
            (301, "6 minutes"),
            (5_399, "90 minutes"),
            (5_400, "2 hours"),
            (7_200, "2 hours"),
            (7_201, "3 hours"),
            (86_400, "24 hours"),
        ] {
            assert_eq!(text(English).wait(secs), shown);
        }
    }

    #[test]
    fn what_is_left_is_never_more_than_there_is() {
        for (secs, shown) in [
            (1, "1 minute"),
            (119, "1 minute"),
            (3_600, "1 hour"),
            (5_399, "1 hour, 29 minutes"),
            (86_399, "23 hours, 59 minutes"),
            (90_000, "1 day, 1 hour"),
            (86_460, "1 day"),
        ] {
            assert_eq!(text(English).time_left(secs), shown, "{secs}");
        }
        for (bytes, shown) in [
            (None, "unlimited"),
            (Some(0), "0 MB"),
            (Some(1_048_575), "0 MB"),
            (Some(1_073_741_823), "1023 MB"),
            (Some(1_073_741_824), "1 GB"),
            (Some(1_717_986_918), "1.5 GB"),
        ] {
            assert_eq!(text(English).data_left(bytes), shown, "{bytes:?}");
        }
    }

    #[test]
    fn a_phone_is_shown_whole_for_checking_and_masked_for_recognition() {
        let number = Phone::read("0712345678").unwrap();

        assert_eq!(phone(&number), "0712 345 678");
        assert_eq!(masked(&number), "0712 … 678");
    }
}

//! Money, time, speed and phones, as a guest reads them.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::text::{Text, fill};
use crate::domain::catalog::money::Tzs;
use crate::domain::catalog::package::Terms;
use crate::domain::people::phone::Phone;

/// `TSh 2,000`.
pub fn money(text: &Text, amount: Tzs) -> String {
    fill(&text.units.money, &[("amount", &thousands(amount.0))])
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

/// One of two forms, by the number.
fn counted(one: &str, many: &str, number: i64) -> String {
    if number == 1 {
        one.to_owned()
    } else {
        fill(many, &[("n", &number.to_string())])
    }
}

/// How long a package lasts: in hours up to two days, then in days.
pub fn duration(text: &Text, minutes: i32) -> String {
    let (units, minutes) = (&text.units, i64::from(minutes));
    if minutes % 1_440 == 0 && minutes > 1_440 {
        counted(&units.day, &units.days, minutes / 1_440)
    } else if minutes % 60 == 0 {
        counted(&units.hour, &units.hours, minutes / 60)
    } else {
        counted(&units.minute, &units.minutes, minutes)
    }
}

/// How long to wait, rounded up so that coming back then is not too early.
pub fn wait(text: &Text, secs: u64) -> String {
    let (units, secs) = (&text.units, i64::try_from(secs).unwrap_or(i64::MAX));
    match secs {
        ..90 => fill(&units.seconds, &[("n", &secs.to_string())]),
        90..5_400 => counted(&units.minute, &units.minutes, (secs + 59) / 60),
        5_400.. => counted(&units.hour, &units.hours, secs / 3_600 + 1),
    }
}

/// What a package gives, in a few words: time, speed, data, devices.
pub fn terms(text: &Text, terms: &Terms) -> String {
    let units = &text.units;
    let (speed, unit) = match terms.download_kbps {
        kbps @ ..1_000 => (kbps, &units.speed_slow),
        // Speeds are set as multiples of 1024 and spoken of as Mbps.
        kbps => (kbps / 1_000, &units.speed),
    };
    let data = match terms.data_limit_mb {
        None => units.unlimited.clone(),
        Some(mb) if mb % 1_024 == 0 => fill(&units.data_gb, &[("n", &(mb / 1_024).to_string())]),
        Some(mb) => fill(&units.data_mb, &[("n", &mb.to_string())]),
    };
    let devices = devices(text, terms.shared_devices);
    let speed = fill(unit, &[("n", &speed.to_string())]);
    let lasts = duration(text, terms.duration_minutes);
    // A number stays with its unit when the line is broken.
    let parts = [lasts, speed, data, devices].map(|part| part.replace(' ', "\u{a0}"));
    sentence(&parts.join(" · "))
}

/// The same with a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// How many devices may be on-line at once.
pub fn devices(text: &Text, number: i32) -> String {
    counted(&text.units.device, &text.units.devices, i64::from(number))
}

/// When a voucher ends, in the shop's time.
pub fn until(at: DateTime<Utc>, timezone: Tz) -> String {
    at.with_timezone(&timezone)
        .format("%d/%m/%Y, %H:%M")
        .to_string()
}

/// `0712 345 678`: to be checked by its owner for a slip of the thumb.
pub fn phone(phone: &Phone) -> String {
    let national = phone.national();
    format!("{} {} {}", &national[..4], &national[4..7], &national[7..])
}

/// `0712 … 678`: enough for the owner to know which one, too little for anybody else.
pub fn masked(phone: &Phone) -> String {
    let national = phone.national();
    format!("{} … {}", &national[..4], &national[7..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::language::Language::{English, Swahili};
    use crate::web::text::text;

    #[test]
    fn money_has_its_thousands_apart() {
        for (amount, shown) in [
            (0, "TSh 0"),
            (999, "TSh 999"),
            (2_000, "TSh 2,000"),
            (1_234_567, "TSh 1,234,567"),
        ] {
            assert_eq!(money(text(English), Tzs(amount)), shown);
        }
        assert_eq!([-1_000, -1].map(thousands), ["-1,000", "-1"]);
    }

    #[test]
    fn time_is_told_in_the_unit_that_people_say() {
        for (minutes, swahili, english) in [
            (30, "dakika 30", "30 minutes"),
            (60, "saa 1", "1 hour"),
            (1_440, "saa 24", "24 hours"),
            (43_200, "siku 30", "30 days"),
        ] {
            assert_eq!(duration(text(Swahili), minutes), swahili);
            assert_eq!(duration(text(English), minutes), english);
        }
    }

    #[test]
    fn whoever_waits_as_long_as_told_does_not_come_too_early() {
        for (secs, shown) in [
            (61, "61 seconds"),
            (90, "2 minutes"),
            (301, "6 minutes"),
            (7_200, "3 hours"),
        ] {
            assert_eq!(wait(text(English), secs), shown);
        }
    }

    #[test]
    fn a_phone_is_shown_whole_to_be_checked_and_masked_to_be_recognised() {
        let number = Phone::read("0712345678").unwrap();

        assert_eq!(phone(&number), "0712 345 678");
        assert_eq!(masked(&number), "0712 … 678");
    }
}

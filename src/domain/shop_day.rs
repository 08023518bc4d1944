//! A day of the shop: from midnight to midnight on the shop's own clock, in UTC.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};

/// A day, as the moments at which it begins and at which the next one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShopDay {
    /// Its name.
    pub date: NaiveDate,
    /// The first moment.
    pub begins: DateTime<Utc>,
    /// The first moment that no longer belongs to it.
    pub ends: DateTime<Utc>,
}

impl ShopDay {
    /// The day of that name where `zone` is the time. `None` before year 1 and after year 9999: databases
    /// write other years in ways of their own.
    pub fn of(date: NaiveDate, zone: &impl TimeZone) -> Option<Self> {
        if !(1..=9_999).contains(&date.year()) {
            return None;
        }
        let next = date.checked_add_days(Days::new(1))?;
        Some(Self {
            date,
            begins: first_moment(date, zone)?,
            ends: first_moment(next, zone)?,
        })
    }

    /// The day that `now` belongs to.
    pub fn at(now: DateTime<Utc>, zone: &impl TimeZone) -> Option<Self> {
        Self::of(now.with_timezone(zone).date_naive(), zone)
    }
}

/// Midnight; where the clock is put forward over it, the first moment after.
fn first_moment(date: NaiveDate, zone: &impl TimeZone) -> Option<DateTime<Utc>> {
    let midnight = date.and_time(NaiveTime::MIN);
    // No zone has ever left out more than a day; quarters of an hour find every gap's end.
    (0..=96)
        .filter_map(|quarter| midnight.checked_add_signed(TimeDelta::minutes(15 * quarter)))
        .find_map(|local| zone.from_local_datetime(&local).earliest())
        .map(|first| first.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    fn day(date: &str, zone: Tz) -> (String, String) {
        let day = ShopDay::of(date.parse().unwrap(), &zone).unwrap();
        (day.begins.to_rfc3339(), day.ends.to_rfc3339())
    }

    #[test]
    fn a_day_in_dar_es_salaam_begins_three_hours_before_it_does_in_greenwich() {
        let bounds = day("2026-11-24", chrono_tz::Africa::Dar_es_Salaam);

        assert_eq!(bounds.0, "2026-11-23T21:00:00+00:00");
        assert_eq!(bounds.1, "2026-11-24T21:00:00+00:00");
    }

    #[test]
    fn a_day_whose_midnight_is_left_out_begins_when_the_clock_goes_on() {
        // Egypt puts its clocks forward at midnight, on the last Friday of April.
        let bounds = day("2026-04-24", chrono_tz::Africa::Cairo);

        assert_eq!(bounds.0, "2026-04-23T22:00:00+00:00");
        assert_eq!(bounds.1, "2026-04-24T21:00:00+00:00");
    }

    #[test]
    fn each_moment_belongs_to_the_day_that_holds_it() {
        let zone = chrono_tz::Africa::Dar_es_Salaam;
        let late: DateTime<Utc> = "2026-11-24T20:59:59Z".parse().unwrap();

        let day = ShopDay::at(late, &zone).unwrap();

        assert_eq!(day.date.to_string(), "2026-11-24");
        assert!(day.begins <= late && late < day.ends);
        for year in [-262_142, -1, 0, 10_000, 262_142] {
            let date = NaiveDate::from_ymd_opt(year, 12, 31).unwrap();
            assert_eq!(ShopDay::of(date, &zone), None, "{year}");
        }
        for year in [1, 1900, 9_999] {
            let date = NaiveDate::from_ymd_opt(year, 12, 31).unwrap();
            assert!(ShopDay::of(date, &zone).is_some(), "{year}");
        }
    }
}

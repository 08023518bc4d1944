//! What of the signs a person must look at, in sentences.

use std::fmt::Display;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use super::signs::{Database, Readings};
use crate::domain::access::radius_health::RadiusTrouble;

/// Half a second for what usually takes a few milliseconds: guests begin to notice.
const SLOW_MS: f64 = 500.0;
/// So slow that webhooks run into their deadline of five seconds.
const VERY_SLOW_MS: f64 = 2_000.0;
/// An order's message that waits for longer is stuck behind something.
const STUCK: TimeDelta = TimeDelta::seconds(5);
/// SMS that wait for longer are failing, whatever the reason.
const SMS_LATE: TimeDelta = TimeDelta::seconds(120);
/// A reconciler that runs every few seconds has stopped.
const RECONCILER_LATE: TimeDelta = TimeDelta::seconds(120);
/// A task that failed longer ago runs again, for what is seen here.
const FAILED_LATELY: TimeDelta = TimeDelta::minutes(15);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// An operator should look at it today.
    Watch,
    /// Guests notice it now.
    Wrong,
}

/// What an operator must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How bad it is.
    pub gravity: Gravity,
    /// A sentence.
    pub sentence: String,
}

/// How a moment is written.
type Moment<'a> = &'a dyn Fn(DateTime<Utc>) -> String;

/// The alert that the signs call for, if any.
type Rule = fn(&Readings, DateTime<Utc>, Moment) -> Option<Alert>;

/// Rules about the database and FreeRADIUS.
const FIRST: [Rule; 2] = [database, radius];
/// Rules about what the database has, which is not known while it cannot be read.
const STORED: [Rule; 6] = [
    gateway,
    held_back,
    sms_failing,
    sms_dead,
    refused,
    undecided,
];
/// Rules about this process.
const PROCESS: [Rule; 5] = [mailboxes, seats, reconciler, tasks, deaf];

/// What an operator must look at, the worst first; none means that all is well. Times are written
/// on `clock`.
pub fn alerts(
    signs: &Readings,
    now: DateTime<Utc>,
    clock: &impl TimeZone<Offset: Display>,
) -> Vec<Alert> {
    let stored: &[Rule] = match signs.database {
        Database::Answers => &STORED,
        Database::Away => &[],
    };
    let rules = FIRST.iter().chain(stored).chain(&PROCESS);
    let mut alerts: Vec<Alert> = rules
        .filter_map(|rule| rule(signs, now, &|at| moment(at, now, clock)))
        .collect();
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.gravity));
    alerts
}

fn alert(gravity: Gravity, sentence: impl Into<String>) -> Option<Alert> {
    let sentence = sentence.into();
    Some(Alert { gravity, sentence })
}

fn wrong(sentence: impl Into<String>) -> Option<Alert> {
    alert(Gravity::Wrong, sentence)
}

fn watch(sentence: impl Into<String>) -> Option<Alert> {
    alert(Gravity::Watch, sentence)
}

fn database(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    let p95 = signs.transaction_p95_ms;
    match signs.database {
        Database::Away => {
            wrong("Database not answering: nothing is sold, and ZenoPay is told to come again")
        }
        Database::Answers if p95 >= VERY_SLOW_MS => {
            let secs = p95 / 1_000.0;
            wrong(format!(
                "Database very slow: a sale takes up to {secs:.1} s"
            ))
        }
        Database::Answers if p95 >= SLOW_MS => {
            watch(format!("Database slow: a sale takes up to {p95:.0} ms"))
        }
        Database::Answers => None,
    }
}

/// Whether guests can log in at all.
fn radius(signs: &Readings, _: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let (trouble, since) = signs.radius_trouble?;
    let since = moment(since);
    wrong(match trouble {
        RadiusTrouble::NoAnswer => {
            format!("FreeRADIUS not answering since {since}: no guest can log in")
        }
        RadiusTrouble::Unsealed => format!(
            "FreeRADIUS answers without a valid Message-Authenticator since {since}: routers \
             refuse such answers; run malipo check"
        ),
    })
}

fn gateway(signs: &Readings, _: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let since = moment(signs.gateway_silent_since?);
    wrong(format!("ZenoPay not answering since {since}"))
}

fn held_back(signs: &Readings, _: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let hold = signs.outbox_hold.as_ref()?;
    let (waiting, since) = (hold.told(), moment(hold.since));
    wrong(format!(
        "{waiting} are held back since a backup was restored, {since}: an admin must decide"
    ))
}

fn sms_failing(signs: &Readings, now: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let late = signs.sms_waiting_since.filter(|at| now - *at >= SMS_LATE);
    let failing = signs.sms_failing_since.or(late);
    let since = moment(failing.filter(|_| signs.outbox_hold.is_none())?);
    wrong(format!("SMS failing since {since}"))
}

fn sms_dead(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    if signs.sms_dead == 0 || signs.outbox_hold.is_some() {
        return None;
    }
    let sms = counted(signs.sms_dead, "SMS was given up", "SMS were given up");
    watch(format!("{sms}: see the failed messages"))
}

/// Vouchers that were paid and do not let in.
fn refused(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    if signs.vouchers_refused == 0 {
        return None;
    }
    let vouchers = counted(
        signs.vouchers_refused,
        "sold voucher is refused by FreeRADIUS",
        "sold vouchers are refused by FreeRADIUS",
    );
    let in_a_day = signs.vouchers_refused_in_a_day;
    wrong(format!(
        "{vouchers} ({in_a_day} refused in the last day): see the day's report"
    ))
}

fn undecided(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    if signs.held == 0 {
        return None;
    }
    let orders = counted(signs.held, "order is held", "orders are held");
    watch(format!(
        "{orders}: the money is here and somebody must decide"
    ))
}

fn mailboxes(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    if signs.oldest_message >= STUCK {
        let secs = signs.oldest_message.num_seconds();
        return wrong(format!("An order has been stuck for {secs} s"));
    }
    if signs.mailbox_depth_max < signs.mailbox_capacity || signs.mailbox_capacity == 0 {
        return None;
    }
    watch("An order's mailbox is full: copies are told to come again")
}

fn seats(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    let (waiters, most) = (signs.waiters, signs.waiters_max);
    if waiters < most / 10 * 9 || most == 0 {
        return None;
    }
    watch(format!(
        "Nearly full: {waiters} of {most} seats for waiting guests are taken"
    ))
}

fn reconciler(signs: &Readings, now: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let ran_at = signs.reconciler_ran_at;
    let is_late = ran_at.is_none_or(|at| now - at >= RECONCILER_LATE);
    if !is_late || signs.uptime < RECONCILER_LATE {
        return None;
    }
    let since = ran_at.map_or_else(|| "the start".to_owned(), moment);
    wrong(format!("Lost webhooks are not looked for since {since}"))
}

fn tasks(signs: &Readings, _: DateTime<Utc>, _: Moment) -> Option<Alert> {
    let lately = signs.failed_tasks.iter();
    let lately = lately.filter(|(_, ago)| *ago < FAILED_LATELY);
    let names: Vec<&str> = lately.map(|(name, _)| *name).collect();
    let what = match names.len() {
        0 => return None,
        1 => "A background task failed in the last 15 minutes and was".to_owned(),
        several => format!("{several} background tasks failed in the last 15 minutes and were"),
    };
    watch(format!("{what} started again: {}", names.join(", ")))
}

fn deaf(signs: &Readings, _: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let since = moment(signs.deaf_since?);
    watch(format!(
        "Other servers not heard since {since}: guests see their sales a second late"
    ))
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The time of day, and the day too if it was not today.
fn moment(at: DateTime<Utc>, now: DateTime<Utc>, clock: &impl TimeZone<Offset: Display>) -> String {
    let (at, now) = (at.with_timezone(clock), now.with_timezone(clock));
    let format = if at.date_naive() == now.date_naive() {
        "%H:%M"
    } else {
        "%d %b, %H:%M"
    };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use chrono_tz::Africa::Dar_es_Salaam;

    use super::*;
    use crate::domain::outbox_hold::{OutboxHold, Waiting};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn noon() -> DateTime<Utc> {
        at("2026-11-24T09:00:00Z")
    }

    fn well() -> Readings {
        Readings {
            database: Database::Answers,
            transaction_p95_ms: 3.0,
            gateway_silent_since: None,
            sms_failing_since: None,
            sms_waiting_since: Some(noon() - TimeDelta::seconds(5)),
            sms_dead: 0,
            outbox_hold: None,
            radius_trouble: None,
            vouchers_refused: 0,
            // Mended by now.
            vouchers_refused_in_a_day: 2,
            held: 0,
            mailbox_depth_max: 3,
            mailbox_capacity: 64,
            oldest_message: TimeDelta::milliseconds(200),
            waiters: 500,
            waiters_max: 15_000,
            reconciler_ran_at: Some(noon() - TimeDelta::seconds(2)),
            uptime: TimeDelta::hours(3),
            failed_tasks: vec![("sms_relay", TimeDelta::minutes(16))],
            deaf_since: None,
        }
    }

    fn words(signs: &Readings) -> Vec<String> {
        let alerts = alerts(signs, noon(), &Dar_es_Salaam);
        alerts.into_iter().map(|alert| alert.sentence).collect()
    }

    #[test]
    fn a_machinery_that_is_well_needs_no_words() {
        assert_eq!(words(&well()), Vec::<String>::new());
        let fresh = Readings {
            reconciler_ran_at: None,
            uptime: TimeDelta::seconds(1),
            ..well()
        };
        assert_eq!(words(&fresh), Vec::<String>::new());
    }

    #[test]
    fn each_sign_has_its_sentence() {
        let early = at("2026-11-24T08:02:00Z");
        let yesterday = at("2026-11-23T08:02:00Z");
        let held = OutboxHold {
            since: early,
            sms: Waiting { all: 3, old: 2 },
            disconnects: Waiting { all: 1, old: 1 },
        };
        #[rustfmt::skip]
        let cases = [
            (Readings { database: Database::Away, held: 2, ..well() }, "Database not answering: nothing is sold, and ZenoPay is told to come again"),
            (Readings { transaction_p95_ms: 500.0, ..well() }, "Database slow: a sale takes up to 500 ms"),
            (Readings { transaction_p95_ms: 2_500.0, ..well() }, "Database very slow: a sale takes up to 2.5 s"),
            (Readings { gateway_silent_since: Some(early), ..well() }, "ZenoPay not answering since 11:02"),
            (Readings { gateway_silent_since: Some(yesterday), ..well() }, "ZenoPay not answering since 23 Nov, 11:02"),
            (Readings { sms_failing_since: Some(early), ..well() }, "SMS failing since 11:02"),
            (Readings { sms_waiting_since: Some(early), ..well() }, "SMS failing since 11:02"),
            (Readings { outbox_hold: Some(held), sms_waiting_since: Some(yesterday), ..well() }, "3 SMS and 1 Disconnect-Request are held back since a backup was restored, 11:02: an admin must decide"),
            (Readings { sms_dead: 1, ..well() }, "1 SMS was given up: see the failed messages"),
            (Readings { radius_trouble: Some((RadiusTrouble::NoAnswer, early)), ..well() }, "FreeRADIUS not answering since 11:02: no guest can log in"),
            (Readings { radius_trouble: Some((RadiusTrouble::Unsealed, early)), ..well() }, "FreeRADIUS answers without a valid Message-Authenticator since 11:02: routers refuse such answers; run malipo check"),
            (Readings { vouchers_refused: 1, ..well() }, "1 sold voucher is refused by FreeRADIUS (2 refused in the last day): see the day's report"),
            (Readings { held: 2, ..well() }, "2 orders are held: the money is here and somebody must decide"),
            (Readings { oldest_message: TimeDelta::seconds(7), ..well() }, "An order has been stuck for 7 s"),
            (Readings { mailbox_depth_max: 64, ..well() }, "An order's mailbox is full: copies are told to come again"),
            (Readings { waiters: 13_500, ..well() }, "Nearly full: 13500 of 15000 seats for waiting guests are taken"),
            (Readings { reconciler_ran_at: Some(early), ..well() }, "Lost webhooks are not looked for since 11:02"),
            (Readings { reconciler_ran_at: None, ..well() }, "Lost webhooks are not looked for since the start"),
            (Readings { failed_tasks: vec![("sms_relay", TimeDelta::minutes(14))], ..well() }, "A background task failed in the last 15 minutes and was started again: sms_relay"),
            (Readings { failed_tasks: vec![("overview", TimeDelta::zero()), ("sandbox", TimeDelta::zero())], ..well() }, "2 background tasks failed in the last 15 minutes and were started again: overview, sandbox"),
            (Readings { deaf_since: Some(early), ..well() }, "Other servers not heard since 11:02: guests see their sales a second late"),
        ];
        for (signs, sentence) in cases {
            assert_eq!(words(&signs), [sentence]);
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let signs = Readings {
            held: 1,
            transaction_p95_ms: 600.0,
            sms_failing_since: Some(noon()),
            ..well()
        };

        let alerts = alerts(&signs, noon(), &Dar_es_Salaam);

        let gravity: Vec<_> = alerts.iter().map(|alert| alert.gravity).collect();
        assert_eq!(gravity, [Gravity::Wrong, Gravity::Watch, Gravity::Watch]);
    }
}

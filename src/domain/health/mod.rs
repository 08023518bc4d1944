//! Whether the server is healthy, in sentences that an operator reads before any number.
//!
//! [`Readings`] are what was measured; [`alerts`] says what of it an operator must look at. No alert
//! means that all is well.

use std::cmp::Reverse;
use std::fmt::Display;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};

use super::access::{RadiusTrouble, UnaccountedRouter};

mod finding;
mod front_door;
mod readings;

pub use finding::{CheckRun, CheckStatus, Finding};
pub use front_door::FrontDoor;
pub use readings::{Database, Readings};

/// A sale usually takes a few milliseconds; after half a second guests notice it.
const SLOW_MS: f64 = 500.0;
/// So slow that webhooks run into their deadline of five seconds.
const VERY_SLOW_MS: f64 = 2_000.0;
/// An order's message that waits for longer is stuck behind something.
const STUCK: TimeDelta = TimeDelta::seconds(5);
/// SMS that wait for longer are failing, whatever the reason.
const SMS_LATE: TimeDelta = TimeDelta::seconds(120);
/// The reconciler runs every few seconds; after this long without a run it has stopped.
const RECONCILER_LATE: TimeDelta = TimeDelta::seconds(120);
/// A task whose last failure is older counts as running again.
const FAILED_LATELY: TimeDelta = TimeDelta::minutes(15);

/// A sandbox has written into the database of a live process, which a start would have refused.
pub const SIMULATED: &str = "A sandbox has written vouchers that cost nothing into this database: stop it, and start once \
     with malipo serve --adopt-sandbox, which revokes them";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "lowercase")]
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

/// Writes a time.
type Moment<'a> = &'a dyn Fn(DateTime<Utc>) -> String;

/// What an operator must look at, the worst first; none means that all is well. Times are written
/// on `clock`.
pub fn alerts(
    readings: &Readings,
    now: DateTime<Utc>,
    clock: &impl TimeZone<Offset: Display>,
) -> Vec<Alert> {
    let moment: Moment = &|at| moment(at, now, clock);
    // Nothing is known of the rows while the database cannot be read.
    let of_rows = match readings.database {
        Database::Away => [const { None }; 8],
        Database::Answers => [
            simulated(readings),
            gateway(readings, moment),
            held_back(readings, moment),
            sms_failing(readings, now, moment),
            sms_dead(readings),
            refused(readings),
            unaccounted(readings),
            undecided(readings),
        ],
    };
    let of_process = [
        mailboxes(readings),
        seats(readings),
        reconciler(readings, now, moment),
        tasks(readings),
        deaf(readings, moment),
    ];
    let not_selling = readings.not_selling.as_ref();
    let first = [
        not_selling.and_then(|why| wrong(format!("Nothing is sold: {why}"))),
        database(readings),
        radius(readings, moment),
    ];
    let of_front_door = readings.front_door.sentences(now, moment).map(watch);
    let all = first.into_iter().chain(of_rows).chain(of_process);
    let all = all.chain(of_front_door);
    let mut alerts: Vec<Alert> = all.flatten().collect();
    alerts.sort_by_key(|alert| Reverse(alert.gravity));
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

fn database(readings: &Readings) -> Option<Alert> {
    let p95 = readings.transaction_p95_ms;
    match readings.database {
        Database::Away => {
            wrong("Database not answering: nothing is sold, and webhooks are answered 503")
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
fn radius(readings: &Readings, moment: Moment) -> Option<Alert> {
    let (trouble, since) = readings.radius_trouble?;
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

fn gateway(readings: &Readings, moment: Moment) -> Option<Alert> {
    let since = moment(readings.gateway_silent_since?);
    wrong(format!("ZenoPay not answering since {since}"))
}

/// As in readiness.
fn simulated(readings: &Readings) -> Option<Alert> {
    readings.has_simulated.then_some(())?;
    wrong(SIMULATED)
}

fn held_back(readings: &Readings, moment: Moment) -> Option<Alert> {
    let hold = readings.outbox_hold.as_ref()?;
    let (waiting, since) = (hold.describe(), moment(hold.since));
    wrong(format!(
        "{waiting} are held back since a backup was restored, {since}: an admin must decide"
    ))
}

fn sms_failing(readings: &Readings, now: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let waiting = readings.sms_waiting_since;
    let late = waiting.filter(|at| now - *at >= SMS_LATE);
    let failing = readings.sms_failing_since.or(late);
    let since = moment(failing.filter(|_| readings.outbox_hold.is_none())?);
    wrong(format!("SMS failing since {since}"))
}

fn sms_dead(readings: &Readings) -> Option<Alert> {
    let sms = counted(readings.sms_dead, "SMS was given up", "SMS were given up");
    let sms = sms.filter(|_| readings.outbox_hold.is_none())?;
    watch(format!("{sms}: see the failed messages"))
}

/// Vouchers that were paid and do not let in.
fn refused(readings: &Readings) -> Option<Alert> {
    let vouchers = counted(
        readings.vouchers_refused,
        "sold voucher is refused by FreeRADIUS",
        "sold vouchers are refused by FreeRADIUS",
    )?;
    let in_a_day = readings.vouchers_refused_in_a_day;
    let in_an_hour = readings.vouchers_refused_in_an_hour;
    let reason = readings.last_refusal.as_deref();
    let reason = reason.map_or(String::new(), |reason| {
        format!("; the last reason: {reason}")
    });
    wrong(format!(
        "{vouchers} ({in_an_hour} refused in the last hour, {in_a_day} in the last day{reason}): \
         see the day's report"
    ))
}

/// Routers that do not count what their guests use.
fn unaccounted(readings: &Readings) -> Option<Alert> {
    let routers = &readings.unaccounted_routers;
    let names: Vec<_> = routers.iter().map(UnaccountedRouter::label).collect();
    (!names.is_empty()).then_some(())?;
    wrong(format!(
        "No accounting from {}, which lets guests in: used data and devices are not counted; \
         switch RADIUS accounting on there",
        names.join(", ")
    ))
}

fn undecided(readings: &Readings) -> Option<Alert> {
    let orders = counted(readings.held, "order is held", "orders are held")?;
    watch(format!("{orders}: they are paid, and an admin must decide"))
}

fn mailboxes(readings: &Readings) -> Option<Alert> {
    if readings.oldest_message >= STUCK {
        let secs = readings.oldest_message.num_seconds();
        return wrong(format!("An order has been stuck for {secs} s"));
    }
    if readings.mailbox_depth_max < readings.mailbox_capacity || readings.mailbox_capacity == 0 {
        return None;
    }
    watch("An order's mailbox is full: further webhooks are answered 503")
}

fn seats(readings: &Readings) -> Option<Alert> {
    let (waiters, most) = (readings.waiters, readings.waiters_max);
    if waiters < most / 10 * 9 || most == 0 {
        return None;
    }
    watch(format!(
        "Nearly full: {waiters} of {most} seats for waiting guests are taken"
    ))
}

fn reconciler(readings: &Readings, now: DateTime<Utc>, moment: Moment) -> Option<Alert> {
    let ran_at = readings.reconciler_ran_at;
    let is_late = ran_at.is_none_or(|at| now - at >= RECONCILER_LATE);
    if !is_late || readings.uptime < RECONCILER_LATE {
        return None;
    }
    let since = ran_at.map_or_else(|| "the start".to_owned(), moment);
    wrong(format!("Lost webhooks are not looked for since {since}"))
}

fn tasks(readings: &Readings) -> Option<Alert> {
    let lately = readings.failed_tasks.iter();
    let lately = lately.filter(|(_, ago)| *ago < FAILED_LATELY);
    let names: Vec<&str> = lately.map(|(name, _)| *name).collect();
    let what = match names.len() {
        0 => return None,
        1 => "A background task failed in the last 15 minutes and was".to_owned(),
        several => format!("{several} background tasks failed in the last 15 minutes and were"),
    };
    watch(format!("{what} started again: {}", names.join(", ")))
}

fn deaf(readings: &Readings, moment: Moment) -> Option<Alert> {
    let since = moment(readings.not_listening_since?);
    watch(format!(
        "Other servers not heard since {since}: guests see their sales a second late"
    ))
}

/// `None` for zero.
fn counted(number: u64, one: &str, many: &str) -> Option<String> {
    let noun = if number == 1 { one } else { many };
    (number > 0).then(|| format!("{number} {noun}"))
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
mod tests;

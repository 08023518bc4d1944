//! What was measured of the server and its surroundings.

use chrono::{DateTime, TimeDelta, Utc};

use super::front_door::FrontDoor;
use crate::domain::access::{RadiusTrouble, UnaccountedRouter};
use crate::domain::outbox_hold::OutboxHold;

/// Whether the database can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// It can.
    Answers,
    /// It cannot, and nothing of what it has is known.
    Away,
}

/// What was measured of the server and its surroundings.
#[derive(Clone, Debug)]
pub struct Readings {
    /// Whether the database can be read.
    pub database: Database,
    /// Why nothing is sold although it can be read, as the end of a sentence.
    pub not_selling: Option<String>,
    /// A sandbox has written into this live database.
    pub has_simulated: bool,
    /// 95 of 100 transactions were faster, in milliseconds; 0 while there was none.
    pub transaction_p95_ms: f64,
    /// ZenoPay has answered none of our last calls, and this was the first of those.
    pub gateway_silent_since: Option<DateTime<Utc>>,
    /// The oldest SMS that has failed at least once and is still tried.
    pub sms_failing_since: Option<DateTime<Utc>>,
    /// The oldest SMS that is not sent.
    pub sms_waiting_since: Option<DateTime<Utc>>,
    /// SMS that were given up.
    pub sms_dead: u64,
    /// What a restored database holds back.
    pub outbox_hold: Option<OutboxHold>,
    /// What is wrong with FreeRADIUS, and since when.
    pub radius_trouble: Option<(RadiusTrouble, DateTime<Utc>)>,
    /// Vouchers of the last day that FreeRADIUS still refuses.
    pub vouchers_refused: u64,
    /// All that it has refused in the last hour.
    pub vouchers_refused_in_an_hour: u64,
    /// All that it has refused in the last day.
    pub vouchers_refused_in_a_day: u64,
    /// The reason of the last of them.
    pub last_refusal: Option<String>,
    /// Routers that let codes in and report no session.
    pub unaccounted_routers: Vec<UnaccountedRouter>,
    /// Orders that wait for an operator.
    pub held: u64,
    /// Messages of the order that has the most.
    pub mailbox_depth_max: u64,
    /// How many an order may have.
    pub mailbox_capacity: u64,
    /// How long the oldest message waits.
    pub oldest_message: TimeDelta,
    /// Parked polls.
    pub waiters: u64,
    /// How many there may be.
    pub waiters_max: u64,
    /// When the reconciler last ran, if it has.
    pub reconciler_ran_at: Option<DateTime<Utc>>,
    /// How long the process runs.
    pub uptime: TimeDelta,
    /// Long-running tasks that have failed, by name, and how long ago each failed last.
    pub failed_tasks: Vec<(&'static str, TimeDelta)>,
    /// Since when notices of other processes cannot be received.
    pub not_listening_since: Option<DateTime<Utc>>,
    /// Mistakes in what stands in front of the server.
    pub front_door: FrontDoor,
}

//! How long a message of an outbox may wait: an SMS, or a Disconnect-Request, whose times are shorter.

use chrono::TimeDelta;

/// How long a claim on a message lasts: twice the longest time-out of an SMS provider.
pub const LEASE: TimeDelta = TimeDelta::seconds(120);
/// The longest pause between two attempts.
pub const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

//! The database's clock, as far as this process knows it. Processes whose own clocks differ
//! share leases, due times and deadlines, so all stored times are by this clock.

#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// A smaller difference is due to the round trip to the database.
const TOLERANCE: TimeDelta = TimeDelta::seconds(1);

/// The database's time without a query. Clones share the offset.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds by which the database is ahead of this process.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The database's time, to the millisecond, which both databases keep.
    pub fn now(&self) -> DateTime<Utc> {
        self.at(Utc::now()).trunc_subsecs(3)
    }

    /// Sets the offset from the database's time at this moment.
    pub(in crate::store) fn learn(&self, theirs: DateTime<Utc>) {
        let ours = Utc::now();
        if (theirs - self.at(ours)).abs() > TOLERANCE {
            let ahead = (theirs - ours).num_milliseconds();
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }

    fn at(&self, ours: DateTime<Utc>) -> DateTime<Utc> {
        ours + TimeDelta::milliseconds(self.ahead.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_follows_the_database_and_ignores_small_differences() {
        let clock = Clock::default();
        for minutes in [7, -7, 0] {
            let theirs = Utc::now() + TimeDelta::minutes(minutes);

            clock.learn(theirs);
            clock.learn(theirs + TimeDelta::milliseconds(300));

            let apart = (clock.now() - theirs).num_milliseconds();
            assert!(
                (-1_000..30_000).contains(&apart),
                "{apart} ms after {minutes} min"
            );
        }
    }
}

//! The database's clock, as far as this process knows it. Processes whose own clocks differ
//! share leases, due times and deadlines, so all stored times are by this clock.
//!
//! Between two readings the monotonic clock goes on, so a jump of this machine's clock changes nothing
//! before it is read. In live mode a reading is believed only if it agrees with the gateway's clock, as far
//! as that is known: a sale by a wrong clock would end too early or too late.

#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::store::StoreError;
use crate::store::error::Result;

/// A smaller difference is due to the round trip to the database.
const TOLERANCE: TimeDelta = TimeDelta::seconds(1);
/// A clock that is put back by less, or a database that answers so late, leaves nothing in the future that
/// is worth a search.
const BACK: TimeDelta = TimeDelta::minutes(1);
/// Clocks that are further apart are not those of one time. A call of the gateway, whose answer has its
/// time, takes ten seconds at most.
const APART: TimeDelta = TimeDelta::minutes(2);

/// The database's time without a query. Clones share what they know.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The same moment on both clocks of this machine.
    began: (Instant, DateTime<Utc>),
    known: Mutex<Known>,
}

/// What is known of other clocks: how far they are ahead of this machine's, as it was when the process
/// began and has run since.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The time that is stored.
    ours: TimeDelta,
    /// The database's as it was last read.
    read: TimeDelta,
    gateway: Gateway,
    /// The time that is stored was put back, so rows may lie in the future.
    went_back: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Gateway {
    /// Every reading of the database is believed.
    #[default]
    Ignored,
    /// It has not told its time yet: only small steps are believed.
    Unknown,
    Ahead(TimeDelta),
}

/// Why the time of the database is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockDoubt {
    /// By how much it is ahead of the gateway's clock.
    #[error("the clock is {} ZenoPay's; set it by NTP", ahead(*.0))]
    Apart(TimeDelta),
    /// By how much it has jumped ahead, while the gateway cannot be asked.
    #[error("the clock jumped, and is now {} itself; ZenoPay's is asked", ahead(*.0))]
    Jumped(TimeDelta),
}

/// As in "14 days behind".
fn ahead(span: TimeDelta) -> String {
    let long = span.abs();
    let (number, unit) = match long.num_minutes() {
        0..120 => ((long + TimeDelta::seconds(30)).num_minutes(), "minutes"),
        120..2_880 => ((long + TimeDelta::minutes(30)).num_hours(), "hours"),
        _ => ((long + TimeDelta::hours(12)).num_days(), "days"),
    };
    let side = if span > TimeDelta::zero() {
        "ahead of"
    } else {
        "behind"
    };
    format!("{number} {unit} {side}")
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Shared {
            began: (Instant::now(), Utc::now()),
            known: Mutex::default(),
        }))
    }
}

impl Clock {
    /// The database's time, to the millisecond, which both databases keep.
    pub fn now(&self) -> DateTime<Utc> {
        (self.machine() + self.known().ours).trunc_subsecs(3)
    }

    /// From now on the database's clock is compared with the gateway's.
    pub fn heed_gateway(&self) {
        let mut known = self.known();
        if let Gateway::Ignored = known.gateway {
            known.gateway = Gateway::Unknown;
        }
    }

    /// Learns that the gateway has answered just now, and its time if the answer has one.
    pub fn gateway_answered(&self, at: Option<DateTime<Utc>>) {
        let machine = self.machine();
        let mut known = self.known();
        match (known.gateway, at) {
            (Gateway::Ignored, _) | (Gateway::Ahead(_), None) => {}
            (Gateway::Unknown | Gateway::Ahead(_), Some(at)) => {
                known.gateway = Gateway::Ahead(at - machine);
            }
            // It will not tell, so there is nothing to compare with.
            (Gateway::Unknown, None) => known.believe(),
        }
        known.settle();
    }

    /// Why nothing may be sold by this clock now.
    pub fn doubt(&self) -> Option<ClockDoubt> {
        self.known().doubt()
    }

    /// Fails while nothing may be sold by this clock.
    ///
    /// # Errors
    /// [`StoreError::WrongClock`].
    pub fn trusted(&self) -> Result<()> {
        self.doubt().map_or(Ok(()), |doubt| {
            Err(StoreError::WrongClock(doubt.to_string()))
        })
    }

    /// Whether the time that is stored was put back since the last call.
    pub fn went_back(&self) -> bool {
        std::mem::take(&mut self.known().went_back)
    }

    /// Learns the database's time at this moment.
    pub(in crate::store) fn learn(&self, theirs: DateTime<Utc>) {
        let read = theirs - self.machine();
        let mut known = self.known();
        known.read = read;
        known.settle();
    }

    /// This machine's time as it was when the process began, and what has passed since.
    fn machine(&self) -> DateTime<Utc> {
        let (began, at) = self.0.began;
        at + began.elapsed()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn doubt(&self) -> Option<ClockDoubt> {
        match self.gateway {
            Gateway::Ignored => None,
            Gateway::Unknown => {
                let jumped = self.read - self.ours;
                (jumped.abs() > APART).then_some(ClockDoubt::Jumped(jumped))
            }
            Gateway::Ahead(gateway) => {
                let apart = self.read - gateway;
                (apart.abs() > APART).then_some(ClockDoubt::Apart(apart))
            }
        }
    }

    /// Takes what was read as the time that is stored, unless it is in doubt.
    fn settle(&mut self) {
        if self.doubt().is_none() && (self.read - self.ours).abs() > TOLERANCE {
            self.believe();
        }
    }

    fn believe(&mut self) {
        self.went_back |= self.ours - self.read > BACK;
        self.ours = self.read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: TimeDelta = TimeDelta::days(1);

    /// Whether the clock shows this time, give or take what a busy machine needs.
    fn shows(clock: &Clock, time: DateTime<Utc>) -> bool {
        (-1_000..30_000).contains(&(clock.now() - time).num_milliseconds())
    }

    #[test]
    fn the_clock_follows_the_database_and_ignores_small_differences() {
        let clock = Clock::default();
        for minutes in [7, -7, 0] {
            let theirs = Utc::now() + TimeDelta::minutes(minutes);

            clock.learn(theirs);
            clock.learn(theirs + TimeDelta::milliseconds(300));

            assert!(shows(&clock, theirs), "{minutes} min");
            assert_eq!(clock.went_back(), minutes == -7);
        }
    }

    #[test]
    fn a_jump_that_the_gateway_does_not_share_is_not_stored_and_stops_the_sale() {
        let clock = Clock::default();
        clock.heed_gateway();
        clock.gateway_answered(Some(Utc::now()));
        for jump in [DAY * -14, DAY, TimeDelta::minutes(3)] {
            clock.learn(Utc::now() + jump);

            assert!(matches!(clock.doubt(), Some(ClockDoubt::Apart(_))));
            assert!(clock.trusted().is_err());
            assert!(shows(&clock, Utc::now()));

            clock.learn(Utc::now());

            assert_eq!(clock.doubt(), None);
        }
    }

    #[test]
    fn a_clock_that_was_wrong_from_the_start_is_believed_once_it_is_set() {
        let clock = Clock::default();
        clock.learn(Utc::now() - DAY * 14 + TimeDelta::seconds(2));
        clock.heed_gateway();
        clock.gateway_answered(Some(Utc::now()));

        let doubt = clock.doubt().unwrap().to_string();
        assert!(doubt.contains("14 days behind ZenoPay's"), "{doubt}");

        clock.learn(Utc::now());

        assert_eq!(clock.doubt(), None);
        assert!(shows(&clock, Utc::now()));
    }

    #[test]
    fn without_the_gateways_time_a_jump_waits_for_its_answer() {
        let clock = Clock::default();
        clock.heed_gateway();
        clock.learn(Utc::now() + DAY);

        assert!(matches!(clock.doubt(), Some(ClockDoubt::Jumped(_))));
        assert!(shows(&clock, Utc::now()));

        clock.gateway_answered(None);

        assert_eq!(clock.doubt(), None);
        assert!(shows(&clock, Utc::now() + DAY));
    }

    #[test]
    fn the_sandbox_has_no_clock_to_compare_with() {
        let clock = Clock::default();
        clock.gateway_answered(Some(Utc::now() - DAY));
        clock.learn(Utc::now() + DAY);

        assert_eq!(clock.doubt(), None);
        assert!(shows(&clock, Utc::now() + DAY));
    }
}

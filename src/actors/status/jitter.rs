//! How long a guest is kept waiting. Guests who came together, as after a restart, would all be
//! answered in one moment when their time is up, come back together, and so on, minute after
//! minute, and a sale in that moment would wait for thousands of answers. So a long wait may end
//! a little earlier than it could, each by another time.

use std::time::Duration;

/// Shorter waits are kept to the moment.
const LONG: Duration = Duration::from_secs(20);
/// By this part of the wait at most it ends earlier.
const EARLIER: f64 = 0.1;

/// How long a guest who would wait for `wait` is kept waiting; `dice` is between 0 and 1.
pub(in crate::actors) fn spread(wait: Duration, dice: f64) -> Duration {
    if wait < LONG {
        wait
    } else {
        wait.mul_f64(1.0 - EARLIER * dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_that_begin_together_do_not_end_together() {
        let ends = |secs, dice| spread(Duration::from_secs(secs), dice).as_secs_f64();

        assert_eq!((ends(55, 0.0), ends(55, 1.0)), (55.0, 49.5));
        assert_eq!((ends(20, 0.5), ends(19, 0.5)), (19.0, 19.0));
        assert_eq!((ends(5, 1.0), ends(0, 1.0)), (5.0, 0.0));
    }
}

//! How many lines of the log a stranger may cause: so many in a minute, and then the number of those that
//! were left out.
//!
//! Pure: the caller passes the time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The lines of one minute.
pub struct LogShare {
    most: u32,
    minute: Mutex<Minute>,
}

#[derive(Default)]
struct Minute {
    began: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LogShare {
    /// `most` events are logged in a minute.
    pub fn per_minute(most: u32) -> Self {
        let minute = Mutex::default();
        Self { most, minute }
    }

    /// Takes the place of one event: how many were left out before it since the last one that was logged.
    /// `None` if this one is left out too.
    pub fn take(&self, now: Instant) -> Option<u64> {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |began| now.saturating_duration_since(began) >= MINUTE;
        if minute.began.is_none_or(is_over) {
            minute.began = Some(now);
            minute.lines = 0;
        }
        if minute.lines >= self.most {
            minute.left_out += 1;
            return None;
        }
        minute.lines += 1;
        Some(std::mem::take(&mut minute.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_so_many_lines_and_the_next_one_says_how_many_were_left_out() {
        let (share, now) = (LogShare::per_minute(2), Instant::now());
        let at = |secs| now + Duration::from_secs(secs);

        assert_eq!([share.take(now), share.take(at(1))], [Some(0), Some(0)]);
        assert!((2..60).all(|secs| share.take(at(secs)).is_none()));
        assert_eq!(
            [share.take(at(60)), share.take(at(61))],
            [Some(58), Some(0)]
        );
        assert_eq!(share.take(at(62)), None);
        assert_eq!(share.take(at(500)), Some(1));
    }
}

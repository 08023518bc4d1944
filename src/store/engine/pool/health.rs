//! Whether a pool may have lost places, judged by whether its callers get connections.

use std::time::{Duration, Instant};

/// What is known of a pool's places from its callers.
pub(super) struct Health {
    /// When it was last found that no place is lost.
    whole_at: Instant,
    /// The first time-out since a caller last got a connection.
    none_since: Option<Instant>,
    /// How long a caller may hold a connection.
    held_for: Duration,
}

impl Health {
    pub fn new(held_for: Duration, now: Instant) -> Self {
        Self {
            whole_at: now,
            none_since: None,
            held_for,
        }
    }

    pub fn found_whole(&mut self, now: Instant) {
        *self = Self::new(self.held_for, now);
    }

    /// A caller got a connection. Returns whether other places may be lost nevertheless: a task has
    /// given up (`gave_up_at`) since the pool was last found whole.
    pub fn got_connection(&mut self, gave_up_at: Option<Instant>) -> bool {
        self.none_since = None;
        gave_up_at.is_some_and(|at| at > self.whole_at)
    }

    /// A caller got no connection in time. Returns whether all places may be lost.
    pub fn got_none(&mut self, now: Instant) -> bool {
        let since = *self.none_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.held_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD_FOR: Duration = Duration::from_secs(10);

    /// Moments a second apart.
    fn moments() -> impl Fn(u64) -> Instant {
        let began = Instant::now();
        move |secs| began + Duration::from_secs(secs)
    }

    #[test]
    fn a_pool_without_a_connection_for_long_is_suspect() {
        let at = moments();
        let mut health = Health::new(HELD_FOR, at(0));

        assert!(!health.got_none(at(5)));
        assert!(!health.got_none(at(14)));
        assert!(health.got_none(at(15)));
    }

    #[test]
    fn a_pool_that_had_a_connection_for_a_caller_is_only_busy() {
        let at = moments();
        let mut health = Health::new(HELD_FOR, at(0));
        health.got_none(at(5));

        assert!(!health.got_connection(None));

        assert!(!health.got_none(at(16)));
        assert!(!health.got_none(at(25)));
        assert!(health.got_none(at(26)));
    }

    #[test]
    fn a_pool_may_have_lost_places_only_if_a_task_gave_up_since_it_was_whole() {
        let at = moments();
        let mut health = Health::new(HELD_FOR, at(3));

        assert!(!health.got_connection(Some(at(2))));
        assert!(health.got_connection(Some(at(4))));

        health.found_whole(at(5));
        assert!(!health.got_connection(Some(at(4))));
    }
}

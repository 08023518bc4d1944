//! What is known of a pool's places from its callers: which had a connection, and which had none.

use std::time::{Duration, Instant};

/// What is known of a pool's places.
pub(super) struct PoolHealth {
    /// Nothing that happened before says anything of it.
    whole_at: Instant,
    /// Since when no caller has had a connection.
    in_vain_since: Option<Instant>,
    /// Longer than a caller may hold a connection.
    patience: Duration,
}

impl PoolHealth {
    pub fn of_new(patience: Duration, now: Instant) -> Self {
        Self {
            whole_at: now,
            in_vain_since: None,
            patience,
        }
    }

    /// All places were seen to be there.
    pub fn found_whole(&mut self, now: Instant) {
        *self = Self::of_new(self.patience, now);
    }

    /// A caller had a connection; whether places may be lost all the same.
    pub fn had_one(&mut self, gave_up_at: Option<Instant>) -> bool {
        self.in_vain_since = None;
        gave_up_at.is_some_and(|at| at > self.whole_at)
    }

    /// A caller had none; whether all places are lost.
    pub fn had_none(&mut self, now: Instant) -> bool {
        let since = *self.in_vain_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Moments a second apart.
    fn moments() -> impl Fn(u64) -> Instant {
        let began = Instant::now();
        move |secs| began + Duration::from_secs(secs)
    }

    #[test]
    fn a_pool_of_which_nobody_had_a_connection_for_long_is_replaced() {
        let at = moments();
        let mut health = PoolHealth::of_new(PATIENCE, at(0));

        assert!(!health.had_none(at(5)));
        assert!(!health.had_none(at(14)));
        assert!(health.had_none(at(15)));
    }

    #[test]
    fn a_pool_of_which_somebody_had_a_connection_is_only_busy() {
        let at = moments();
        let mut health = PoolHealth::of_new(PATIENCE, at(0));
        health.had_none(at(5));

        assert!(!health.had_one(None));

        assert!(!health.had_none(at(16)));
        assert!(!health.had_none(at(25)));
        assert!(health.had_none(at(26)));
    }

    #[test]
    fn a_pool_has_lost_places_only_if_somebody_gave_up_since_it_was_whole() {
        let at = moments();
        let mut health = PoolHealth::of_new(PATIENCE, at(3));

        assert!(!health.had_one(Some(at(2))));
        assert!(health.had_one(Some(at(4))));

        health.found_whole(at(5));
        assert!(!health.had_one(Some(at(4))));
    }
}

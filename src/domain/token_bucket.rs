//! So many a second and no more, with a burst of one second's worth after a rest.
//!
//! Pure: whoever uses it hands in the time.

use std::time::{Duration, Instant};

/// Tokens that come back at a steady pace.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    per_sec: f64,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full one. `per_sec` is at least 1, which the configuration checks.
    pub fn new(per_sec: u32, now: Instant) -> Self {
        let per_sec = f64::from(per_sec.max(1));
        Self {
            per_sec,
            tokens: per_sec,
            filled_at: now,
        }
    }

    /// Takes at most `most` whole tokens, as many as there are at `now`.
    pub fn take_up_to(&mut self, most: usize, now: Instant) -> usize {
        self.fill(now);
        let taken = (self.tokens.floor() as usize).min(most);
        self.tokens -= taken as f64;
        taken
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&mut self, unused: usize) {
        self.tokens = (self.tokens + unused as f64).min(self.per_sec);
    }

    /// How long until there is a whole token.
    pub fn next_in(&mut self, now: Instant) -> Duration {
        self.fill(now);
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.per_sec)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_sec).min(self.per_sec);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_first_burst_no_more_come_than_the_pace_allows() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(5, begin);

        let mut taken = 0;
        for tenth in 0..600 {
            taken += bucket.take_up_to(100, begin + Duration::from_millis(tenth * 100));
        }

        // A burst of 5 and then 5 a second for a minute.
        assert!((298..=305).contains(&taken), "{taken} in a minute");
    }

    #[test]
    fn a_long_rest_saves_up_no_more_than_a_second() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(5, begin);

        assert_eq!(
            bucket.take_up_to(100, begin + Duration::from_secs(3_600)),
            5
        );
        assert_eq!(
            bucket.take_up_to(100, begin + Duration::from_secs(3_600)),
            0
        );
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_a_wait_is_told() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(4, now);

        assert_eq!(bucket.take_up_to(4, now), 4);
        assert_eq!(bucket.next_in(now), Duration::from_millis(250));
        bucket.give_back(1);

        assert_eq!(bucket.next_in(now), Duration::ZERO);
        assert_eq!(bucket.take_up_to(4, now), 1);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let now = Instant::now() + Duration::from_secs(10);
        let mut bucket = TokenBucket::new(2, now);
        bucket.take_up_to(2, now);

        assert_eq!(bucket.take_up_to(2, now - Duration::from_secs(9)), 0);
        assert_eq!(bucket.take_up_to(2, now), 0);
    }
}

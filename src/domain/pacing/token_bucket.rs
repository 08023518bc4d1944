//! A token bucket: a steady rate, and after a pause a burst of one second's tokens, but at least one
//! token.
//!
//! Pure: the caller passes the time.

use std::time::{Duration, Instant};

/// Tokens that are refilled at a steady pace.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    per_sec: f64,
    /// At least one, because otherwise a slow bucket would never have any.
    most: f64,
    /// Below zero after [`spend`](Self::spend).
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full bucket. `per_sec` may be a fraction and is above 0.
    pub fn new(per_sec: f64, now: Instant) -> Self {
        let most = per_sec.max(1.0);
        Self {
            per_sec,
            most,
            tokens: most,
            filled_at: now,
        }
    }

    /// Takes at most `most` whole tokens, as many as there are at `now`.
    pub fn take_up_to(&mut self, most: usize, now: Instant) -> usize {
        self.fill(now);
        let taken = (self.tokens.max(0.0).floor() as usize).min(most);
        self.tokens -= taken as f64;
        taken
    }

    /// Takes one token, also if there is none (a debt). The debt is at most one full bucket, so
    /// that other callers wait for at most two refills.
    pub fn spend(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = (self.tokens - 1.0).max(-self.most);
    }

    /// Whether there is a debt at `now`.
    pub fn is_in_debt(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens < 0.0
    }

    /// Gives back unused tokens.
    pub fn give_back(&mut self, unused: usize) {
        self.tokens = (self.tokens + unused as f64).min(self.most);
    }

    /// How long until there is a whole token.
    pub fn next_in(&mut self, now: Instant) -> Duration {
        self.fill(now);
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.per_sec)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_sec).min(self.most);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_first_burst_no_more_come_than_the_pace_allows() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(5.0, begin);

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
        let mut bucket = TokenBucket::new(5.0, begin);

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
    fn returned_tokens_can_be_taken_again_and_the_wait_is_known() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(4.0, now);

        assert_eq!(bucket.take_up_to(4, now), 4);
        assert_eq!(bucket.next_in(now), Duration::from_millis(250));
        bucket.give_back(1);

        assert_eq!(bucket.next_in(now), Duration::ZERO);
        assert_eq!(bucket.take_up_to(4, now), 1);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let now = Instant::now() + Duration::from_secs(10);
        let mut bucket = TokenBucket::new(2.0, now);
        bucket.take_up_to(2, now);

        assert_eq!(bucket.take_up_to(2, now - Duration::from_secs(9)), 0);
        assert_eq!(bucket.take_up_to(2, now), 0);
    }

    #[test]
    fn a_bucket_of_a_quarter_a_second_gives_one_in_four_seconds() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(0.25, begin);

        let taken: Vec<usize> = (0..=8)
            .map(|second| bucket.take_up_to(100, begin + Duration::from_secs(second)))
            .collect();

        assert_eq!(taken, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn a_debt_delays_later_tokens_and_is_at_most_one_full_bucket() {
        let begin = Instant::now();
        let mut bucket = TokenBucket::new(2.0, begin);

        for _ in 0..100 {
            bucket.spend(begin);
        }

        assert!(bucket.is_in_debt(begin));
        assert_eq!(bucket.next_in(begin), Duration::from_millis(1_500));
        let later = begin + Duration::from_secs(1);
        assert!(!bucket.is_in_debt(later));
        assert_eq!(bucket.take_up_to(100, later), 0);
        assert_eq!(bucket.take_up_to(100, later + Duration::from_secs(1)), 2);
    }
}

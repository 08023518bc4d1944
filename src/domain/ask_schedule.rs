//! When ZenoPay is asked again about an order.
//!
//! A webhook may never come, so every open order has a due time. Young orders are asked
//! about often, because somebody stands at the counter; old ones rarely, because only late
//! money is left to find.

use chrono::{DateTime, TimeDelta, Utc};

/// The first ask: most guests have typed their PIN by then and the webhook was lost.
const FIRST: TimeDelta = TimeDelta::seconds(15);
/// Asks never come closer together than this.
const SHORTEST: TimeDelta = TimeDelta::seconds(5);
/// Asks never lie further apart than this.
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// ZenoPay forgets orders after about this long (seen in the field, not documented).
const GIVE_UP: TimeDelta = TimeDelta::days(30);
/// How soon to ask after a hint that could not be confirmed.
const SOON: TimeDelta = TimeDelta::seconds(2);

/// The first ask of an order that was created at `created_at`.
pub fn first_ask(created_at: DateTime<Utc>) -> DateTime<Utc> {
    created_at + FIRST
}

/// The ask after one at `now`: the gap grows with the order's age. `None` when ZenoPay no
/// longer knows such old orders.
pub fn next_ask(created_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let age = now - created_at;
    (age < GIVE_UP).then(|| now + (age / 4).clamp(SHORTEST, LONGEST))
}

/// The ask after a hint at `now`, when there is reason to believe that something happened.
pub fn ask_soon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + SOON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_start_within_seconds_grow_rarer_and_end_after_thirty_days() {
        let created = DateTime::UNIX_EPOCH;
        let mut at = first_ask(created);
        let mut gap = TimeDelta::zero();
        let mut asks = 1;

        while let Some(next) = next_ask(created, at) {
            assert!(next - at >= gap && next - at <= LONGEST);
            (gap, at) = (next - at, next);
            asks += 1;
        }

        assert!(at - created >= GIVE_UP);
        assert!((100..250).contains(&asks), "{asks} asks an order");
    }
}

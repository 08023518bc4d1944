//! When an order's status is checked next.
//!
//! A webhook may never come, so every open order has a due time. Young orders are checked often,
//! because a guest waits; old ones rarely, because only late money can still come. Orders that were
//! made or checked at the same moment are spread: each gap is up to a fifth longer or shorter, by the
//! order's own random id.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::order::OrderId;

/// The first check: by then most guests have typed their PIN.
const FIRST: TimeDelta = TimeDelta::seconds(15);
/// The shortest gap, apart from the spread.
const SHORTEST: TimeDelta = TimeDelta::seconds(5);
/// The longest gap, apart from the spread.
const LONGEST: TimeDelta = TimeDelta::hours(6);
/// ZenoPay forgets orders after about this long (seen in the field, not documented).
const GIVE_UP: TimeDelta = TimeDelta::days(30);
/// The pause between a sale and its check, which leaves the budget to waiting guests.
const CONFIRM_AFTER: TimeDelta = TimeDelta::seconds(60);
/// A sale that ZenoPay has not confirmed after this long becomes an alert for operators.
const CONFIRM_WITHIN: TimeDelta = TimeDelta::days(3);
/// How soon to check after an unclear push, an unconfirmed webhook, or a check that could not be made.
const SOON: TimeDelta = TimeDelta::seconds(2);

/// The first check of an order that was created at `created_at`.
pub fn first_check(order_id: OrderId, created_at: DateTime<Utc>) -> DateTime<Utc> {
    created_at + spread(FIRST, order_id, created_at)
}

/// The check after one at `now`: the gap grows with the order's age. `None` when ZenoPay no
/// longer knows such old orders.
pub fn next_check(
    order_id: OrderId,
    created_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let age = now - created_at;
    // By a clock that was ahead, the order may be dated in the future.
    let gap = (age.abs() / 4).clamp(SHORTEST, LONGEST);
    (age < GIVE_UP).then(|| now + spread(gap, order_id, now))
}

/// The check after an event at `now` that makes a change likely.
pub fn check_soon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + SOON
}

/// The first check of a sale made at `sold_at`.
pub fn first_confirmation(sold_at: DateTime<Utc>) -> DateTime<Utc> {
    sold_at + CONFIRM_AFTER
}

/// The next check of a sale after one at `now` without a result: each gap doubles the age. `None`
/// when the sale has stayed unconfirmed for days.
pub fn next_confirmation(sold_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let age = now - sold_at;
    (age < CONFIRM_WITHIN).then(|| now + age.clamp(CONFIRM_AFTER, LONGEST))
}

/// No check is scheduled for later than after this time.
pub fn latest() -> TimeDelta {
    latest_of(LONGEST)
}

/// The first check of an order comes within this time.
pub fn latest_first() -> TimeDelta {
    latest_of(FIRST)
}

/// The longest that `spread` makes of a gap.
fn latest_of(gap: TimeDelta) -> TimeDelta {
    gap * 6 / 5
}

/// The gap times 0.8 to 1.2, derived from the order id and the moment. The moment
/// is included so that the same order is not always early.
fn spread(gap: TimeDelta, order_id: OrderId, at: DateTime<Utc>) -> TimeDelta {
    let id = order_id.0.as_u128();
    let moment = at.timestamp_millis().unsigned_abs();
    let mixed = mix((id as u64) ^ ((id >> 64) as u64) ^ moment.rotate_left(32));
    let permille = i64::try_from(mixed % 401).expect("below 401") + 800;
    TimeDelta::milliseconds(gap.num_milliseconds() * permille / 1_000)
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every bit out depends on
/// every bit in.
fn mix(seed: u64) -> u64 {
    let once = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn order(number: u128) -> OrderId {
        OrderId(Uuid::from_u128(
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
        ))
    }

    #[test]
    fn an_order_dated_in_the_future_is_asked_about_as_rarely_as_one_of_that_age() {
        let now = DateTime::UNIX_EPOCH;

        let next = next_check(order(1), now + TimeDelta::days(1), now).unwrap();

        assert!(next - now > TimeDelta::hours(4), "{next}");
    }

    #[test]
    fn checks_start_within_seconds_grow_rarer_and_end_after_thirty_days() {
        for number in 1..20 {
            let (order_id, created) = (order(number), DateTime::UNIX_EPOCH);
            let mut at = first_check(order_id, created);
            let mut asks = 1;
            assert!(at - created <= latest_first());

            while let Some(next) = next_check(order_id, created, at) {
                let plain = ((at - created) / 4).clamp(SHORTEST, LONGEST);
                let gap = next - at;
                // To the millisecond, which is where the spread is rounded.
                let permille = gap.num_milliseconds() * 1_000 / plain.num_milliseconds();
                assert!((799..=1_200).contains(&permille), "{gap} for {plain}");
                assert!(gap <= latest(), "{gap}");
                at = next;
                asks += 1;
            }

            assert!(at - created >= GIVE_UP);
            assert!((100..250).contains(&asks), "{asks} asks an order");
        }
    }

    #[test]
    fn orders_of_one_moment_are_spread() {
        let made = DateTime::UNIX_EPOCH;
        let mut first: Vec<_> = (0..1_000)
            .map(|number| first_check(order(number), made))
            .collect();
        first.sort_unstable();

        // Six seconds wide, and no second of it with much more than its share.
        assert!(first[999] - first[0] > TimeDelta::seconds(5));
        for second in 12..18 {
            let from = made + TimeDelta::seconds(second);
            let until = from + TimeDelta::seconds(1);
            let here = first
                .iter()
                .filter(|at| **at >= from && **at < until)
                .count();
            assert!((100..250).contains(&here), "{here} in second {second}");
        }
    }

    #[test]
    fn a_sale_is_checked_within_minutes_and_given_up_after_days() {
        let sold = DateTime::UNIX_EPOCH;
        let mut at = first_confirmation(sold);
        let mut asks = 1;
        assert!(at - sold <= TimeDelta::minutes(5));

        while let Some(next) = next_confirmation(sold, at) {
            assert!(next > at && next - at <= LONGEST);
            at = next;
            asks += 1;
        }

        assert!(at - sold >= CONFIRM_WITHIN);
        assert!((10..40).contains(&asks), "{asks} asks a sale");
    }
}

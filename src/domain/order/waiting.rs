//! Which orders a poll may wait for. Parked polls have a limit, and anyone who has bought often knows many
//! order ids: they must not keep those from waiting who are paying now.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Payment, Status};

/// A guest whose order is younger is at the phone.
const PAYING_FOR: TimeDelta = TimeDelta::minutes(10);
/// An ended order can still change: a late payment, a refund. After this long, that is rare.
const ENDED_FOR: TimeDelta = TimeDelta::hours(1);

/// How a poll of an order may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The guest is paying now.
    Paying,
    /// There may be news, but there is no hurry.
    Other,
    /// It ended long ago: a poll is answered at once.
    Over,
}

impl Waiting {
    /// For this order at `now`. An order in the future, by a clock that was ahead, is as a young one.
    pub fn of(order: &Payment, now: DateTime<Utc>) -> Self {
        match order.status {
            Status::Pending if (now - order.created_at).abs() < PAYING_FOR => Self::Paying,
            Status::Pending | Status::Held => Self::Other,
            Status::Completed
            | Status::Failed
            | Status::Cancelled
            | Status::Expired
            | Status::Refunded => {
                if now - last_change(order) < ENDED_FOR {
                    Self::Other
                } else {
                    Self::Over
                }
            }
        }
    }
}

/// An upper limit for orders that ended unpaid, whose own time is not kept.
fn last_change(order: &Payment) -> DateTime<Utc> {
    [order.processed_at, order.refunded_at, order.reissued_at]
        .into_iter()
        .flatten()
        .chain([order.created_at, order.deadline_at])
        .max()
        .expect("an array of two is not empty")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::decide_table::order;

    #[track_caller]
    fn assert_waiting(status: Status, age_minutes: i64, expected: Waiting) {
        let order = order(status);
        let now = order.created_at + TimeDelta::minutes(age_minutes);

        assert_eq!(
            Waiting::of(&order, now),
            expected,
            "{status:?} {age_minutes}"
        );
    }

    #[test]
    fn only_a_young_pending_order_is_one_that_is_being_paid() {
        assert_waiting(Status::Pending, 0, Waiting::Paying);
        assert_waiting(Status::Pending, -5, Waiting::Paying);
        assert_waiting(Status::Pending, 9, Waiting::Paying);
        assert_waiting(Status::Pending, 10, Waiting::Other);
        assert_waiting(Status::Held, 0, Waiting::Other);
        assert_waiting(Status::Held, 100_000, Waiting::Other);
    }

    #[test]
    fn an_order_that_ended_long_ago_is_not_waited_for() {
        for status in [Status::Failed, Status::Cancelled, Status::Expired] {
            assert_waiting(status, 59, Waiting::Other);
            assert_waiting(status, 24 * 60, Waiting::Over);
        }
    }

    #[test]
    fn a_late_sale_refund_or_reissue_begins_the_hour_anew() {
        let late = |change: fn(&mut Payment, DateTime<Utc>)| {
            let mut order = order(Status::Completed);
            let at = order.created_at + TimeDelta::days(2);
            (order.processed_at, order.refunded_at, order.reissued_at) = (None, None, None);
            assert_eq!(Waiting::of(&order, at), Waiting::Over);
            change(&mut order, at);
            Waiting::of(&order, at + TimeDelta::minutes(59))
        };

        assert_eq!(
            late(|order, at| order.processed_at = Some(at)),
            Waiting::Other
        );
        assert_eq!(
            late(|order, at| order.refunded_at = Some(at)),
            Waiting::Other
        );
        assert_eq!(
            late(|order, at| order.reissued_at = Some(at)),
            Waiting::Other
        );
    }
}

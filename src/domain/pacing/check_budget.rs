//! The budget of status checks, `zenopay.asks_per_sec`, and its shares.
//!
//! One half is kept for the orders that are longest overdue. Nothing else can use it, so each due
//! order is checked in the end, however many fresh orders or unverified webhooks a stranger makes. The
//! other half is shared by the most urgent due orders, by unverified webhooks (at most a quarter of
//! all checks) and by checks that are never refused: of a proven webhook, or by an operator. Those may
//! leave the shared half in debt.
//!
//! Pure: the caller passes the time.

use std::time::{Duration, Instant};

use super::TokenBucket;

/// Rights to check due orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Of the half that is kept for the longest overdue.
    pub overdue: usize,
    /// Of the shared half, for the most urgent.
    pub urgent: usize,
}

impl Turns {
    /// The number of both kinds.
    pub fn in_all(self) -> usize {
        self.overdue + self.urgent
    }

    /// The turns that remain after this many, the overdue first.
    pub fn without(self, used: usize) -> Self {
        let of_overdue = used.min(self.overdue);
        Self {
            overdue: self.overdue - of_overdue,
            urgent: self.urgent.saturating_sub(used - of_overdue),
        }
    }
}

/// The status checks that may be made.
#[derive(Clone, Debug)]
pub struct CheckBudget {
    overdue: TokenBucket,
    shared: TokenBucket,
    unverified: TokenBucket,
    /// Whether the next turn is for the longest overdue. The two halves alternate while
    /// both have tokens, also when a slow ZenoPay allows few checks.
    overdue_is_next: bool,
}

impl CheckBudget {
    /// A budget with the checks of one second saved up.
    pub fn new(checks_per_sec: u32, now: Instant) -> Self {
        let all = f64::from(checks_per_sec);
        Self {
            overdue: TokenBucket::new(all / 2.0, now),
            shared: TokenBucket::new(all / 2.0, now),
            unverified: TokenBucket::new(all / 4.0, now),
            overdue_is_next: true,
        }
    }

    /// Takes at most `most` turns, as many as there are at `now`.
    pub fn take_turns(&mut self, most: usize, now: Instant) -> Turns {
        let mut turns = Turns::default();
        while turns.in_all() < most {
            let (first, second) = if self.overdue_is_next {
                (&mut self.overdue, &mut self.shared)
            } else {
                (&mut self.shared, &mut self.overdue)
            };
            let of_first = first.take_up_to(1, now) == 1;
            if !of_first && second.take_up_to(1, now) == 0 {
                break;
            }
            if of_first == self.overdue_is_next {
                turns.overdue += 1;
            } else {
                turns.urgent += 1;
            }
            self.overdue_is_next ^= of_first;
        }
        turns
    }

    /// Gives back turns that were not used.
    pub fn give_back(&mut self, unused: Turns) {
        self.overdue.give_back(unused.overdue);
        self.shared.give_back(unused.urgent);
    }

    /// How long until there is a turn.
    pub fn next_turn_in(&mut self, now: Instant) -> Duration {
        self.overdue.next_in(now).min(self.shared.next_in(now))
    }

    /// Takes a check for an unverified webhook; `false` when these have used their share. It comes
    /// before an urgent order's turn, because otherwise a backlog would leave nothing for it.
    pub fn admits_unverified(&mut self, now: Instant) -> bool {
        let admitted = !self.shared.is_in_debt(now) && self.unverified.take_up_to(1, now) == 1;
        if admitted {
            self.shared.spend(now);
        }
        admitted
    }

    /// Counts a check that is never refused.
    pub fn spend(&mut self, now: Instant) {
        self.shared.spend(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checks granted in a minute of full demand, requested each 10 ms.
    struct Minute {
        overdue: usize,
        urgent: usize,
        unverified: usize,
    }

    fn a_minute(checks_per_sec: u32, mut each: impl FnMut(&mut CheckBudget, Instant)) -> Minute {
        let begin = Instant::now();
        let mut budget = CheckBudget::new(checks_per_sec, begin);
        let mut minute = Minute {
            overdue: 0,
            urgent: 0,
            unverified: 0,
        };
        for step in 0..6_000 {
            let now = begin + Duration::from_millis(step * 10);
            each(&mut budget, now);
            minute.unverified += usize::from(budget.admits_unverified(now));
            let turns = budget.take_turns(8, now);
            minute.overdue += turns.overdue;
            minute.urgent += turns.urgent;
        }
        minute
    }

    #[test]
    fn all_checks_keep_the_pace_unverified_webhooks_have_a_quarter_and_the_overdue_half() {
        for checks_per_sec in [1, 2, 3, 5, 50] {
            let minute = a_minute(checks_per_sec, |_, _| {});
            let all = 60 * checks_per_sec as usize;
            let burst = checks_per_sec as usize + 2;

            let made = minute.overdue + minute.urgent + minute.unverified;
            assert!((all - 2..=all + burst).contains(&made), "{made} of {all}");
            let quarter = (all / 4)..=(all / 4 + burst);
            assert!(
                quarter.contains(&minute.unverified),
                "{} unverified",
                minute.unverified
            );
            let half = (all / 2 - 1)..=(all / 2 + burst);
            assert!(half.contains(&minute.overdue), "{} overdue", minute.overdue);
        }
    }

    #[test]
    fn checks_that_are_never_refused_leave_the_overdue_their_half() {
        let minute = a_minute(4, |budget, now| budget.spend(now));

        assert!((120..=123).contains(&minute.overdue), "{}", minute.overdue);
        // What was saved up before.
        assert!(minute.urgent + minute.unverified <= 2);
    }

    #[test]
    fn with_room_for_one_ask_at_a_time_the_two_kinds_take_turns() {
        let begin = Instant::now();
        let mut budget = CheckBudget::new(10, begin);

        let turns: Vec<Turns> = (0..4)
            .map(|second| budget.take_turns(1, begin + Duration::from_secs(second)))
            .collect();

        let (overdue, urgent) = (
            Turns {
                overdue: 1,
                urgent: 0,
            },
            Turns {
                overdue: 0,
                urgent: 1,
            },
        );
        assert_eq!(turns, [overdue, urgent, overdue, urgent]);
    }

    #[test]
    fn turns_that_are_not_used_are_given_back() {
        let now = Instant::now();
        let mut budget = CheckBudget::new(4, now);

        let taken = budget.take_turns(100, now);
        budget.give_back(taken.without(1));

        assert_eq!(taken.in_all(), 4);
        assert_eq!(budget.take_turns(100, now).in_all(), 3);
        assert!(budget.next_turn_in(now) > Duration::ZERO);
    }
}

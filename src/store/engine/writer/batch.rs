//! Which changes share a transaction, and which are tried again when it fails.
//!
//! # Invariants
//! A batch has at most one change of a payment: the guard of a second one would compare a version that
//! the first one has just raised.

use std::collections::{HashSet, VecDeque};

/// The largest number of changes in one transaction.
pub(super) const BATCH_MAX: usize = 32;

/// Takes the next batch out of the waiting changes, in their order. Leaves second changes of a payment
/// that is in the batch already, and changes beyond the limit.
pub(super) fn take<T>(waiting: &mut VecDeque<T>, payment_of: impl Fn(&T) -> Option<i64>) -> Vec<T> {
    let mut batch = Vec::new();
    let mut left = VecDeque::new();
    let mut payments = HashSet::new();
    while let Some(member) = waiting.pop_front() {
        let payment_id = payment_of(&member);
        // False also after a change that was left, so that changes of a payment keep their order.
        let is_first = payment_id.is_none_or(|id| payments.insert(id));
        if is_first && batch.len() < BATCH_MAX {
            batch.push(member);
        } else {
            left.push_back(member);
        }
    }
    *waiting = left;
    batch
}

/// Two halves of a batch that failed because of one of its members.
pub(super) fn halves<T>(mut batch: Vec<T>) -> [Vec<T>; 2] {
    let second = batch.split_off(batch.len() / 2);
    [batch, second]
}

#[cfg(test)]
mod tests {
    use super::{BATCH_MAX, VecDeque, halves};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Change(char, Option<i64>);

    fn take(waiting: &mut VecDeque<Change>) -> Vec<Change> {
        super::take(waiting, |change| change.1)
    }

    #[test]
    fn a_second_change_of_a_payment_waits_for_the_next_batch_and_keeps_its_order() {
        let (a, b, c, d) = (
            Change('a', Some(1)),
            Change('b', Some(2)),
            Change('c', Some(1)),
            Change('d', Some(1)),
        );
        let line = Change('l', None);
        let mut waiting = VecDeque::from([a, b, c, line, d, line]);

        assert_eq!(take(&mut waiting), [a, b, line, line]);
        assert_eq!(take(&mut waiting), [c]);
        assert_eq!(take(&mut waiting), [d]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_batch_is_not_larger_than_its_limit() {
        let mut waiting: VecDeque<_> = (0..40).map(|id| Change('x', Some(id))).collect();

        assert_eq!(take(&mut waiting).len(), BATCH_MAX);
        assert_eq!(take(&mut waiting).len(), 8);
        assert!(take(&mut waiting).is_empty());
    }

    #[test]
    fn two_halves_have_each_change_once() {
        for count in 2..=BATCH_MAX {
            let batch: Vec<_> = (0..count).collect();

            let [first, second] = halves(batch.clone());

            assert!(!first.is_empty() && !second.is_empty());
            assert_eq!([first, second].concat(), batch);
        }
    }
}

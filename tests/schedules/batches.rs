//! A lane never takes two changes of one payment into a batch.
//!
//! The database is a model. As in `store/engine/writer`, one statement updates the payments that still have
//! the version decided on, and rows are inserted for each change whose payment was updated.

use std::collections::{HashSet, VecDeque};

use shuttle::sync::mpsc::{Receiver, Sender, channel};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use super::batch;
use super::{assert_fails_with, in_every_schedule};

const LANES: usize = 2;

/// A change of a payment, decided on its first version.
struct Change {
    payment_id: i64,
    answer: Sender<bool>,
}

#[derive(Default)]
struct Database {
    /// Payments that have their second version.
    changed: HashSet<i64>,
    /// The payment of each sale.
    sales: Vec<i64>,
}

impl Database {
    /// One transaction.
    fn write(&mut self, batch: &[Change]) -> Vec<bool> {
        let ids: HashSet<i64> = batch.iter().map(|change| change.payment_id).collect();
        let done: HashSet<i64> = ids.difference(&self.changed).copied().collect();
        self.changed.extend(&done);
        let written = |change: &Change| done.contains(&change.payment_id);
        let sold = batch.iter().filter(|change| written(change));
        self.sales.extend(sold.map(|change| change.payment_id));
        batch.iter().map(written).collect()
    }
}

fn lane(
    queue: &Mutex<Receiver<Change>>,
    database: &Mutex<Database>,
    take: fn(&mut VecDeque<Change>) -> Vec<Change>,
) {
    loop {
        let mut waiting = VecDeque::new();
        {
            let queue = queue.lock().unwrap();
            let Ok(first) = queue.recv() else {
                return;
            };
            waiting.push_back(first);
            waiting.extend(std::iter::from_fn(|| queue.try_recv().ok()));
        }
        while !waiting.is_empty() {
            let batch = take(&mut waiting);
            let written = database.lock().unwrap().write(&batch);
            for (change, written) in batch.iter().zip(written) {
                change.answer.send(written).unwrap();
            }
        }
    }
}

/// Sends three simultaneous changes, two of them of one payment.
fn two_changes_of_one_payment(take: fn(&mut VecDeque<Change>) -> Vec<Change>) {
    let (changes, queue) = channel();
    let (queue, database) = (Arc::new(Mutex::new(queue)), Arc::default());
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let (queue, database) = (Arc::clone(&queue), Arc::clone(&database));
            thread::spawn(move || lane(&queue, &database, take))
        })
        .collect();
    let clients: Vec<_> = [1, 1, 2]
        .into_iter()
        .map(|payment_id| {
            let changes = changes.clone();
            thread::spawn(move || {
                let (answer, answered) = channel();
                changes.send(Change { payment_id, answer }).unwrap();
                answered.recv().unwrap()
            })
        })
        .collect();
    drop(changes);

    let answers: Vec<bool> = clients.into_iter().map(|it| it.join().unwrap()).collect();
    for lane in lanes {
        lane.join().unwrap();
    }
    let mut sales = database.lock().unwrap().sales.clone();
    sales.sort_unstable();
    assert_eq!(sales, [1, 2], "a payment was sold twice");
    assert!(answers[2] && answers[0] != answers[1], "{answers:?}");
}

#[test]
fn of_two_changes_of_one_payment_one_is_written_and_the_other_is_a_conflict() {
    in_every_schedule(|| {
        two_changes_of_one_payment(|waiting| batch::take(waiting, |it| Some(it.payment_id)));
    });
}

#[test]
fn a_lane_that_takes_all_waiting_changes_is_detected() {
    let all = |waiting: &mut VecDeque<Change>| waiting.drain(..).collect();
    assert_fails_with(
        move || two_changes_of_one_payment(all),
        "a payment was sold twice",
    );
}

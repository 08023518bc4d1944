//! The number of places taken never exceeds the limit, and no place is lost.

use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use super::active_orders::{ActiveOrders, Limits, MessagePermits};
use super::sync::{Arc, Semaphore};
use super::{assert_fails_with, in_every_schedule};

const TOO_MANY: &str = "more messages than places";

/// Counts the messages inside, independently of the code under test.
struct Inside {
    now: AtomicUsize,
    most: usize,
}

impl Inside {
    fn of(most: usize) -> Arc<Self> {
        let now = AtomicUsize::new(0);
        Arc::new(Self { now, most })
    }

    fn come_and_go(&self) {
        let before = self.now.fetch_add(1, Ordering::SeqCst);
        assert!(before < self.most, "{TOO_MANY}");
        thread::yield_now();
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

fn three_at_once(act: impl Fn(u8) + Clone + Send + 'static) {
    let threads: Vec<_> = (0..3)
        .map(|number| {
            let act = act.clone();
            thread::spawn(move || act(number))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

type Orders = ActiveOrders<u8, (), ()>;

fn active_orders(mailbox: usize, process: usize) -> Arc<Orders> {
    Arc::new(ActiveOrders::new(Limits { mailbox, process }))
}

fn admit(active_orders: &Orders, order: u8) -> Option<MessagePermits> {
    let place = active_orders.try_enter()?;
    let (_, _, permits) = active_orders.admit(order, place, || ((), Arc::default()))?;
    Some(permits)
}

#[test]
fn an_order_has_no_more_messages_than_its_mailbox_has_places() {
    in_every_schedule(|| {
        let (active_orders, inside) = (active_orders(2, 8), Inside::of(2));

        let (door, within) = (active_orders.clone(), inside.clone());
        three_at_once(move |_| {
            if let Some(permits) = admit(&door, 1) {
                within.come_and_go();
                let messages = door.look(1, |(), messages| messages);
                assert!((1..=2).contains(&messages.unwrap()));
                drop(permits);
            }
        });

        // All places were given back: the same number can be taken again.
        let again = [(); 3].map(|()| admit(&active_orders, 1));
        assert_eq!(again.iter().flatten().count(), 2);
        drop(again);
        assert_eq!(active_orders.in_flight(), 0);
    });
}

#[test]
fn the_process_has_no_more_messages_than_places_however_many_orders_there_are() {
    in_every_schedule(|| {
        let (active_orders, inside) = (active_orders(8, 2), Inside::of(2));

        let (door, within) = (active_orders.clone(), inside.clone());
        three_at_once(move |order| {
            if let Some(permits) = admit(&door, order) {
                within.come_and_go();
                drop(permits);
            }
        });

        let again = [0, 1, 2].map(|order| admit(&active_orders, order));
        assert_eq!(again.iter().flatten().count(), 2);
    });
}

#[test]
fn a_message_refused_by_one_limit_gives_back_the_place_of_the_other() {
    in_every_schedule(|| {
        let active_orders = active_orders(1, 3);

        let door = active_orders.clone();
        three_at_once(move |_| drop(admit(&door, 1)));

        assert_eq!(active_orders.in_flight(), 0);
    });
}

#[test]
fn a_seat_is_held_by_one_waiter_and_given_back() {
    in_every_schedule(|| {
        let (seats, inside) = (Arc::new(Semaphore::new(1)), Inside::of(1));

        let (row, within) = (seats.clone(), inside.clone());
        three_at_once(move |_| {
            if let Ok(seat) = row.clone().try_acquire_owned() {
                within.come_and_go();
                drop(seat);
            }
        });

        assert_eq!(seats.available_permits(), 1);
        assert!(seats.try_acquire_owned().is_ok());
    });
}

#[test]
fn taking_a_place_in_two_steps_is_detected() {
    let steps = || {
        let (seats, inside) = (Arc::new(Semaphore::new(3)), Inside::of(1));

        three_at_once(move |_| {
            // There are as many places as threads, so only the check limits their number to one.
            if seats.available_permits() == 3 {
                let seat = seats.clone().try_acquire_owned();
                inside.come_and_go();
                drop(seat);
            }
        });
    };

    assert_fails_with(steps, TOO_MANY);
}

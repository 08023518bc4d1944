//! Places are counted: never more than the limit are taken, and none is lost.

use shuttle::thread;

use super::in_play::{InPlay, Room};
use super::places::Places;
use super::registry::Letters;
use super::sync::{Arc, AtomicUsize, Ordering};
use super::{in_every_schedule, is_found_out};

const TOO_MANY: &str = "more messages than places";

/// The messages inside, by a count of its own.
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

fn in_play(mailbox: usize, process: usize) -> Arc<InPlay<u8, (), Letters>> {
    Arc::new(InPlay::new(Room { mailbox, process }))
}

#[test]
fn an_order_has_no_more_messages_than_its_mailbox_has_places() {
    in_every_schedule(|| {
        let (in_play, inside) = (in_play(2, 8), Inside::of(2));

        let (door, within) = (in_play.clone(), inside.clone());
        three_at_once(move |_| {
            if let Some((_, passage)) = door.admit(1, || ((), Letters::none())) {
                within.come_and_go();
                assert!((1..=2).contains(&passage.mailbox().count()));
                drop(passage);
            }
        });

        // All are given back: as many messages as before are admitted.
        let again = [(); 3].map(|()| in_play.admit(1, || ((), Letters::none())));
        assert_eq!(again.iter().flatten().count(), 2);
        drop(again);
        assert_eq!(in_play.in_flight(), 0);
    });
}

#[test]
fn the_process_has_no_more_messages_than_places_however_many_orders_there_are() {
    in_every_schedule(|| {
        let (in_play, inside) = (in_play(8, 2), Inside::of(2));

        let (door, within) = (in_play.clone(), inside.clone());
        three_at_once(move |order| {
            if let Some((_, passage)) = door.admit(order, || ((), Letters::none())) {
                within.come_and_go();
                drop(passage);
            }
        });

        let again = [0, 1, 2].map(|order| in_play.admit(order, || ((), Letters::none())));
        assert_eq!(again.iter().flatten().count(), 2);
    });
}

#[test]
fn a_message_refused_by_one_limit_gives_back_the_place_of_the_other() {
    in_every_schedule(|| {
        let in_play = in_play(1, 3);

        let door = in_play.clone();
        three_at_once(move |_| drop(door.admit(1, || ((), Letters::none()))));

        assert_eq!(in_play.in_flight(), 0);
    });
}

#[test]
fn a_seat_is_held_by_one_and_given_back() {
    in_every_schedule(|| {
        let (seats, inside) = (Arc::new(Places::new()), Inside::of(1));

        let (row, within) = (seats.clone(), inside.clone());
        three_at_once(move |_| {
            if let Some(seat) = row.hold(1) {
                within.come_and_go();
                drop(seat);
            }
        });

        assert_eq!(seats.taken(), 0);
        assert!(seats.hold(1).is_some());
    });
}

#[test]
fn taking_a_place_in_two_steps_is_detected() {
    let story = || {
        let (seats, inside) = (Arc::new(Places::new()), Inside::of(1));

        three_at_once(move |_| {
            if seats.taken() == 0 {
                let seat = seats.hold(usize::MAX);
                inside.come_and_go();
                drop(seat);
            }
        });
    };

    is_found_out(story, TOO_MANY);
}

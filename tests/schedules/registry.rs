//! Orders are activated and passivated while messages arrive. An order never has two working actors.

use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::thread;

use super::active_orders::{ActiveOrders, Limits, MessagePermits};
use super::sync::Arc;
use super::{assert_fails_with, in_every_schedule};

const ORDER: u8 = 1;
const TWO_WORK: &str = "two actors of one order work";

/// An actor: it handles one message at a time, and no more after a panic.
struct Actor {
    turn: Mutex<()>,
    is_dead: AtomicBool,
}

/// The database and the actors of one order.
struct Scene {
    active_orders: ActiveOrders<u8, Arc<Actor>, ()>,
    at_work: AtomicUsize,
    handled: AtomicUsize,
    activated: AtomicUsize,
}

impl Scene {
    fn new() -> Arc<Self> {
        let limits = Limits {
            mailbox: 8,
            process: 8,
        };
        Arc::new(Self {
            active_orders: ActiveOrders::new(limits),
            at_work: AtomicUsize::new(0),
            handled: AtomicUsize::new(0),
            activated: AtomicUsize::new(0),
        })
    }

    fn activate(&self) -> (Arc<Actor>, Arc<()>) {
        self.activated.fetch_add(1, Ordering::SeqCst);
        let actor = Actor {
            turn: Mutex::new(()),
            is_dead: AtomicBool::new(false),
        };
        (Arc::new(actor), Arc::default())
    }

    fn admit(&self) -> Option<(Arc<Actor>, MessagePermits)> {
        let place = self.active_orders.try_enter()?;
        let (actor, _, permits) = self.active_orders.admit(ORDER, place, || self.activate())?;
        Some((actor, permits))
    }

    /// An order is idle as soon as it has no messages.
    fn passivate(&self) {
        self.active_orders.passivate(|()| true);
    }

    /// Sends one message, from its admission to its end; a message that finds its actor dead is
    /// sent again to another one, as the registry does.
    fn send(&self, kills: bool) {
        for _ in 0..3 {
            let (actor, permits) = self.admit().unwrap();
            if self.handle(&actor, kills) {
                drop(permits);
                return;
            }
            drop(permits);
            self.active_orders
                .remove_dead(ORDER, |address| Arc::ptr_eq(address, &actor));
        }
        // A message that kills every actor is given up.
        assert!(kills, "a message was lost");
    }

    fn handle(&self, actor: &Actor, kills: bool) -> bool {
        let turn = actor.turn.lock().unwrap();
        if actor.is_dead.load(Ordering::SeqCst) {
            return false;
        }
        assert_eq!(self.at_work.fetch_add(1, Ordering::SeqCst), 0, "{TWO_WORK}");
        thread::yield_now();
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        actor.is_dead.store(kills, Ordering::SeqCst);
        self.handled
            .fetch_add(usize::from(!kills), Ordering::SeqCst);
        drop(turn);
        !kills
    }
}

fn beside(scene: &Arc<Scene>, act: impl Fn(&Scene) + Send + 'static) -> thread::JoinHandle<()> {
    let scene = scene.clone();
    thread::spawn(move || act(&scene))
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn an_order_that_is_activated_and_passivated_never_has_two_working_actors() {
    in_every_schedule(|| {
        let scene = Scene::new();
        scene.send(false);

        join([
            beside(&scene, |scene| scene.send(false)),
            beside(&scene, |scene| scene.send(false)),
            beside(&scene, |scene| {
                scene.passivate();
                scene.passivate();
            }),
        ]);

        assert_eq!(scene.handled.load(Ordering::SeqCst), 3);
        assert_eq!(scene.active_orders.in_flight(), 0);
        // A remaining actor is idle.
        let waiting = scene.active_orders.look_at_all(|(), messages| messages);
        assert!(waiting.is_empty() || waiting == [(ORDER, 0)]);
    });
}

#[test]
fn removing_an_idle_order_after_a_separate_look_is_detected() {
    let steps = || {
        let scene = Scene::new();
        scene.send(false);

        join([
            beside(&scene, |scene| scene.send(false)),
            beside(&scene, |scene| scene.send(false)),
            // Removes an order that was idle when it was checked, although it may be busy now.
            beside(&scene, |scene| {
                let is_idle = |(): &(), messages| messages == 0;
                if scene.active_orders.look(ORDER, is_idle) == Some(true) {
                    scene.active_orders.remove_dead(ORDER, |_| true);
                }
            }),
        ]);
    };

    assert_fails_with(steps, TWO_WORK);
}

#[test]
fn an_actor_that_died_is_replaced_once_and_its_successor_stays() {
    in_every_schedule(|| {
        let scene = Scene::new();

        join([
            beside(&scene, |scene| {
                let (actor, permits) = scene.admit().unwrap();
                scene.handle(&actor, true);
                drop(permits);
            }),
            beside(&scene, |scene| scene.send(false)),
            beside(&scene, |scene| scene.send(false)),
        ]);

        assert_eq!(scene.handled.load(Ordering::SeqCst), 2);
        assert!(scene.activated.load(Ordering::SeqCst) <= 2);
    });
}

#[test]
fn removing_the_successor_of_a_dead_actor_is_detected() {
    let steps = || {
        let scene = Scene::new();
        let (dead, permits) = scene.admit().unwrap();
        scene.handle(&dead, true);
        drop(permits);
        // Both have found it dead; the second one must not remove the new actor.
        let find_dead = |scene: &Scene| {
            scene.active_orders.remove_dead(ORDER, |_| true);
            scene.send(false);
        };

        join([beside(&scene, find_dead), beside(&scene, find_dead)]);
    };

    assert_fails_with(steps, TWO_WORK);
}

#[test]
fn after_closing_with_nothing_in_flight_no_message_is_handled() {
    in_every_schedule(|| {
        let scene = Scene::new();
        let is_over = Arc::new(AtomicBool::new(false));

        let over = is_over.clone();
        let late = beside(&scene, move |scene| {
            if let Some((actor, permits)) = scene.admit() {
                scene.handle(&actor, false);
                assert!(
                    !over.load(Ordering::SeqCst),
                    "a message was handled after the close"
                );
                drop(permits);
            }
        });
        scene.active_orders.close();
        if scene.active_orders.in_flight() == 0 {
            is_over.store(true, Ordering::SeqCst);
        }

        join([late]);
        assert!(scene.admit().is_none());
    });
}

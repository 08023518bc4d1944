//! A poll misses no commit: it registers, reads, and then waits, while other threads commit, publish,
//! leave and sweep. If a notice is missed, a thread waits for ever, which `shuttle` reports as a
//! deadlock.

use shuttle::sync::Mutex;
use shuttle::thread;

use super::sync::Arc;
use super::sync::watch::Receiver;
use super::waiters::WaiterTable;
use super::{assert_fails_with, in_every_schedule};

const ORDER: u8 = 1;
const WAITS_FOR_EVER: &str = "deadlock";

/// A notice that a waiter receives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum News {
    /// The order with this version.
    Published(i32),
    /// The order has this version, or is announced to have it.
    ToRead(i32),
}

use News::{Published, ToRead};

/// One order: the committed version, and its waiters. The lock of the table models the status actor,
/// which handles one message at a time.
struct Scene {
    committed: Mutex<i32>,
    table: Mutex<WaiterTable<u8, News>>,
    /// Number of waiters that received the version they waited for.
    notified: Mutex<usize>,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            committed: Mutex::new(1),
            table: Mutex::new(WaiterTable::new()),
            notified: Mutex::new(0),
        })
    }

    fn commit(&self, version: i32) {
        *self.committed.lock().unwrap() = version;
        self.publish(version);
    }

    fn publish(&self, version: i32) {
        let mut table = self.table.lock().unwrap();
        table.publish(ORDER, version, Published(version));
    }

    fn publish_untrusted(&self, version: i32) {
        let mut table = self.table.lock().unwrap();
        table.publish_untrusted(ORDER, version, ToRead(version));
    }

    fn register(&self) -> Receiver<Option<News>> {
        self.table.lock().unwrap().watch(ORDER).unwrap()
    }

    fn look(&self) -> i32 {
        *self.committed.lock().unwrap()
    }

    /// The periodic read of the version, after another process has changed the order.
    fn look_again(&self) {
        let version = self.look();
        let mut table = self.table.lock().unwrap();
        table.publish(ORDER, version, ToRead(version));
    }

    fn sweep(&self) {
        self.table.lock().unwrap().sweep();
    }
}

/// Waits for the version `wanted` or a later one, like `Watching::newer_than`.
fn wait(scene: &Scene, news: &mut Receiver<Option<News>>, read: i32, wanted: i32) -> i32 {
    let mut version = read;
    while version < wanted {
        version = match news.next() {
            Some(Published(newer)) if newer > version => newer,
            Some(ToRead(newer)) if newer > version => scene.look(),
            // The read was newer than the notice.
            _ => version,
        };
    }
    version
}

fn beside<T: Send + 'static>(
    scene: &Arc<Scene>,
    act: impl FnOnce(&Scene) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let scene = scene.clone();
    thread::spawn(move || act(&scene))
}

#[test]
fn a_waiter_that_registers_before_reading_learns_of_every_commit() {
    in_every_schedule(|| {
        let scene = Scene::new();

        let waiter = beside(&scene, |scene| {
            let mut news = scene.register();
            let version = scene.look();
            wait(scene, &mut news, version, 2)
        });
        let sweeper = beside(&scene, Scene::sweep);
        let other = beside(&scene, |scene| drop(scene.register()));
        scene.commit(2);

        assert_eq!(waiter.join().unwrap(), 2);
        sweeper.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn reading_before_registering_is_detected() {
    let steps = || {
        let scene = Scene::new();

        let waiter = beside(&scene, |scene| {
            let version = scene.look();
            let mut news = scene.register();
            wait(scene, &mut news, version, 2)
        });
        scene.commit(2);

        assert_eq!(waiter.join().unwrap(), 2);
    };

    assert_fails_with(steps, WAITS_FOR_EVER);
}

#[test]
fn a_notice_before_the_commit_is_detected() {
    let steps = || {
        let scene = Scene::new();

        let waiter = beside(&scene, |scene| {
            let mut news = scene.register();
            let version = scene.look();
            // A waiter that is woken and then reads, like an event stream, must find the announced
            // version.
            if wait(scene, &mut news, version, 2) == 2 {
                assert_eq!(scene.look(), 2, "announced a version that is not committed");
            }
        });
        scene.publish(2);
        *scene.committed.lock().unwrap() = 2;
        // Wakes a waiter that registered too late for the notice, which this test does not check.
        let mut table = scene.table.lock().unwrap();
        table.publish(ORDER, 3, Published(2));
        drop(table);

        waiter.join().unwrap();
    };

    assert_fails_with(steps, "announced a version that is not committed");
}

#[test]
fn an_old_notice_that_comes_late_replaces_no_newer_one() {
    in_every_schedule(|| {
        let scene = Scene::new();
        let mut news = scene.register();

        // This actor commits twice; the periodic read happens in between.
        let actor = beside(&scene, |scene| {
            scene.commit(2);
            scene.commit(3);
        });
        let other = beside(&scene, |scene| {
            scene.look_again();
            // A new actor has read the old state of the order.
            scene.publish(2);
        });
        actor.join().unwrap();
        other.join().unwrap();

        // Reads the current notice, like a waiter that was busy until now.
        let seen = news.next();
        assert!(matches!(seen, Some(Published(3) | ToRead(3))), "{seen:?}");
    });
}

#[test]
fn a_version_that_was_never_committed_hides_no_committed_one() {
    in_every_schedule(|| {
        let scene = Scene::new();

        let waiter = beside(&scene, |scene| {
            let mut news = scene.register();
            let version = scene.look();
            wait(scene, &mut news, version, 3)
        });
        let stranger = beside(&scene, |scene| {
            [3, 99].map(|version| scene.publish_untrusted(version))
        });
        scene.commit(2);
        // Another process commits, and its notice is lost.
        *scene.committed.lock().unwrap() = 3;
        stranger.join().unwrap();
        scene.look_again();

        assert_eq!(waiter.join().unwrap(), 3);
    });
}

/// A waiter that reads and waits for the second version.
fn reads_and_waits(scene: &Scene) -> i32 {
    let mut news = scene.register();
    let version = scene.look();
    let version = wait(scene, &mut news, version, 2);
    *scene.notified.lock().unwrap() += 1;
    version
}

#[test]
fn a_waiter_with_the_old_version_is_notified_although_another_has_read_the_new_one() {
    in_every_schedule(|| {
        let scene = Scene::new();

        let first = beside(&scene, reads_and_waits);
        let second = beside(&scene, reads_and_waits);
        // Another process commits, and its notice is lost.
        *scene.committed.lock().unwrap() = 2;
        while *scene.notified.lock().unwrap() < 2 {
            scene.look_again();
            thread::yield_now();
        }

        assert_eq!(first.join().unwrap(), 2);
        assert_eq!(second.join().unwrap(), 2);
    });
}

#[test]
fn only_orders_without_waiters_are_removed_from_the_table() {
    in_every_schedule(|| {
        let scene = Scene::new();

        let leaver = beside(&scene, |scene| drop(scene.register()));
        let sweeper = beside(&scene, Scene::sweep);
        let stayer = beside(&scene, Scene::register);
        let mut news = stayer.join().unwrap();
        leaver.join().unwrap();
        sweeper.join().unwrap();

        scene.sweep();
        assert_eq!(scene.table.lock().unwrap().len(), 1);
        scene.commit(2);
        assert_eq!(news.next(), Some(Published(2)));
        assert_eq!(scene.table.lock().unwrap().watched(), [ORDER]);
        drop(news);
        scene.sweep();
        assert_eq!(scene.table.lock().unwrap().len(), 0);
    });
}

#[test]
fn an_order_has_eight_waiters_at_most() {
    in_every_schedule(|| {
        let scene = Scene::new();
        let _six = [(); 6].map(|()| scene.register());

        let try_to_wait = |scene: &Scene| scene.table.lock().unwrap().watch(ORDER);
        let three = [(); 3].map(|()| beside(&scene, try_to_wait));
        let seated = three.map(|thread| thread.join().unwrap());

        assert_eq!(seated.iter().flatten().count(), 2);
    });
}

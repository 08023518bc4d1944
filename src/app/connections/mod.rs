//! Bounds the connections of the process, so that a webhook on a new connection is answered although
//! strangers hold all that they can get.
//!
//! Nouns: a connection is *attended* while the server works on a whole request, holds a poll, or sends
//! a stream. Any other waits for its client: for the TLS handshake, for a head, for a body, for the next
//! request, or for the client to read its answer. When there are too many, those that have waited longest
//! are closed. Nothing is counted by address: behind a proxy or a hotspot all guests have one.
//!
//! # Invariants
//! An attended connection is never closed for another one. The number of those is bounded elsewhere: by the
//! seats of polls, by the limit of operators' streams, and by the deadlines of all other answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::time::{MissedTickBehavior, interval};

mod attendance;
mod capacity;
mod stream;

pub use attendance::attend;
pub use capacity::Capacity;
pub use stream::ClientStream;

/// How often connections that wait too long are searched.
const SWEEP: Duration = Duration::from_millis(500);
/// A client that reads nothing of its answer for this long is gone, or wants to hold the connection.
const STALLED_FOR: Duration = Duration::from_secs(20);

/// All connections of a process.
pub struct Connections {
    /// Above this number, those that wait are closed.
    most: usize,
    /// Longer than the keep-alive: also bounds a head that is sent slowly after a first request, for which
    /// the library has no limit.
    waits_at_most: Duration,
    epoch: Instant,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next_id: u64,
    open: HashMap<u64, Arc<Connection>>,
}

/// One connection; times are milliseconds since the epoch of [`Connections`].
pub struct Connection {
    id: u64,
    epoch: Instant,
    /// Requests that the server works on.
    attended: AtomicUsize,
    /// When it was accepted, or when the server had last answered a request.
    waits_since: AtomicU64,
    /// When the client last took a part of an answer.
    took_at: AtomicU64,
    /// Whether a part of an answer waits until the client takes it.
    is_writing: AtomicBool,
    is_closed: AtomicBool,
    /// The task that serves the connection.
    task: AtomicWaker,
}

impl Connection {
    fn new(id: u64, epoch: Instant) -> Self {
        let now = millis_since(epoch);
        Self {
            id,
            epoch,
            attended: AtomicUsize::new(0),
            waits_since: AtomicU64::new(now),
            took_at: AtomicU64::new(now),
            is_writing: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    fn is_waiting(&self) -> bool {
        self.attended.load(Ordering::Relaxed) == 0
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Its task finds that the client has hung up, unless its first request has arrived meanwhile.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.task.wake();
    }

    /// Whether its client has had more time than any needs.
    fn is_overdue(&self, now: u64, waits_at_most: Duration) -> bool {
        let took_at = self.took_at.load(Ordering::Relaxed);
        let moved_at = took_at.max(self.waits_since.load(Ordering::Relaxed));
        let rested = Duration::from_millis(now.saturating_sub(moved_at));
        let is_stalled = self.is_writing.load(Ordering::Relaxed)
            && Duration::from_millis(now.saturating_sub(took_at)) > STALLED_FOR;
        is_stalled || (self.is_waiting() && rested > waits_at_most)
    }
}

fn millis_since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Connections {
    /// Bounds them by `most`, and the wait for a client by `waits_at_most`.
    pub fn new(most: usize, waits_at_most: Duration) -> Arc<Self> {
        Arc::new(Self {
            most,
            waits_at_most,
            epoch: Instant::now(),
            table: Mutex::default(),
        })
    }

    /// Adds a connection; if there are too many, closes some that have waited longest.
    fn open(&self) -> Arc<Connection> {
        let mut table = self.table();
        // Before the new one is there: it must not be closed for itself.
        table.close_above(self.most);
        table.next_id += 1;
        let connection = Arc::new(Connection::new(table.next_id, self.epoch));
        table.open.insert(connection.id, connection.clone());
        connection
    }

    fn forget(&self, connection: &Connection) {
        self.table().open.remove(&connection.id);
    }

    /// Closes connections whose client takes too long, until it is dropped.
    pub async fn sweep(&self) -> Infallible {
        let mut clock = interval(SWEEP);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.sweep_once(millis_since(self.epoch));
        }
    }

    fn sweep_once(&self, now: u64) {
        let table = self.table();
        for connection in table.open.values() {
            if connection.is_overdue(now, self.waits_at_most) {
                connection.close();
            }
        }
        // Also those of polls that have just been answered, without which no new one is accepted.
        table.close_above(self.most);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Closes connections that wait, oldest first. A few more than needed, because each search reads the
    /// whole table; at most half of them, so that the newest have time to send a request.
    fn close_above(&self, most: usize) {
        // Cheap, and exact unless some have been closed whose tasks have not noticed yet.
        if self.open.len() < most {
            return;
        }
        let open = || self.open.values().filter(|it| !it.is_closed());
        let Some(excess) = (open().count() + 1).checked_sub(most).filter(|it| *it > 0) else {
            return;
        };
        let mut waiting: Vec<_> = open().filter(|it| it.is_waiting()).collect();
        let count = (excess + most / 64).min(waiting.len() / 2);
        if count == 0 {
            return;
        }
        waiting.select_nth_unstable_by_key(count - 1, |it| it.waits_since.load(Ordering::Relaxed));
        for connection in &waiting[..count] {
            connection.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS_AT_MOST: Duration = Duration::from_secs(85);

    fn connections(most: usize) -> Arc<Connections> {
        Connections::new(most, WAITS_AT_MOST)
    }

    /// Opens connections that have waited for less and less time.
    fn open(connections: &Connections, ages: &[u64]) -> Vec<Arc<Connection>> {
        let opened = ages.iter().map(|age| {
            let connection = connections.open();
            connection.waits_since.store(1_000 - age, Ordering::Relaxed);
            connection
        });
        opened.collect()
    }

    fn closed(all: &[Arc<Connection>]) -> Vec<bool> {
        all.iter().map(|it| it.is_closed()).collect()
    }

    #[test]
    fn the_connection_that_has_waited_longest_makes_room_for_a_new_one() {
        let connections = connections(4);
        let all = open(&connections, &[10, 900, 20, 30]);
        assert_eq!(closed(&all), [false; 4]);

        let new = connections.open();

        assert_eq!(closed(&all), [false, true, false, false]);
        assert!(!new.is_closed());
    }

    #[test]
    fn an_attended_connection_is_never_closed_for_another_one() {
        let connections = connections(3);
        let all = open(&connections, &[900, 800, 10]);
        for attended in &all[..2] {
            attended.attended.store(1, Ordering::Relaxed);
        }

        let more = open(&connections, &[0, 0]);

        assert_eq!(closed(&all), [false, false, true]);
        assert_eq!(closed(&more), [false; 2], "the newest have time");
    }

    #[test]
    fn connections_that_are_answered_together_are_closed_before_a_new_one_comes() {
        let connections = connections(3);
        let all = open(&connections, &[50, 40, 30, 20, 10]);
        for it in &all {
            it.is_closed.store(false, Ordering::Relaxed);
        }

        connections.sweep_once(1_000);

        assert_eq!(closed(&all), [true, true, false, false, false]);
    }

    #[test]
    fn a_client_that_neither_sends_nor_reads_is_closed() {
        let connections = connections(100);
        let all = open(&connections, &[0; 5]);
        let [idle, slow_reader, reader, poll, stalled_stream] = all.as_slice() else {
            unreachable!("five were opened")
        };
        let later = 1_000 + 86_000;
        for writing in [slow_reader, reader, stalled_stream] {
            writing.is_writing.store(true, Ordering::Relaxed);
        }
        reader.took_at.store(later - 1_000, Ordering::Relaxed);
        poll.attended.store(1, Ordering::Relaxed);
        stalled_stream.attended.store(1, Ordering::Relaxed);

        connections.sweep_once(later);

        assert_eq!(closed(&all), [true, true, false, false, true]);
        assert!(idle.is_closed());
    }

    #[test]
    fn a_connection_that_is_gone_makes_room() {
        let connections = connections(4);
        let all = open(&connections, &[40, 30, 20, 10]);

        let more = [connections.open()];
        assert_eq!(closed(&all), [true, false, false, false]);
        connections.forget(&all[0]);
        connections.forget(&more[0]);
        connections.open();

        assert_eq!(closed(&all), [true, false, false, false]);
    }
}

//! Who waits for which order: the status actor without its mailbox.
//!
//! The rule that must not be broken: news of an order never makes room for older news.

use std::collections::HashMap;
use std::hash::Hash;

use super::sync::watch;

/// Waiters of one order at most; a family looks at one phone, not at nine.
const WAITERS_PER_ORDER: usize = 8;

/// Who waits for which order.
pub(super) struct WaiterTable<K, N> {
    watched: HashMap<K, Watched<N>>,
}

/// One order that somebody waits for.
struct Watched<N> {
    news: watch::Sender<Option<N>>,
    /// The newest version that was published here; 0 is none. What one waiter has read does
    /// not count: another one may have read before it.
    published: i32,
}

impl<K: Copy + Eq + Hash, N> WaiterTable<K, N> {
    pub fn new() -> Self {
        Self {
            watched: HashMap::new(),
        }
    }

    /// Registers a waiter; `None` if the order has enough of them.
    pub fn watch(&mut self, order: K) -> Option<watch::Receiver<Option<N>>> {
        let watched = self.watched.entry(order).or_insert_with(|| Watched {
            news: watch::Sender::new(None),
            published: 0,
        });
        let free = watched.news.receiver_count() < WAITERS_PER_ORDER;
        free.then(|| watched.news.subscribe())
    }

    /// Passes news on, unless what was published is as new.
    pub fn publish(&mut self, order: K, version: i32, news: N) {
        // Read by the neighbours' loop, it may be older than what an actor here published.
        if let Some(watched) = self.watched.get_mut(&order)
            && version > watched.published
        {
            watched.published = version;
            // Fails only when nobody listens any more.
            let _ = watched.news.send(Some(news));
        }
    }

    /// Which orders somebody waits for, and the newest version of each that was published.
    pub fn watched(&self) -> HashMap<K, i32> {
        self.watched
            .iter()
            .filter(|(_, watched)| watched.news.receiver_count() > 0)
            .map(|(order, watched)| (*order, watched.published))
            .collect()
    }

    /// Forgets orders that nobody waits for any more.
    pub fn sweep(&mut self) {
        self.watched
            .retain(|_, watched| watched.news.receiver_count() > 0);
    }

    /// Orders in the table.
    pub fn len(&self) -> usize {
        self.watched.len()
    }
}

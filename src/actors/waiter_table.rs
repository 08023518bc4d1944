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
    /// The newest version that was published here; 0 is none.
    published: i32,
    /// The oldest version that a waiter has read; `None` when nobody has said yet. The newest
    /// does not count: another waiter may have read before it.
    read: Option<i32>,
}

impl<N> Watched<N> {
    fn is_waited_for(&self) -> bool {
        self.news.receiver_count() > 0
    }

    /// What all its waiters know: each subscribed before it read, so it has read or was told
    /// what was published.
    fn known(&self) -> i32 {
        self.published.max(self.read.unwrap_or_default())
    }
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
            read: None,
        });
        let free = watched.news.receiver_count() < WAITERS_PER_ORDER;
        free.then(|| watched.news.subscribe())
    }

    /// A waiter of this order, registered before, has read this version.
    pub fn has_read(&mut self, order: K, version: i32) {
        if let Some(watched) = self.watched.get_mut(&order) {
            let oldest = watched.read.map_or(version, |read| read.min(version));
            watched.read = Some(oldest);
        }
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

    /// Which orders somebody waits for.
    pub fn watched(&self) -> Vec<K> {
        self.watched
            .iter()
            .filter(|(_, watched)| watched.is_waited_for())
            .map(|(order, _)| *order)
            .collect()
    }

    /// Of these orders those that somebody waits for who may not know this version.
    pub fn unheard_of(&self, versions: Vec<(K, i32)>) -> Vec<K> {
        let is_news = |order: &K, version| {
            self.watched
                .get(order)
                .is_some_and(|watched| watched.is_waited_for() && version > watched.known())
        };
        versions
            .into_iter()
            .filter(|(order, version)| is_news(order, *version))
            .map(|(order, _)| order)
            .collect()
    }

    /// Forgets orders that nobody waits for any more.
    pub fn sweep(&mut self) {
        self.watched.retain(|_, watched| watched.is_waited_for());
    }

    /// Orders in the table.
    pub fn len(&self) -> usize {
        self.watched.len()
    }
}

//! The waiters of each order: the status actor without its mailbox.
//!
//! # Invariants
//! The notice of a published version is never replaced by one of an older version. An announced
//! version is not trusted: any newly published one replaces it.

use std::collections::HashMap;
use std::hash::Hash;

use super::sync::watch;

/// The largest number of waiters of one order.
const WAITERS_PER_ORDER: usize = 8;

/// The waiters of each order.
pub struct WaiterTable<K, N> {
    watched: HashMap<K, Watched<N>>,
}

/// One order that has waiters.
struct Watched<N> {
    news: watch::Sender<Option<N>>,
    /// The newest version that was published here; 0 is none.
    published: i32,
}

impl<N> Watched<N> {
    fn is_waited_for(&self) -> bool {
        self.news.receiver_count() > 0
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
        });
        let free = watched.news.receiver_count() < WAITERS_PER_ORDER;
        free.then(|| watched.news.subscribe())
    }

    /// Passes on a committed version, unless the published one is as new.
    pub fn publish(&mut self, order: K, version: i32, news: N) {
        if let Some(watched) = self.watched.get_mut(&order)
            && version > watched.published
        {
            watched.published = version;
            // Fails only when all waiters have left.
            let _ = watched.news.send(Some(news));
        }
    }

    /// Notifies waiters of an announced version. It does not count as published: a
    /// version that was never committed costs each waiter a read, and hides no later version.
    pub fn publish_untrusted(&mut self, order: K, version: i32, publish_untrusted: N) {
        if let Some(watched) = self.watched.get(&order)
            && version > watched.published
        {
            // Fails only when all waiters have left.
            let _ = watched.news.send(Some(publish_untrusted));
        }
    }

    /// The orders that have waiters.
    pub fn watched(&self) -> Vec<K> {
        self.watched
            .iter()
            .filter(|(_, watched)| watched.is_waited_for())
            .map(|(order, _)| *order)
            .collect()
    }

    /// Forgets orders without waiters.
    pub fn sweep(&mut self) {
        self.watched.retain(|_, watched| watched.is_waited_for());
    }

    /// Orders in the table.
    pub fn len(&self) -> usize {
        self.watched.len()
    }
}

//! The active orders and the permits of their messages: the registry without its actors.
//!
//! A message needs two permits: one of the process's semaphore and one of its order's, the mailbox. They
//! travel with the message and are given back when it is dropped.
//!
//! # Invariants
//! A place in a mailbox is taken, and an idle order is removed, under the same lock of the map's
//! shard. So an order that is about to be used is never removed, and an order never has two actors
//! that work.

use std::hash::Hash;

use super::sync::{Arc, DashMap, OwnedSemaphorePermit, Semaphore};

/// How many messages there may be.
pub struct Limits {
    /// Of one order: the one that is handled and those that wait.
    pub mailbox: usize,
    /// In the process.
    pub process: usize,
}

/// The active orders, each with an address `A` and stats `S`.
pub struct ActiveOrders<K, A, S> {
    active: DashMap<K, Active<A, S>>,
    limits: Limits,
    process: Arc<Semaphore>,
}

struct Active<A, S> {
    address: A,
    stats: Arc<S>,
    mailbox: Arc<Semaphore>,
}

/// A message's places: in its order's mailbox and in the process.
pub struct MessagePermits {
    _mailbox: OwnedSemaphorePermit,
    _process: OwnedSemaphorePermit,
}

impl<K: Copy + Eq + Hash, A: Clone, S> ActiveOrders<K, A, S> {
    /// Starts without orders.
    pub fn new(limits: Limits) -> Self {
        Self {
            active: DashMap::new(),
            process: Arc::new(Semaphore::new(limits.process)),
            limits,
        }
    }

    /// Takes a place in the process; `None` if all are taken, or the registry is closed.
    pub fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        self.process.clone().try_acquire_owned().ok()
    }

    /// Finds the order's actor, or activates one, and takes a place in its mailbox; `None` if the
    /// mailbox is full.
    pub fn admit(
        &self,
        order: K,
        process: OwnedSemaphorePermit,
        activate: impl FnOnce() -> (A, Arc<S>),
    ) -> Option<(A, Arc<S>, MessagePermits)> {
        let active = self.active.entry(order).or_insert_with(|| {
            let (address, stats) = activate();
            let mailbox = Arc::new(Semaphore::new(self.limits.mailbox));
            Active {
                address,
                stats,
                mailbox,
            }
        });
        let permits = MessagePermits {
            _mailbox: active.mailbox.clone().try_acquire_owned().ok()?,
            _process: process,
        };
        Some((active.address.clone(), active.stats.clone(), permits))
    }

    /// Removes the order if its actor is still the dead one; `false` if another task was first.
    pub fn remove_dead(&self, order: K, is_dead: impl FnOnce(&A) -> bool) -> bool {
        self.active
            .remove_if(&order, |_, active| is_dead(&active.address))
            .is_some()
    }

    /// Removes the orders without messages that are idle by their stats; returns how many.
    pub fn passivate(&self, is_idle: impl Fn(&S) -> bool) -> usize {
        let is_idle = |active: &Active<A, S>| self.taken(active) == 0 && is_idle(&active.stats);
        let idle = self.active.iter().filter(|entry| is_idle(entry.value()));
        let candidates: Vec<K> = idle.map(|entry| *entry.key()).collect();
        let passivate = |order: &K| self.active.remove_if(order, |_, active| is_idle(active));
        candidates.iter().filter_map(passivate).count()
    }

    /// Reads one order's stats, with the number of its messages; `None` if it is not active.
    pub fn look<T>(&self, order: K, look: impl FnOnce(&S, usize) -> T) -> Option<T> {
        let active = self.active.get(&order)?;
        Some(look(&active.stats, self.taken(&active)))
    }

    /// Reads all stats.
    pub fn look_at_all<T>(&self, look: impl Fn(&S, usize) -> T) -> Vec<(K, T)> {
        self.active
            .iter()
            .map(|entry| (*entry.key(), look(&entry.stats, self.taken(&entry))))
            .collect()
    }

    /// An order's messages that are not handled yet.
    fn taken(&self, active: &Active<A, S>) -> usize {
        self.limits.mailbox - active.mailbox.available_permits()
    }

    /// Messages and webhooks in the process that are not handled yet.
    pub fn in_flight(&self) -> usize {
        self.limits.process - self.process.available_permits()
    }

    /// Gives out no more places in the process.
    pub fn close(&self) {
        self.process.close();
    }
}

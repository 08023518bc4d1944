//! The orders in play, and who may still come in: the registry without its actors.
//!
//! Nouns: a *mailbox* counts what waits for one order; a [`Passage`] is a place in it and in the
//! process, which travels with its message and is given back with it.
//!
//! The rule that must not be broken: places are taken and idle orders are removed under the same
//! lock of the map's shard. So what somebody is about to use is never removed, and an order
//! never has two actors that work.

use std::hash::Hash;
use std::time::Duration;

use super::places::{Place, Places};
use super::sync::{Arc, AtomicBool, DashMap, Ordering};

/// What waits for one order.
pub trait Mailbox {
    /// Takes one of `places`; `false` if all are taken.
    fn enter(&self, places: usize) -> bool;
    /// Gives the place back.
    fn leave(&self);
    /// Whether there is nothing to do and has been nothing to do for so long.
    fn is_idle_for(&self, idle: Duration) -> bool;
}

/// Messages at most.
pub struct Room {
    /// Of one order: the one that is handled and those that wait.
    pub mailbox: usize,
    /// In the process.
    pub process: usize,
}

/// The orders in play.
pub struct InPlay<K, A, M> {
    active: DashMap<K, Active<A, M>>,
    room: Room,
    in_flight: Arc<Places>,
    closed: AtomicBool,
}

struct Active<A, M> {
    address: A,
    mailbox: Arc<M>,
}

/// A place in a mailbox and in the process, given back on drop.
pub struct Passage<M: Mailbox> {
    mailbox: Arc<M>,
    _in_flight: Place,
}

impl<M: Mailbox> Passage<M> {
    pub fn mailbox(&self) -> &M {
        &self.mailbox
    }
}

impl<M: Mailbox> Drop for Passage<M> {
    fn drop(&mut self) {
        self.mailbox.leave();
    }
}

impl<K: Copy + Eq + Hash, A: Clone, M: Mailbox> InPlay<K, A, M> {
    /// Starts with nobody.
    pub fn new(room: Room) -> Self {
        Self {
            active: DashMap::new(),
            room,
            in_flight: Arc::new(Places::new()),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes a place and finds the order's actor, or activates one; `None` if there is no place.
    pub fn admit(
        &self,
        order: K,
        activate: impl FnOnce() -> (A, Arc<M>),
    ) -> Option<(A, Passage<M>)> {
        let in_flight = self.in_flight.hold(self.room.process)?;
        // Looked at after the place is taken: whoever closes and then finds no place taken
        // knows that nobody comes in any more.
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        let active = self.active.entry(order).or_insert_with(|| {
            let (address, mailbox) = activate();
            Active { address, mailbox }
        });
        if !active.mailbox.enter(self.room.mailbox) {
            return None;
        }
        let passage = Passage {
            mailbox: active.mailbox.clone(),
            _in_flight: in_flight,
        };
        Some((active.address.clone(), passage))
    }

    /// Removes the order if its actor is still the dead one; `false` if somebody was first.
    pub fn bury(&self, order: K, is_dead: impl FnOnce(&A) -> bool) -> bool {
        self.active
            .remove_if(&order, |_, active| is_dead(&active.address))
            .is_some()
    }

    /// Removes the orders that have been idle for so long; says how many.
    pub fn passivate_idle(&self, idle: Duration) -> usize {
        let candidates: Vec<K> = self
            .active
            .iter()
            .filter(|entry| entry.value().mailbox.is_idle_for(idle))
            .map(|entry| *entry.key())
            .collect();
        let passivate = |order: &K| {
            self.active
                .remove_if(order, |_, active| active.mailbox.is_idle_for(idle))
        };
        candidates.iter().filter_map(passivate).count()
    }

    /// A look at one; `None` if the order is not in play.
    pub fn look<T>(&self, order: K, look: impl FnOnce(&M) -> T) -> Option<T> {
        self.active.get(&order).map(|active| look(&active.mailbox))
    }

    /// A look at all of them.
    pub fn look_at_all<T>(&self, look: impl Fn(&M) -> T) -> Vec<(K, T)> {
        self.active
            .iter()
            .map(|entry| (*entry.key(), look(&entry.value().mailbox)))
            .collect()
    }

    /// Messages that are not done.
    pub fn in_flight(&self) -> usize {
        self.in_flight.taken()
    }

    /// Admits nobody any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

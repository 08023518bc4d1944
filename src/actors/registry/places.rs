//! Places that are counted: in an order's mailbox, in the process, among the waiters.
//!
//! The rule that must not be broken: looking whether one is free and taking it is one step.

use super::sync::{Arc, AtomicUsize, Ordering};

/// How many are taken.
pub struct Places {
    taken: AtomicUsize,
}

/// One of them, given back on drop.
pub struct Place(Arc<Places>);

impl Places {
    pub fn new() -> Self {
        Self {
            taken: AtomicUsize::new(0),
        }
    }

    /// Takes one of `most`; `false` if all are taken.
    pub fn take(&self, most: usize) -> bool {
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
                (taken < most).then_some(taken + 1)
            })
            .is_ok()
    }

    /// Takes one of `most` for whoever holds the [`Place`].
    pub fn hold(self: &Arc<Self>, most: usize) -> Option<Place> {
        self.take(most).then(|| Place(self.clone()))
    }

    pub fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

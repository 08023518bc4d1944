//! The types of `src/actors/registry/sync.rs`, from `shuttle`.

use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness, TryAcquireError};
pub use shuttle::sync::Arc;
pub use shuttle_dashmap::DashMap;

/// The part of tokio's `Semaphore` that admission needs.
pub struct Semaphore(BatchSemaphore);

/// A permit, given back on drop.
pub struct OwnedSemaphorePermit(Arc<Semaphore>);

impl Semaphore {
    pub fn new(permits: usize) -> Self {
        Self(BatchSemaphore::new(permits, Fairness::StrictlyFair))
    }

    pub fn available_permits(&self) -> usize {
        self.0.available_permits()
    }

    pub fn add_permits(&self, permits: usize) {
        self.0.release(permits);
    }

    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.0.try_acquire(1).map(|()| OwnedSemaphorePermit(self))
    }

    pub fn close(&self) {
        self.0.close();
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// The part of tokio's `watch` that a waiter table needs. Tokio tests its own implementation with loom.
pub mod watch {
    use shuttle::sync::atomic::{AtomicUsize, Ordering};
    use shuttle::sync::{Arc, Condvar, Mutex};

    struct Shared<T> {
        /// The value, and the number of sends.
        state: Mutex<(T, usize)>,
        changed: Condvar,
        receivers: AtomicUsize,
    }

    pub struct Sender<T>(Arc<Shared<T>>);

    pub struct Receiver<T> {
        shared: Arc<Shared<T>>,
        seen: usize,
    }

    impl<T> Sender<T> {
        pub fn new(value: T) -> Self {
            Self(Arc::new(Shared {
                state: Mutex::new((value, 0)),
                changed: Condvar::new(),
                receivers: AtomicUsize::new(0),
            }))
        }

        pub fn subscribe(&self) -> Receiver<T> {
            self.0.receivers.fetch_add(1, Ordering::SeqCst);
            Receiver {
                shared: self.0.clone(),
                seen: self.0.state.lock().unwrap().1,
            }
        }

        pub fn receiver_count(&self) -> usize {
            self.0.receivers.load(Ordering::SeqCst)
        }

        pub fn send(&self, value: T) -> Result<(), T> {
            if self.receiver_count() == 0 {
                return Err(value);
            }
            let mut state = self.0.state.lock().unwrap();
            *state = (value, state.1 + 1);
            self.0.changed.notify_all();
            Ok(())
        }
    }

    impl<T: Clone> Receiver<T> {
        /// Waits for a value that was sent after the last one seen.
        pub fn next(&mut self) -> T {
            let mut state = self.shared.state.lock().unwrap();
            while state.1 == self.seen {
                state = self.shared.changed.wait(state).unwrap();
            }
            self.seen = state.1;
            state.0.clone()
        }
    }

    impl<T> Drop for Receiver<T> {
        fn drop(&mut self) {
            self.shared.receivers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

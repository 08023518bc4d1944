//! The monotonic clock for pauses. A test can move it forward, so that it need not wait for an hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A monotonic clock. Clones move together.
#[derive(Clone, Debug, Default)]
pub struct Timekeeper {
    skipped_ms: Arc<AtomicU64>,
}

impl Timekeeper {
    /// Now.
    pub fn now(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.skipped_ms.load(Ordering::Relaxed))
    }

    /// Moves forward.
    pub fn skip(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).expect("a test skips hours, not ages");
        self.skipped_ms.fetch_add(millis, Ordering::Relaxed);
    }
}

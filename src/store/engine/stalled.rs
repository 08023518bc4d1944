//! Connections on which nothing moves: the server is stopped, or a cable is cut.
//!
//! sqlx has no time limit for a statement on the client's side, and a connection whose
//! statement was given up must not be used as it is (sqlx issue 4385). So a task that gives up
//! says so here first; for a while the pool then tries each connection before it is used and
//! cleans it after, and closes hard what does not answer. A pool in which connections may have
//! been lost is replaced, see `pool.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long no connection is trusted after a task gave up: where one is dead, the others
/// may be too.
const WARY_FOR: Duration = Duration::from_secs(60);

/// Says whether a task has just given up. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Stalled {
    since: Instant,
    /// Milliseconds after `since`; 0 is never.
    gave_up_ms: Arc<AtomicU64>,
}

impl Stalled {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            gave_up_ms: Arc::default(),
        }
    }

    /// A task gives up. Invariant: called before the statement's future is dropped.
    pub fn give_up(&self) {
        let now = millis(self.since.elapsed()).max(1);
        self.gave_up_ms.store(now, Ordering::SeqCst);
    }

    /// Whether a connection must show that it is alive.
    pub fn is_wary(&self) -> bool {
        self.gave_up_at().is_some_and(|at| at.elapsed() < WARY_FOR)
    }

    /// When a task gave up last.
    pub fn gave_up_at(&self) -> Option<Instant> {
        match self.gave_up_ms.load(Ordering::SeqCst) {
            0 => None,
            after => Some(self.since + Duration::from_millis(after)),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

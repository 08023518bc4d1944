//! Connections on which nothing moves: the server is stopped, or a cable is cut.
//!
//! sqlx has no time limit for a statement on the client's side, and a connection whose
//! statement was given up must never be used again (sqlx issue 4385). So whoever gives up
//! says so here first, and the pool closes what is then released, hard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx;

/// How long what is released is closed after somebody gave up; the release follows at once.
const WARY_FOR: Duration = Duration::from_secs(5);

/// Says whether somebody has just given up. Cheap to clone.
#[derive(Clone)]
pub(super) struct Wedged {
    since: Instant,
    /// Milliseconds after `since`; 0 is never.
    wary_until_ms: Arc<AtomicU64>,
}

impl Wedged {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            wary_until_ms: Arc::default(),
        }
    }

    /// Somebody gives up. Invariant: called before the statement's future is dropped.
    pub fn give_up(&self) {
        self.wary_until_ms.store(
            self.millis(self.since.elapsed() + WARY_FOR),
            Ordering::SeqCst,
        );
    }

    /// For the pool, when a connection is released.
    ///
    /// # Errors
    /// If somebody has just given up: the pool then closes the connection hard.
    pub fn may_be_used_again(&self) -> Result<bool, sqlx::Error> {
        if self.millis(self.since.elapsed()) < self.wary_until_ms.load(Ordering::SeqCst) {
            return Err(sqlx::Error::Protocol("a statement was given up".to_owned()));
        }
        Ok(true)
    }

    fn millis(&self, duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }
}

//! Keeps the table of sessions true: closes those of which nothing is heard any more, and has
//! those ended whose voucher has ended.
//!
//! It takes no input and keeps no state: each round says what is true by the database's
//! clock, so that several processes may do the same.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::store::{Store, StoreError};

/// How often the sessions are looked at.
const TICK: Duration = Duration::from_secs(3);
/// Vouchers a round.
const BATCH: u64 = 100;

/// The loop.
#[derive(Clone)]
pub struct Sweep {
    store: Store,
}

impl Sweep {
    /// Sweeps the sessions of this database.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Goes on until stopped.
    pub async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(TICK)).await.is_some() {
            if let Err(error) = self.run_once().await {
                warn!(%error, "sweep: the sessions cannot be read; trying again");
            }
        }
    }

    /// One round.
    ///
    /// # Errors
    /// If the sessions cannot be read or written; the next round does what is left.
    pub async fn run_once(&self) -> Result<(), StoreError> {
        let now = self.store.clock().now();
        let silent = self.store.close_silent_sessions(now).await?;
        let ended = self.store.queue_ended(now, BATCH).await?;
        if silent > 0 || ended > 0 {
            info!(silent, ended, "sessions swept");
        }
        Ok(())
    }
}

//! Forgetting: after `retention.bodies_days` the bodies of webhooks leave the journal, a small
//! batch at a time. What was decided, when and why stays.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::RetentionConfig;
use crate::store::{Store, StoreError};

/// Between two rounds.
const EACH: Duration = Duration::from_secs(3_600);
/// Between two batches: a sale never waits long behind one.
const BREATH: Duration = Duration::from_millis(100);
/// Rows a batch.
const BATCH: u64 = 500;

/// The loop.
#[derive(Clone)]
pub struct Retention {
    store: Store,
    bodies: Option<TimeDelta>,
}

impl Retention {
    /// Forgets what the configuration says.
    pub fn new(store: Store, config: &RetentionConfig) -> Self {
        let days = i64::from(config.bodies_days);
        Self {
            store,
            bodies: (days > 0).then(|| TimeDelta::days(days)),
        }
    }

    /// Goes on until stopped; ends at once if everything is kept.
    pub async fn run(self, stop: CancellationToken) {
        // The journal is read once from its beginning, and then from where it was left.
        let mut reached = 0;
        while self.bodies.is_some() {
            match stop.run_until_cancelled(self.run_once(&mut reached)).await {
                None => return,
                Some(Ok(0)) => {}
                Some(Ok(forgotten)) => info!(forgotten, "bodies of old webhooks left the journal"),
                Some(Err(error)) => warn!(%error, "old webhooks cannot be forgotten yet"),
            }
            if stop.run_until_cancelled(sleep(EACH)).await.is_none() {
                return;
            }
        }
    }

    /// One round over the rows after `reached`, which moves with it; says how many bodies left.
    ///
    /// # Errors
    /// If the journal cannot be read or written; what is left is for the next round.
    pub async fn run_once(&self, reached: &mut i64) -> Result<u64, StoreError> {
        let Some(bodies) = self.bodies else {
            return Ok(0);
        };
        let before = self.store.now().await? - bodies;
        let mut forgotten = 0;
        while let Some(last) = self.store.old_deliveries(*reached, before, BATCH).await? {
            forgotten += self.store.forget_bodies(*reached, last, before).await?;
            *reached = last;
            sleep(BREATH).await;
        }
        Ok(forgotten)
    }
}

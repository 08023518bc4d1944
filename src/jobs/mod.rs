//! Periodic jobs. Each has a `run_once` that a test calls.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::store::StoreError;

pub mod clock_watch;
pub mod reconciler;
pub mod relay;
pub mod retention;

/// Runs rounds of a job until the stop, `pause` apart. A round under way is finished first. A round
/// that fails is logged, and the next one, after two pauses, does the rest.
async fn every<T, F>(
    pause: Duration,
    stop: CancellationToken,
    job: &'static str,
    round: impl Fn() -> F,
) where
    F: Future<Output = Result<T, StoreError>>,
{
    while stop.run_until_cancelled(sleep(pause)).await.is_some() {
        if let Err(error) = round().await {
            warn!(%error, job, "the database cannot be read or written; trying again");
            stop.run_until_cancelled(sleep(pause)).await;
        }
    }
}

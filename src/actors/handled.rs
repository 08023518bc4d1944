//! A case on its way back from the actor to whoever sent it.

use std::sync::Arc;
use std::time::Instant;

use super::gauge::Gauge;
use super::order::{WeighError, Weighed};
use super::permit::Permit;
use crate::metrics::Metrics;
use crate::store::Journalling;

/// Weighed, and perhaps not yet durable.
pub(super) struct Handled {
    pub weighed: Weighed,
    /// The delivery, if all that it leaves is a line in the journal, and since when it is on
    /// its way. The actor goes on, so that copies are journalled together; whoever sent this
    /// one waits for its line.
    pub journalling: Option<(Journalling, Instant)>,
    /// Of the actor, to be told of a line that is lost.
    pub gauge: Arc<Gauge>,
    /// Given back when nothing of it is left to do.
    pub permit: Permit,
}

impl Handled {
    /// Waits until all that belongs to it is durable.
    pub async fn durable(self, metrics: &Metrics) -> Result<Weighed, WeighError> {
        if let Some((journalling, began)) = self.journalling {
            let written = journalling.durable().await;
            if let Err(error) = written {
                self.gauge.failed(error.to_string());
                return Err(error.into());
            }
            metrics.transaction.observe(began.elapsed());
        }
        drop(self.permit);
        Ok(self.weighed)
    }
}

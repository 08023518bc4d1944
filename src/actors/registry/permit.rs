//! A place taken, in an order's mailbox and in the process. It travels with its message and
//! is given back when the message is done or lost, so that no count can leak.

use std::sync::Arc;

use super::gauge::Gauge;
use super::in_play::Passage;
use crate::observability::metrics::Metrics;

/// A place in an order's mailbox and in the process.
pub(in crate::actors) struct Permit {
    passage: Passage<Gauge>,
    metrics: Arc<Metrics>,
    is_waiting: bool,
}

impl Permit {
    /// Its message waits in the mailbox from now on.
    pub fn new(passage: Passage<Gauge>, metrics: &Arc<Metrics>) -> Self {
        metrics.mailbox_depth.inc();
        Self {
            passage,
            metrics: metrics.clone(),
            is_waiting: true,
        }
    }

    /// The message leaves the mailbox: it is handled now.
    pub fn begin(&mut self) {
        self.passage.mailbox().begin();
        self.leave_mailbox();
    }

    fn leave_mailbox(&mut self) {
        if std::mem::take(&mut self.is_waiting) {
            self.metrics.mailbox_depth.dec();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // A message that was lost with its actor has never begun.
        self.leave_mailbox();
    }
}

//! A place taken, in an order's mailbox and in the process. It travels with its message and
//! is given back when the message is done or lost, so that no count can leak.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gauge::Gauge;
use crate::metrics::Metrics;

/// A place in an order's mailbox and in the process.
pub(super) struct Permit {
    gauge: Arc<Gauge>,
    in_flight: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    is_waiting: bool,
}

impl Permit {
    /// Both places are already counted; this gives them back.
    pub fn new(gauge: &Arc<Gauge>, in_flight: &Arc<AtomicUsize>, metrics: &Arc<Metrics>) -> Self {
        metrics.mailbox_depth.inc();
        Self {
            gauge: gauge.clone(),
            in_flight: in_flight.clone(),
            metrics: metrics.clone(),
            is_waiting: true,
        }
    }

    /// The message leaves the mailbox: it is handled now.
    pub fn begin(&mut self) {
        self.gauge.begin();
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
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.gauge.leave();
    }
}

//! What operators and Prometheus read: shared atomics, never a question to a busy actor.
//!
//! One value of [`Metrics`] a process, handed to whoever counts; no globals, so that a test
//! can run two servers in one process.

use std::sync::Arc;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::domain::outcome::Outcome;

mod sliding;

pub use sliding::{Percentiles, Sliding};

/// Seconds; from a tenth of a millisecond to the five seconds in which every webhook is
/// answered.
const BUCKETS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
    5.0, 30.0,
];

/// What became of deliveries that are not journalled.
pub const REJECTED: [&str; 2] = ["unauthenticated", "busy"];

/// A duration, as a Prometheus histogram and as percentiles of the last five minutes.
pub struct Latency {
    histogram: Histogram,
    sliding: Sliding,
}

impl Latency {
    /// Counts one duration.
    pub fn observe(&self, duration: std::time::Duration) {
        self.histogram.observe(duration.as_secs_f64());
        self.sliding.record(duration);
    }

    /// In milliseconds, of the last five minutes.
    pub fn percentiles(&self) -> Percentiles {
        self.sliding.percentiles()
    }
}

/// Every instrument of this process.
pub struct Metrics {
    registry: Registry,
    /// Deliveries by outcome; also `unauthenticated` and `busy`.
    pub webhooks: IntCounterVec,
    /// From the last byte of a delivery to its answer.
    pub webhook: Latency,
    /// From begin to commit of what a message writes.
    pub transaction: Latency,
    /// From commit to the waiter woken.
    pub notice: Latency,
    /// Order actors in memory.
    pub order_actors: IntGauge,
    /// Order actors that entered memory.
    pub activations: IntCounter,
    /// Order actors that left memory.
    pub passivations: IntCounter,
    /// Order actors that were replaced after a panic.
    pub restarts: IntCounter,
    /// Messages waiting for order actors, beside those being handled.
    pub mailbox_depth: IntGauge,
    /// Parked polls.
    pub waiters: IntGauge,
    /// Notices of the status actor.
    pub notices: IntCounter,
    /// Waiters that a notice woke.
    pub wakeups: IntCounter,
    /// Outbox messages by state.
    pub outbox: IntGaugeVec,
    /// SMS handed to the provider.
    pub sms_sent: IntCounter,
    /// Attempts to send an SMS that failed.
    pub sms_failed: IntCounter,
    /// Orders that the reconciler has asked ZenoPay about.
    pub reconciler_checked: IntCounter,
    /// Orders whose status the reconciler has mended.
    pub reconciler_repairs: IntCounter,
    /// Orders by open status.
    pub payments: IntGaugeVec,
}

impl Metrics {
    /// Makes the instruments of a process.
    pub fn new() -> Arc<Self> {
        let registry = Registry::new();
        // The one instrument that cannot be had twice in a registry; ours is new.
        #[cfg(target_os = "linux")]
        register(
            &registry,
            prometheus::process_collector::ProcessCollector::for_self(),
        );
        let build = gauges(
            &registry,
            "malipo_build_info",
            "What is running.",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let webhooks = counters(
            &registry,
            "malipo_webhooks_total",
            "Deliveries from ZenoPay by outcome.",
            &["outcome"],
        );
        // Each is there from the start: a series that begins at its first event hides that
        // event from `rate()`.
        for outcome in Outcome::ALL.map(Outcome::as_str).iter().chain(&REJECTED) {
            webhooks.with_label_values(&[*outcome]);
        }
        Arc::new(Self {
            webhooks,
            webhook: latency(
                &registry,
                "malipo_webhook_duration_seconds",
                "From the last byte of a delivery to its answer.",
            ),
            transaction: latency(
                &registry,
                "malipo_transaction_duration_seconds",
                "From begin to commit of what a message writes.",
            ),
            notice: latency(
                &registry,
                "malipo_status_notice_duration_seconds",
                "From commit to the waiter woken.",
            ),
            order_actors: gauge(&registry, "malipo_order_actors", "Order actors in memory."),
            activations: counter(
                &registry,
                "malipo_order_actor_activations_total",
                "Order actors that entered memory.",
            ),
            passivations: counter(
                &registry,
                "malipo_order_actor_passivations_total",
                "Order actors that left memory.",
            ),
            restarts: counter(
                &registry,
                "malipo_order_actor_restarts_total",
                "Order actors that were replaced after a panic.",
            ),
            mailbox_depth: gauge(
                &registry,
                "malipo_order_actor_mailbox_depth",
                "Messages waiting for order actors, beside those being handled.",
            ),
            waiters: gauge(&registry, "malipo_status_waiters", "Parked long polls."),
            notices: counter(
                &registry,
                "malipo_status_notices_total",
                "Notices after commit.",
            ),
            wakeups: counter(
                &registry,
                "malipo_status_wakeups_total",
                "Waiters that a notice woke.",
            ),
            outbox: gauges(
                &registry,
                "malipo_outbox_messages",
                "Outbox messages by state, refreshed each 15 s.",
                &["state"],
            ),
            sms_sent: counter(
                &registry,
                "malipo_sms_sent_total",
                "SMS that the provider took.",
            ),
            sms_failed: counter(
                &registry,
                "malipo_sms_failures_total",
                "Attempts to send an SMS that failed.",
            ),
            reconciler_checked: counter(
                &registry,
                "malipo_reconciler_checks_total",
                "Orders that ZenoPay was asked about on schedule.",
            ),
            reconciler_repairs: counter(
                &registry,
                "malipo_reconciler_repairs_total",
                "Orders whose status the reconciler has mended.",
            ),
            payments: gauges(
                &registry,
                "malipo_payments",
                "Orders by open status, refreshed each 15 s.",
                &["status"],
            ),
            registry,
        })
    }

    /// The text that Prometheus scrapes.
    ///
    /// # Errors
    /// If an instrument cannot be written, which is a bug.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

const NAMED_ONCE: &str = "instrument names are constants, each used once";

fn register(registry: &Registry, collector: impl prometheus::core::Collector + 'static) {
    registry.register(Box::new(collector)).expect(NAMED_ONCE);
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let counter = IntCounter::new(name, help).expect(NAMED_ONCE);
    register(registry, counter.clone());
    counter
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let counters = IntCounterVec::new(Opts::new(name, help), labels).expect(NAMED_ONCE);
    register(registry, counters.clone());
    counters
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let gauge = IntGauge::new(name, help).expect(NAMED_ONCE);
    register(registry, gauge.clone());
    gauge
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels).expect(NAMED_ONCE);
    register(registry, gauges.clone());
    gauges
}

fn latency(registry: &Registry, name: &str, help: &str) -> Latency {
    let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
    let histogram = Histogram::with_opts(options).expect(NAMED_ONCE);
    register(registry, histogram.clone());
    Latency {
        histogram,
        sliding: Sliding::new(),
    }
}

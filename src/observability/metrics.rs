//! What operators and Prometheus read: shared atomics, so that no actor is asked.
//!
//! One value of [`Metrics`] per process, and no globals, so that a test can run two servers in one
//! process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use strum::VariantArray;

use super::sliding::Sliding;
use crate::domain::access::{RadiusHealth, RadiusTrouble, RefusalReason, VoucherTestResult};
use crate::domain::order::Outcome;

pub use super::sliding::Percentiles;

/// Seconds; from a tenth of a millisecond to the five seconds in which every webhook is
/// answered.
const BUCKETS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
    5.0, 30.0,
];

/// Outcomes of deliveries that are not journalled.
pub const REJECTED: [&str; 2] = ["unauthenticated", "busy"];

/// A duration, as a Prometheus histogram and as percentiles of the last five minutes.
pub struct Latency {
    histogram: Histogram,
    sliding: Sliding,
}

impl Latency {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        self.histogram.observe(duration.as_secs_f64());
        self.sliding.record(Instant::now(), duration);
    }

    /// In milliseconds, of the last five minutes.
    pub fn percentiles(&self) -> Percentiles {
        self.sliding.percentiles(Instant::now())
    }
}

/// Every instrument of this process.
pub struct Metrics {
    registry: Registry,
    /// Deliveries by outcome; also `unauthenticated` and `busy`.
    pub webhooks: IntCounterVec,
    /// POSTs to a webhook's path that does not exist.
    pub unrouted_webhooks: IntCounter,
    /// Requests with X-Forwarded-For from an address that is not a trusted proxy.
    pub untrusted_forwards: IntCounter,
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
    /// How long the oldest message that is not done has been here, in seconds; set when
    /// the metrics are read.
    pub oldest_message: Gauge,
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
    /// SMS that count as sent although the provider's answer was not understood.
    pub sms_unclear: IntCounter,
    /// Attempts to send an SMS that failed.
    pub sms_failed: IntCounter,
    /// Orders that the reconciler has asked ZenoPay about.
    pub reconciler_checked: IntCounter,
    /// Orders whose status the reconciler has corrected.
    pub reconciler_repairs: IntCounter,
    /// 1 while ZenoPay counts as down.
    pub zenopay_circuit: IntGauge,
    /// 1 while the SMS provider counts as down.
    pub sms_circuit: IntGauge,
    /// 1 while a restored database holds SMS and Disconnect-Requests back.
    pub outbox_held: IntGauge,
    /// 1 while the database of a live process has payments that a sandbox has simulated.
    pub simulated: IntGauge,
    /// Age of the oldest unsent SMS, in seconds.
    pub outbox_oldest: IntGauge,
    /// Bytes of SQLite's log; 0 on PostgreSQL.
    pub database_wal: IntGauge,
    /// Orders by open status.
    pub payments: IntGaugeVec,
    /// Age of the newest backup, in seconds; not a number while there is none.
    pub backup_age: Gauge,
    /// FreeRADIUS, as its tests found it.
    pub radius: RadiusInstruments,
}

impl Metrics {
    /// Makes the instruments of a process, beside the failures that its supervisor counts.
    #[rustfmt::skip] // A table is read by its columns.
    pub fn new(task_failures: &IntCounterVec) -> Arc<Self> {
        let all = Instruments(Registry::new());
        all.0.register(Box::new(ProcessCollector::for_self())).expect(NAMED_ONCE);
        all.add(Ok(task_failures.clone()));
        all.gauges("malipo_build_info", "What is running.", "version")
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        let webhooks = all.counters("malipo_webhooks_total", "Deliveries from ZenoPay by outcome.", "outcome");
        // Each is there from the start: a series that begins at its first event hides that
        // event from `rate()`.
        for outcome in Outcome::OF_DELIVERIES.map(Outcome::as_str).iter().chain(&REJECTED) {
            webhooks.with_label_values(&[*outcome]);
        }
        let backup_age: Gauge = all.add(Gauge::new("malipo_backup_age_seconds", "Age of the newest backup by deploy/backup; NaN while there is none."));
        backup_age.set(f64::NAN);
        Arc::new(Self {
            backup_age,
            webhooks,
            unrouted_webhooks: all.counter("malipo_unrouted_webhooks_total", "POSTs to a webhook path that does not exist."),
            untrusted_forwards: all.counter("malipo_untrusted_forwarded_for_total", "Requests with X-Forwarded-For from an address that is not in server.trusted_proxies."),
            webhook: all.latency("malipo_webhook_duration_seconds", "From the last byte of a delivery to its answer."),
            transaction: all.latency("malipo_transaction_duration_seconds", "From begin to commit of what a message writes."),
            notice: all.latency("malipo_status_notice_duration_seconds", "From commit to the waiter woken."),
            order_actors: all.gauge("malipo_order_actors", "Order actors in memory."),
            activations: all.counter("malipo_order_actor_activations_total", "Order actors that entered memory."),
            passivations: all.counter("malipo_order_actor_passivations_total", "Order actors that left memory."),
            restarts: all.counter("malipo_order_actor_restarts_total", "Order actors replaced after a panic."),
            mailbox_depth: all.gauge("malipo_order_actor_mailbox_depth", "Messages waiting for order actors, beside those being handled."),
            oldest_message: all.add(Gauge::new("malipo_order_actor_oldest_message_seconds", "How long the oldest message that is not done has been here.")),
            waiters: all.gauge("malipo_status_waiters", "Parked long polls."),
            notices: all.counter("malipo_status_notices_total", "Notices after commit."),
            wakeups: all.counter("malipo_status_wakeups_total", "Waiters that a notice woke."),
            outbox: all.gauges("malipo_outbox_messages", "Outbox messages by state, refreshed within 15 s.", "state"),
            sms_sent: all.counter("malipo_sms_sent_total", "SMS that the provider took."),
            sms_unclear: all.counter("malipo_sms_unclear_total", "SMS that count as sent, by an answer that was not understood."),
            sms_failed: all.counter("malipo_sms_failures_total", "Attempts to send an SMS that failed."),
            reconciler_checked: all.counter("malipo_reconciler_checks_total", "Orders asked about on schedule."),
            reconciler_repairs: all.counter("malipo_reconciler_repairs_total", "Orders that the reconciler has mended."),
            zenopay_circuit: all.gauge("malipo_zenopay_circuit_open", "1 while ZenoPay does not answer and the reconciler pauses."),
            sms_circuit: all.gauge("malipo_sms_circuit_open", "1 while the SMS provider takes nothing and the relay pauses."),
            outbox_held: all.gauge("malipo_outbox_held", "1 while a restored database holds SMS and Disconnect-Requests back, refreshed within 15 s."),
            simulated: all.gauge("malipo_simulated_payments", "1 while the database of a live process has payments that a sandbox has simulated, refreshed within 15 s."),
            outbox_oldest: all.gauge("malipo_outbox_oldest_unsent_seconds", "Age of the oldest unsent SMS, refreshed within 15 s."),
            database_wal: all.gauge("malipo_database_wal_bytes", "Bytes of SQLite's log, refreshed within 15 s; 0 on PostgreSQL."),
            payments: all.gauges("malipo_payments", "Orders by open status, refreshed within 15 s.", "status"),
            radius: RadiusInstruments::new(&all),
            registry: all.0,
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

/// A registry that is being filled.
struct Instruments(Registry);

const NAMED_ONCE: &str = "instrument names are constants, each used once";

impl Instruments {
    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let instrument = made.expect(NAMED_ONCE);
        let registered = self.0.register(Box::new(instrument.clone()));
        registered.expect(NAMED_ONCE);
        instrument
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label]))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Opts::new(name, help), &[label]))
    }

    fn latency(&self, name: &str, help: &str) -> Latency {
        let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        Latency {
            histogram: self.add(Histogram::with_opts(options)),
            sliding: Sliding::default(),
        }
    }
}

/// The instruments of the tests of sold vouchers at FreeRADIUS.
pub struct RadiusInstruments {
    proofs: IntCounterVec,
    down: IntGauge,
    /// Sold vouchers that are still refused, by the database.
    pub refused: IntGauge,
    refused_lately: IntGaugeVec,
    unaccounted: IntGaugeVec,
    health: Mutex<RadiusHealth>,
}

impl RadiusInstruments {
    #[rustfmt::skip] // A table is read by its columns.
    fn new(all: &Instruments) -> Self {
        let proofs = all.counters("malipo_radius_proofs_total", "Sold vouchers that were tried at FreeRADIUS, by result.", "result");
        // Each is there from the start, so that `rate()` sees the first event.
        for result in VoucherTestResult::VARIANTS {
            proofs.with_label_values(&[result.into_str()]);
        }
        Self {
            proofs,
            down: all.gauge("malipo_radius_down", "1 while FreeRADIUS does not answer, or not with a valid Message-Authenticator."),
            refused: all.gauge("malipo_radius_vouchers_refused", "Vouchers of the last day that FreeRADIUS still refuses, refreshed within 15 s."),
            refused_lately: all.add(IntGaugeVec::new(Opts::new("malipo_radius_vouchers_refused_lately", "Vouchers that FreeRADIUS refused in the last hour or day, also if it accepts them now, by the reason of the last refusal."), &["within", "reason"])),
            unaccounted: all.gauges("malipo_radius_unaccounted_vouchers", "Vouchers of the last day that a router has let in since it last reported a session, by router; only routers whose accounting is in doubt.", "router"),
            health: Mutex::default(),
        }
    }

    /// Sets how many vouchers were refused in the last hour and in the last day.
    pub fn set_refused_lately(&self, rows: impl Iterator<Item = (RefusalReason, i64, i64)>) {
        let gauge = |within: &str, reason: RefusalReason| {
            let labels = [within, reason.into_str()];
            self.refused_lately.with_label_values(&labels)
        };
        let rows: Vec<_> = rows.collect();
        for reason in RefusalReason::VARIANTS {
            let (mut hour, mut day) = (0, 0);
            for (_, in_an_hour, in_a_day) in rows.iter().filter(|(of, ..)| of == reason) {
                hour += in_an_hour;
                day += in_a_day;
            }
            gauge("hour", *reason).set(hour);
            gauge("day", *reason).set(day);
        }
    }

    /// Sets the routers that let vouchers in and report no session; all others are forgotten.
    pub fn set_unaccounted(&self, routers: impl Iterator<Item = (String, i64)>) {
        self.unaccounted.reset();
        for (router, vouchers) in routers {
            let gauge = self.unaccounted.with_label_values(&[router.as_str()]);
            gauge.set(vouchers);
        }
    }

    /// Counts a sold voucher that was tested.
    pub fn count(&self, result: VoucherTestResult) {
        self.proofs.with_label_values(&[result.into_str()]).inc();
    }

    /// Records whether FreeRADIUS answers; returns the change.
    pub fn learn(&self, result: VoucherTestResult, now: DateTime<Utc>) -> Option<RadiusTurn> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let was_down = health.trouble().is_some();
        health.learn(result, now);
        let is_down = health.trouble().is_some();
        self.down.set(is_down.into());
        match (was_down, is_down) {
            (false, true) => Some(RadiusTurn::WentDown),
            (true, false) => Some(RadiusTurn::CameBack),
            (false, false) | (true, true) => None,
        }
    }

    /// What is wrong with FreeRADIUS, and since when.
    pub fn trouble(&self) -> Option<(RadiusTrouble, DateTime<Utc>)> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.trouble()
    }
}

/// A change, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RadiusTurn {
    /// It no longer answers.
    WentDown,
    /// It answers again.
    CameBack,
}

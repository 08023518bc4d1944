//! The metrics, as Prometheus reads them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;

use super::watch;
use crate::harness::{Kind, TestApp};

on_both_databases! {
    every_metric_is_there_before_anything_happens,
    the_metrics_count_what_happens,
}

/// Types by name, and values by name and labels.
struct Scrape {
    types: BTreeMap<String, String>,
    values: BTreeMap<String, f64>,
}

impl Scrape {
    async fn of(app: &TestApp) -> Self {
        let answer = app.get(&app.url("/metrics")).await;
        assert_eq!(answer.status, 200);
        let content_type = answer.header("content-type").unwrap();
        assert!(
            content_type.starts_with("text/plain; version=0.0.4"),
            "{content_type}"
        );
        Self::parse(&answer.text)
    }

    /// Parses the text format 0.0.4, line by line.
    fn parse(text: &str) -> Self {
        let mut scrape = Self {
            types: BTreeMap::new(),
            values: BTreeMap::new(),
        };
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let (what, name) = (words.next().unwrap(), words.next().unwrap());
                let rest = words.next().unwrap();
                match what {
                    "HELP" => assert!(!rest.is_empty(), "{line}"),
                    "TYPE" => {
                        let before = scrape.types.insert(name.to_owned(), rest.to_owned());
                        assert_eq!(before, None, "twice: {line}");
                    }
                    _ => panic!("{line}"),
                }
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            assert!(!name.is_empty() && name.chars().all(legal), "{line}");
            assert!(!sample.contains('{') || sample.ends_with('}'), "{line}");
            let family = scrape
                .types
                .keys()
                .any(|family| name.starts_with(family.as_str()));
            assert!(family, "no TYPE before {line}");
            let before = scrape
                .values
                .insert(sample.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "twice: {line}");
        }
        scrape
    }

    #[track_caller]
    fn value(&self, sample: &str) -> f64 {
        let known = || self.values.keys().collect::<Vec<_>>();
        *self
            .values
            .get(sample)
            .unwrap_or_else(|| panic!("no {sample} in {:#?}", known()))
    }
}

async fn every_metric_is_there_before_anything_happens(kind: Kind) {
    let app = TestApp::start(kind).await;
    // Open orders are first counted a moment after the start. No operator has requested anything
    // yet: a metric must not depend on that.
    let begun = Instant::now();
    let mut scrape = Scrape::of(&app).await;
    while !scrape.types.contains_key("malipo_payments") {
        assert!(begun.elapsed() < Duration::from_secs(45), "not counted");
        sleep(Duration::from_millis(10)).await;
        scrape = Scrape::of(&app).await;
    }

    for (name, kind) in [
        ("malipo_webhooks_total", "counter"),
        ("malipo_webhook_duration_seconds", "histogram"),
        ("malipo_transaction_duration_seconds", "histogram"),
        ("malipo_status_notice_duration_seconds", "histogram"),
        ("malipo_order_actors", "gauge"),
        ("malipo_order_actor_activations_total", "counter"),
        ("malipo_order_actor_passivations_total", "counter"),
        ("malipo_order_actor_mailbox_depth", "gauge"),
        ("malipo_status_waiters", "gauge"),
        ("malipo_unrouted_webhooks_total", "counter"),
        ("malipo_untrusted_forwarded_for_total", "counter"),
        ("malipo_outbox_held", "gauge"),
        ("malipo_outbox_messages", "gauge"),
        ("malipo_reconciler_repairs_total", "counter"),
        ("malipo_payments", "gauge"),
        ("malipo_build_info", "gauge"),
        ("process_cpu_seconds_total", "counter"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_start_time_seconds", "gauge"),
        ("process_open_fds", "gauge"),
    ] {
        assert_eq!(
            scrape.types.get(name).map(String::as_str),
            Some(kind),
            "{name}"
        );
    }
    // A series that begins with its first event hides that event from `rate()`.
    for outcome in OUTCOMES {
        assert_eq!(
            scrape.value(&format!("malipo_webhooks_total{{outcome=\"{outcome}\"}}")),
            0.0
        );
    }
    for status in ["PENDING", "HELD"] {
        assert_eq!(
            scrape.value(&format!("malipo_payments{{status=\"{status}\"}}")),
            0.0
        );
    }
    for state in ["queued", "failed", "dead"] {
        assert_eq!(
            scrape.value(&format!("malipo_outbox_messages{{state=\"{state}\"}}")),
            0.0
        );
    }
    let build = scrape
        .values
        .iter()
        .find(|(name, _)| name.starts_with("malipo_build_info{"));
    let (labels, value) = build.unwrap();
    assert!(
        labels.contains("version=\"") && *value == 1.0,
        "{labels} {value}"
    );
}

const OUTCOMES: [&str; 13] = [
    "completed",
    "duplicate",
    "stale",
    "failed",
    "cancelled",
    "pending",
    "held",
    "unconfirmed",
    "unknown_order",
    "malformed",
    "unauthenticated",
    "busy",
    "error",
];

async fn the_metrics_count_what_happens(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (paid, held, open) = (app.buy().await, app.buy().await, app.buy().await);
    let watching = watch(&app, &paid).await;
    let watched = Scrape::of(&app).await;
    app.deliver_word(&paid, "COMPLETED").await;
    assert!(watching.text().await.unwrap().contains("COMPLETED"));
    app.until_parked(0).await;
    app.deliver_word(&paid, "COMPLETED").await;
    app.deliver_word(&open, "PENDING").await;
    let short = json!({"order_id": held.id, "payment_status": "COMPLETED", "amount": 1});
    app.deliver(short.to_string()).await;
    app.unproven("{")
        .header("x-api-key", "wrong")
        .send()
        .await
        .unwrap();
    // Open orders are counted periodically, so one count may be older than the last order.
    let mut scrape = Scrape::of(&app).await;
    for _ in 0..1_000 {
        let is_counted = scrape.value("malipo_payments{status=\"HELD\"}") == 1.0
            && scrape.value("malipo_payments{status=\"PENDING\"}") == 1.0
            && scrape.value("malipo_outbox_messages{state=\"queued\"}") == 0.0;
        if is_counted {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        scrape = Scrape::of(&app).await;
    }

    assert_eq!(watched.value("malipo_status_waiters"), 1.0);
    for (outcome, count) in [
        ("completed", 1.0),
        ("duplicate", 1.0),
        ("pending", 1.0),
        ("held", 1.0),
        ("unauthenticated", 1.0),
        ("stale", 0.0),
    ] {
        let sample = format!("malipo_webhooks_total{{outcome=\"{outcome}\"}}");
        assert_eq!(scrape.value(&sample), count, "{outcome}");
    }
    for (sample, value) in [
        ("malipo_status_waiters", 0.0),
        ("malipo_order_actors", 3.0),
        ("malipo_order_actor_activations_total", 3.0),
        ("malipo_order_actor_passivations_total", 0.0),
        ("malipo_order_actor_mailbox_depth", 0.0),
        ("malipo_webhook_duration_seconds_count", 5.0),
        ("malipo_transaction_duration_seconds_count", 4.0),
        ("malipo_status_notice_duration_seconds_count", 1.0),
        ("malipo_payments{status=\"PENDING\"}", 1.0),
        ("malipo_payments{status=\"HELD\"}", 1.0),
    ] {
        assert_eq!(scrape.value(sample), value, "{sample}");
    }
    for name in ["webhook", "transaction", "status_notice"] {
        let sample = |rest: &str| scrape.value(&format!("malipo_{name}_duration_seconds_{rest}"));
        assert_eq!(sample("bucket{le=\"+Inf\"}"), sample("count"), "{name}");
        assert!(sample("sum") > 0.0, "{name}");
        assert!(sample("bucket{le=\"0.0001\"}") <= sample("count"), "{name}");
    }
}

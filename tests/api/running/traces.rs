//! A webhook as one trace at a collector, and a collector that is missing.

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;

use crate::harness::collector::{Collector, attribute};
use crate::harness::process::{Process, run};
use crate::harness::{Answer, Kind, TestDatabase, body_of, http_client};

on_both_databases! {
    one_trace_leads_from_the_webhook_to_the_commit_and_to_the_notice,
    a_missing_collector_harms_nothing,
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Buys a package and delivers its paid webhook as part of a caller's trace.
async fn buy(process: &Process) -> String {
    let http = http_client();
    let portal = format!("{}/api/v1/customer-portal", process.base);
    let payload = json!({"packageId": "daily", "phoneNumber": "0754193826"});
    let bought = http.post(format!("{portal}/payment")).json(&payload);
    let bought = Answer::of(bought.send().await.unwrap()).await.json();
    let order_id = bought["order_id"].as_str().unwrap().to_owned();

    let webhook = http
        .post(format!("{portal}/webhook/zenopay"))
        .header("x-api-key", "sandbox-key")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .body(body_of(&order_id, "COMPLETED"));
    assert_eq!(webhook.send().await.unwrap().status(), 200);
    order_id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn one_trace_leads_from_the_webhook_to_the_commit_and_to_the_notice(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let collector = Collector::start();
    let endpoint = [("MALIPO__TELEMETRY__OTLP_ENDPOINT", collector.url.as_str())];
    let mut process = Process::serve(&database.url, &endpoint);

    let order_id = buy(&process).await;
    // A graceful stop sends the remaining traces.
    process.signal("-TERM");
    assert_eq!(process.wait(), Some(0));

    let spans: Vec<Span> = collector.spans();
    let in_trace = |span: &&Span| hex(&span.trace_id) == TRACE;
    let ours: Vec<&Span> = spans.iter().filter(in_trace).collect();
    let step = |name: &str| {
        let found: Vec<_> = ours.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {ours:#?}");
        *found[0]
    };
    let (webhook, actor) = (step("webhook"), step("actor"));
    let (transaction, commit) = (step("transaction"), step("commit"));
    let notice = step("notice");
    assert_eq!(hex(&webhook.parent_span_id), CALLER);
    for (child, parent) in [
        (actor, webhook),
        (transaction, actor),
        (commit, transaction),
        (notice, actor),
    ] {
        assert_eq!(child.parent_span_id, parent.span_id, "{}", child.name);
        assert!(child.start_time_unix_nano >= parent.start_time_unix_nano);
    }
    assert!(
        notice.start_time_unix_nano >= commit.end_time_unix_nano,
        "notified before the commit"
    );
    let named = attribute(webhook, "order");
    assert_eq!(named.as_deref(), Some(&order_id[..8]));
    assert_eq!(attribute(webhook, "outcome").as_deref(), Some("completed"));
}

/// OpenTelemetry's own variable, which its library reads.
#[test]
fn a_collectors_key_is_not_sent_in_plain_over_the_network() {
    let key = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hush");
    for (url, code) in [
        ("http://collector.example", 2),
        // Allowed; the database that is named does not exist.
        ("https://collector.example", 1),
        ("http://127.0.0.1:9", 1),
    ] {
        let settings = [
            key,
            ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
            ("MALIPO__TELEMETRY__OTLP_ENDPOINT", url),
            ("MALIPO__DATABASE__URL", "postgres://127.0.0.1:1/nowhere"),
        ];

        let output = run(&["serve"], &settings);

        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{url}: {printed}");
        assert!(!printed.contains("hush"), "{printed}");
    }
}

async fn a_missing_collector_harms_nothing(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let endpoint = [("MALIPO__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let mut process = Process::serve(&database.url, &endpoint);

    let order_id = buy(&process).await;
    process.signal("-TERM");

    assert_eq!(process.wait(), Some(0));
    let is_order = database.is_order(&order_id);
    let sold = format!("SELECT COUNT(*) FROM payments WHERE {is_order} AND status = 'COMPLETED'");
    database.wait_for_count(&sold, 1).await;
}

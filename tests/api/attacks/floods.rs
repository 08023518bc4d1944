//! A stranger's webhooks fill neither the log nor the collector of traces.

use std::fs::{self, File};
use std::process::Stdio;

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::harness::collector::Collector;
use crate::harness::process::Process;
use crate::harness::{KEY, Kind, TestDatabase, body_of, http_client};

on_both_databases! {
    a_flood_of_unproven_webhooks_does_not_fill_the_log,
    a_strangers_trace_is_not_kept,
}

const FLOOD: usize = 600;

async fn send(http: &Client, process: &Process, order_id: &str, headers: &[(&str, &str)]) -> u16 {
    let url = format!("{}/api/v1/customer-portal/webhook/zenopay", process.base);
    let mut request = http.post(url).body(body_of(order_id, "COMPLETED"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

async fn a_flood_of_unproven_webhooks_does_not_fill_the_log(kind: Kind) {
    let (database, folder) = (TestDatabase::create(kind).await, TempDir::new().unwrap());
    let path = folder.path().join("log");
    let log = Stdio::from(File::create(&path).unwrap());
    let settings = [("MALIPO__LOG__FILTER", "info")];
    let mut process = Process::serve_telling(&database.url, &settings, log);
    let http = http_client();

    // Unknown orders, wrong keys, and bodies that name none.
    for wrong in [&[][..], &[("x-api-key", "wrong")]] {
        let sent = (0..FLOOD / 2).map(|_| {
            let order_id = Uuid::new_v4().to_string();
            let (http, process) = (&http, &process);
            async move { send(http, process, &order_id, wrong).await }
        });
        assert!(join_all(sent).await.into_iter().all(|status| status == 401));
    }
    let proven = Uuid::new_v4().to_string();
    assert_eq!(
        send(&http, &process, &proven, &[("x-api-key", KEY)]).await,
        404
    );
    let metrics = http.get(format!("{}/metrics", process.base));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    process.signal("-TERM");
    assert_eq!(process.wait(), Some(0));

    let all = format!("malipo_webhooks_total{{outcome=\"unauthenticated\"}} {FLOOD}\n");
    assert!(metrics.contains(&all), "{metrics}");
    let log = fs::read_to_string(path).unwrap();
    let lines = |part: &str| log.lines().filter(|line| line.contains(part)).count();
    // Sixty in a minute, and the flood may last over the end of one.
    let logged = lines("unauthenticated");
    assert!((1..=FLOOD / 3).contains(&logged), "{logged} lines");
    assert!(lines("webhook received") <= FLOOD / 3 + 1, "{log}");
    assert!(lines(&proven[..8]) >= 2, "{log}");
}

async fn a_strangers_trace_is_not_kept(kind: Kind) {
    let (database, collector) = (TestDatabase::create(kind).await, Collector::start());
    let settings = [
        ("MALIPO__TELEMETRY__OTLP_ENDPOINT", collector.url.as_str()),
        ("MALIPO__TELEMETRY__SAMPLE_PERCENT", "0"),
    ];
    let mut process = Process::serve(&database.url, &settings);
    let http = http_client();
    let body = json!({"packageId": "daily", "phoneNumber": "0754193826"});
    let bought = http
        .post(format!("{}/api/v1/customer-portal/payment", process.base))
        .header("traceparent", traceparent(1))
        .json(&body);
    let bought: serde_json::Value = bought.send().await.unwrap().json().await.unwrap();
    let order_id = bought["order_id"].as_str().unwrap();

    let strangers = traceparent(2);
    for headers in [
        &[("traceparent", strangers.as_str())][..],
        &[("traceparent", strangers.as_str()), ("x-api-key", "wrong")],
    ] {
        assert_eq!(send(&http, &process, order_id, headers).await, 401);
    }
    let theirs = traceparent(3);
    let proven = [("traceparent", theirs.as_str()), ("x-api-key", KEY)];
    assert_eq!(send(&http, &process, order_id, &proven).await, 200);
    process.signal("-TERM");
    assert_eq!(process.wait(), Some(0));

    let spans = collector.spans();
    let kept: Vec<_> = spans.iter().map(|span| span.trace_id.last()).collect();
    assert!(!kept.is_empty(), "the trace of a proven webhook is kept");
    assert!(kept.iter().all(|last| *last == Some(&3)), "{spans:#?}");
}

fn traceparent(number: u8) -> String {
    format!("00-4bf92f3577b34da6a3ce929d0e0e47{number:02x}-00f067aa0ba902b7-01")
}

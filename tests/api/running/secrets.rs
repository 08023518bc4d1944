//! A complete purchase with known values, and a search for them in everything that the binary
//! writes.

use std::process::Stdio;

use serde_json::json;
use tempfile::NamedTempFile;

use crate::harness::collector::Collector;
use crate::harness::process::Process;
use crate::harness::{Answer, Kind, TOKEN, TestDatabase, body_of, http_client};

on_both_databases! {
    nothing_that_the_binary_writes_holds_a_phone_a_name_a_key_a_token_or_a_code,
}

const KEY: &str = "zk-4f1d2b8c6a";
const PHONE: &str = "0754193826";
const PASSED: &str = "Mwanaidi";

async fn nothing_that_the_binary_writes_holds_a_phone_a_name_a_key_a_token_or_a_code(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let log = NamedTempFile::new().unwrap();
    // At the highest log level, libraries included, as an engineer may set it to find a fault.
    let collector = Collector::start();
    let settings = [
        ("MALIPO__TELEMETRY__OTLP_ENDPOINT", collector.url.as_str()),
        ("MALIPO__LOG__FILTER", "trace"),
        ("MALIPO__LOG__FORMAT", "json"),
        ("MALIPO__ZENOPAY__API_KEY", KEY),
    ];
    let mut process =
        Process::serve_telling(&database.url, &settings, Stdio::from(log.reopen().unwrap()));
    let http = http_client();
    let portal = format!("{}/api/v1/customer-portal", process.base);

    let purchase = json!({"packageId": "daily", "phoneNumber": PHONE, "customerName": PASSED});
    let bought = http.post(format!("{portal}/payment")).json(&purchase);
    let bought = Answer::of(bought.send().await.unwrap()).await.json();
    let order_id = bought["order_id"].as_str().unwrap().to_owned();
    let secret = kept(&database, &order_id, "webhook_secret").await;
    let owner_token = kept(&database, &order_id, "owner_token").await;
    let payload = json!({"order_id": order_id, "payment_status": "COMPLETED", "msisdn": PHONE});
    let by_key = http.post(format!("{portal}/webhook/zenopay"));
    let by_key = by_key.header("x-api-key", KEY).body(payload.to_string());
    assert_eq!(by_key.send().await.unwrap().status(), 200);
    let by_token = http.post(format!("{portal}/webhook/zenopay/{order_id}.{secret}"));
    let by_token = by_token.body(body_of(&order_id, "COMPLETED"));
    assert_eq!(by_token.send().await.unwrap().status(), 200);
    let status = http.get(format!("{portal}/payment/status/{order_id}?wait=1"));
    let status = Answer::of(status.send().await.unwrap()).await.json();
    let code = status["voucher_code"].as_str().unwrap().to_owned();
    open_owner_link_pages(&http, &process.base, &owner_token).await;
    let sent = "SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'";
    database.wait_for_count(sent, 1).await;
    let mut written = Vec::new();
    for path in ["/metrics", "/api/v1/operator/actors", "/health/ready"] {
        let request = http
            .get(format!("{}{path}", process.base))
            .bearer_auth(TOKEN);
        written.push(request.send().await.unwrap().text().await.unwrap());
    }
    process.signal("-TERM");
    assert_eq!(process.wait(), Some(0));

    written.extend(process.greeting.iter().cloned());
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("webhook processed"), "{log}");
    // The SMS provider `log` stands for the handset in the sandbox, and is the only exception.
    let (sms, lines): (Vec<_>, Vec<_>) =
        (log.lines().map(str::to_owned)).partition(|line| line.contains("\"message\":\"sms\""));
    assert_eq!(sms.len(), 1, "{sms:?}");
    written.extend(lines);
    assert!(!collector.spans().is_empty());
    written.push(collector.text());
    for text in written {
        for private in [
            &PHONE[1..],
            PASSED,
            KEY,
            &secret,
            &owner_token,
            TOKEN,
            &code,
        ] {
            assert!(!text.contains(private), "{private} in {text}");
        }
    }
}

/// The stored value of this column for the order.
async fn kept(database: &TestDatabase, order_id: &str, column: &str) -> String {
    let is_order = database.is_order(order_id);
    let asked = format!("SELECT {column} FROM payments WHERE {is_order}");
    database.text(&asked).await.unwrap()
}

/// Opens the pages whose address contains the owner's token.
async fn open_owner_link_pages(http: &reqwest::Client, base: &str, token: &str) {
    for path in [format!("/v/{token}"), format!("/v/{token}/reissue")] {
        let shown = http.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(shown.status(), 200, "{path}");
    }
}

//! The log shows each step of a sale, and no secret.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::DateTime;
use malipo::domain::people::Secret;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Answer, Kind, TOKEN, TestApp, body_of, fresh_phone};

on_both_databases! {
    the_log_shows_each_step_of_a_sale_and_no_secret,
}

/// Differs from the key of the other tests, which is a word that a log may contain by chance.
const KEY: &str = "zk-7c1f0e5a9b";

/// Part of the body of a delivery that cannot be parsed.
const BROKEN: &str = "not-to-be-logged";

/// The captured log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures everything that this process logs. Each test has a process of its own, and this is
    /// called before the server starts, which then keeps the existing subscriber.
    fn capture() -> Self {
        let log = Self::default();
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_env_filter(EnvFilter::new("info,malipo=trace,actix_server=warn"))
            .with_writer(log.clone())
            .init();
        log
    }

    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn the_log_shows_each_step_of_a_sale_and_no_secret(kind: Kind) {
    let log = Log::capture();
    let app = TestApp::start_with(kind, |config| {
        config.zenopay.api_key = Some(Secret::new(KEY));
    })
    .await;
    let phone = fresh_phone();
    let idempotency_key = "the-key-of-this-purchase";
    let body =
        json!({"packageId": "daily", "phoneNumber": phone, "customerName": "Zuhura Kisanga"});
    let bought = app.pay_with_key(&body, idempotency_key).await.json();
    let order_id = bought["order_id"].as_str().unwrap();
    let is_order = app.database.is_order(order_id);
    let kept = async |what: &str| {
        app.database
            .text(&what.replace("$order", &is_order))
            .await
            .unwrap()
    };
    let secret = kept("SELECT webhook_secret FROM payments WHERE $order").await;

    app.pay(&body).await;
    let other = json!({"packageId": "weekly", "phoneNumber": phone});
    app.pay_with_key(&other, idempotency_key).await;
    app.get_as_operator("/api/v1/operator/actors").await;
    deliver_unusable(&app, order_id, &secret).await;
    let payload = json!({"order_id": order_id, "payment_status": "COMPLETED", "reference": "0936183435",
        "buyer_phone": phone, "msisdn": phone, "channel": "MPESA-TZ"});
    for outcome in ["completed", "duplicate"] {
        let delivery = app.unproven(payload.to_string()).header("x-api-key", KEY);
        let answer = Answer::of(delivery.send().await.unwrap()).await;
        assert_eq!(answer.verdict(), (200, outcome.to_owned()));
    }
    let code =
        kept("SELECT code FROM vouchers WHERE payment_id = (SELECT id FROM payments WHERE $order)")
            .await;
    app.get(&app.portal(&format!("/payment/status/{order_id}?wait=5")))
        .await;
    let sms = log.line_when(|line| line["message"] == "sms").await;
    app.stop().await;

    // The sandbox's stand-in for the handset logs the only line that may contain the phone and the
    // code.
    let handset = sms.to_string();
    assert!(handset.contains(&phone[1..]), "{handset}");
    assert!(handset.contains(&code), "{handset}");
    let lines = log.lines();
    #[rustfmt::skip]
    let private = [
        &phone[1..], &code, &secret, KEY, TOKEN, idempotency_key, "Kisanga", BROKEN,
    ];
    for line in lines.iter().filter(|line| line["message"] != "sms") {
        let text = line.to_string();
        for private in private {
            assert!(!text.contains(private), "{private:?} in {text}");
        }
    }
    assert_story(&lines, order_id);
}

/// Delivers webhooks that are unproven or cannot be parsed.
async fn deliver_unusable(app: &TestApp, order_id: &str, secret: &str) {
    let paid = body_of(order_id, "COMPLETED");
    let by_token = app.portal(&format!("/webhook/zenopay/{order_id}.{secret}"));
    for (delivery, status) in [
        (app.http.post(&by_token).body(format!("{{{BROKEN}")), 400),
        (
            app.http.post(format!("{by_token}0")).body(paid.clone()),
            401,
        ),
        (app.unproven(paid).header("x-api-key", "wrong"), 401),
    ] {
        assert_eq!(delivery.send().await.unwrap().status(), status);
    }
}

/// The three lines by which an order can be followed through the log.
fn assert_story(lines: &[Value], order_id: &str) {
    let of = |message: &str| {
        let is_of = |line: &&Value| line["message"] == message && line["order"] == order_id[..8];
        lines.iter().filter(is_of).collect::<Vec<_>>()
    };
    let (received, updated, processed) = (
        of("webhook received"),
        of("payment status updated"),
        of("webhook processed"),
    );
    assert!(received.len() >= 2, "{lines:#?}");
    assert_eq!(updated.len(), 1, "{lines:#?}");
    let committed_at = updated[0]["committed_at"].as_str().unwrap();
    assert!(
        DateTime::parse_from_rfc3339(committed_at).is_ok(),
        "{committed_at}"
    );
    for outcome in ["completed", "duplicate", "unauthenticated"] {
        let line = processed.iter().find(|line| line["outcome"] == outcome);
        let line = line.unwrap_or_else(|| panic!("no line of {outcome}: {lines:#?}"));
        assert!(
            line["processing_ms"].as_f64().is_some_and(|it| it > 0.0),
            "{line}"
        );
    }
    let place = |wanted: &Value| lines.iter().position(|line| line == wanted).unwrap();
    let completed = processed
        .iter()
        .find(|line| line["outcome"] == "completed")
        .unwrap();
    assert!(
        place(updated[0]) < place(completed),
        "processed comes after the commit"
    );
}

impl Log {
    /// The first line that satisfies the condition, as soon as it is there.
    async fn line_when(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(line) = self.lines().into_iter().find(|line| is_it(line)) {
                return line;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(45),
                "not logged: {:#?}",
                self.lines()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }
}

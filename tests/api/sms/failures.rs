//! The provider is slow, broken or refuses: the guest gets the code sooner or later, or an operator
//! sees the failure.

use std::time::Duration;

use malipo::config::{Mode, SmsProvider};
use malipo::domain::people::Secret;

use super::gateway::{Does, FakeGateway};
use super::{by_nextsms, column, sell, state};
use crate::harness::{Kind, TestApp, TestDatabase};
use crate::reconciling::{eventually, metric};

on_both_databases! {
    the_code_is_sent_once_and_the_providers_id_for_it_is_kept,
    an_sms_to_an_unknown_phone_is_given_up_at_once_and_an_operator_can_send_it_again,
    a_message_is_given_up_after_the_configured_attempts,
    an_unreadable_answer_counts_as_sent_and_raises_an_alert,
    a_provider_that_is_down_is_not_hammered_and_later_gets_every_message,
    in_live_mode_the_log_provider_sends_nothing_and_messages_wait,
}

const LONG_AGO: &str = "2020-01-01T00:00:00+00:00";

/// Ends every pause and lease in the outbox.
pub async fn make_due(database: &TestDatabase) {
    let sql = format!("UPDATE sms_messages SET due_at = '{LONG_AGO}' WHERE state <> 'sent'");
    database.execute(&sql).await;
}

async fn the_code_is_sent_once_and_the_providers_id_for_it_is_kept(kind: Kind) {
    let gateway = FakeGateway::that(Does::Take);
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;

    let order = sell(&app).await;
    app.deliver_word(&order, "COMPLETED").await;
    eventually("it is sent", async || state(&app, &order).await == "sent").await;

    let sent = gateway.sent();
    assert_eq!(sent.len(), 1);
    let code = app.status(&order).await["voucher_code"].clone();
    assert!(
        sent[0]["text"]
            .as_str()
            .unwrap()
            .contains(code.as_str().unwrap())
    );
    assert_eq!(sent[0]["to"], format!("255{}", &order.phone[1..]));
    assert_eq!(sent[0]["from"], "DUKA");
    for (name, value) in [
        ("provider", "nextsms"),
        ("provider_message_id", "1"),
        ("parts", "1"),
        ("attempts", "1"),
    ] {
        assert_eq!(
            column(&app, &order, name).await.as_deref(),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(column(&app, &order, "receipt").await, None);
}

async fn an_sms_to_an_unknown_phone_is_given_up_at_once_and_an_operator_can_send_it_again(
    kind: Kind,
) {
    let gateway = FakeGateway::that(Does::Reject("REJECTED_DESTINATION"));
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;

    let order = sell(&app).await;
    eventually("it is dead", async || state(&app, &order).await == "dead").await;

    let error = column(&app, &order, "last_error").await;
    assert_eq!(
        error.as_deref(),
        Some("NextSMS refused: REJECTED_DESTINATION")
    );
    assert_eq!(column(&app, &order, "attempts").await.as_deref(), Some("1"));
    assert_eq!(gateway.sent().len(), 1);
    assert_eq!(
        metric(&app, "malipo_sms_circuit_open").await,
        0.0,
        "the provider is reachable"
    );

    gateway.now_does(Does::Take);
    let id: i64 = column(&app, &order, "id").await.unwrap().parse().unwrap();
    let settings = crate::harness::config(&app.database.url).database;
    let second_store = malipo::store::Store::open_beside(&settings).await.unwrap();
    let whose = second_store.resend_sms(id, None).await.unwrap();
    assert_eq!(whose.map(|order| order.to_string()), Some(order.id.clone()));
    assert_eq!(second_store.resend_sms(id + 1, None).await.unwrap(), None);
    eventually("it is sent", async || state(&app, &order).await == "sent").await;

    let sent = gateway.sent();
    assert_eq!(sent[0], sent[1]);
}

async fn a_message_is_given_up_after_the_configured_attempts(kind: Kind) {
    let gateway = FakeGateway::that(Does::Answer(500, ""));
    let nextsms = by_nextsms(&gateway);
    let app = TestApp::start_with(kind, |config| {
        nextsms(config);
        config.sms.attempts_max = 3;
    })
    .await;

    let order = sell(&app).await;
    for attempts in ["1", "2", "3"] {
        eventually(attempts, async || {
            column(&app, &order, "attempts").await.as_deref() == Some(attempts)
        })
        .await;
        // Not before the attempt is recorded: this would end its lease.
        make_due(&app.database).await;
    }

    eventually("it is dead", async || state(&app, &order).await == "dead").await;
    assert_eq!(gateway.sent().len(), 3);
    let other = sell(&app).await;
    eventually("the relay goes on", async || {
        state(&app, &other).await == "failed"
    })
    .await;
    assert_eq!(state(&app, &order).await, "dead");
    assert_eq!(gateway.sent().len(), 4);
}

async fn an_unreadable_answer_counts_as_sent_and_raises_an_alert(kind: Kind) {
    let gateway = FakeGateway::that(Does::Answer(200, r#"{"data":{"bulkId":"7"}}"#));
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;

    let order = sell(&app).await;
    eventually("it counts as sent", async || {
        state(&app, &order).await == "sent"
    })
    .await;

    assert_eq!(metric(&app, "malipo_sms_unclear_total").await, 1.0);
    let of = app.database.is_order(&order.id);
    let alerts = format!(
        "SELECT COUNT(*) FROM order_events
         WHERE {of} AND kind = 'sms_unclear' AND level = 'alert'"
    );
    assert_eq!(app.database.count(&alerts).await, 1);
    let path = format!("/api/v1/operator/orders/{}", order.id);
    let document = app.get_as_operator(&path).await.text;
    assert!(
        document.contains("NextSMS gave an answer that is not readable"),
        "{document}"
    );
    // It is not sent by itself, however much time passes.
    gateway.now_does(Does::Take);
    let due = format!("UPDATE sms_messages SET due_at = '{LONG_AGO}'");
    app.database.execute(&due).await;
    let other = sell(&app).await;
    eventually("the next is sent", async || {
        state(&app, &other).await == "sent"
    })
    .await;
    assert_eq!(gateway.sent().len(), 2, "each of the two once");
}

async fn a_provider_that_is_down_is_not_hammered_and_later_gets_every_message(kind: Kind) {
    let gateway = FakeGateway::that(Does::Answer(503, ""));
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;
    let is_paused = async || metric(&app, "malipo_sms_circuit_open").await == 1.0;

    let mut orders = Vec::new();
    for _ in 0..20 {
        orders.push(sell(&app).await);
    }
    eventually("the circuit opens", is_paused).await;
    let before = gateway.sent().len();
    // Five failures in a row, and at most one load that was in progress.
    assert!(before <= 5 + 8, "{before} messages until it gave up");

    // An hour in steps of five minutes, with one probe each.
    for _ in 0..12 {
        let sent = gateway.sent().len();
        end_the_pause(&app, &gateway).await;
        eventually("a probe goes out", async || gateway.sent().len() > sent).await;
    }
    let probes = gateway.sent().len() - before;
    assert!(probes <= 12 + 8, "{probes} probes in an hour");
    let dead = "SELECT COUNT(*) FROM sms_messages WHERE state = 'dead'";
    assert!(
        app.database.count(dead).await <= 1,
        "an outage uses up no attempts except the probes"
    );

    gateway.now_does(Does::Take);
    end_the_pause(&app, &gateway).await;
    for order in &orders {
        eventually("it is sent", async || {
            ["sent", "dead"].contains(&state(&app, order).await.as_str())
        })
        .await;
    }
    assert_eq!(metric(&app, "malipo_sms_circuit_open").await, 0.0);
}

/// Five minutes pass, and every message is due. The pause counts from when the last answer was
/// read, which is after it was sent.
async fn end_the_pause(app: &TestApp, gateway: &FakeGateway) {
    eventually("the last answer was read", async || {
        metric(app, "malipo_sms_failures_total").await == gateway.sent().len() as f64
    })
    .await;
    make_due(&app.database).await;
    app.app
        .api
        .reconciler
        .timekeeper()
        .skip(Duration::from_secs(300));
}

async fn in_live_mode_the_log_provider_sends_nothing_and_messages_wait(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.zenopay.mode = Mode::Live;
        config.zenopay.api_key = Some(Secret::new(crate::harness::KEY));
        config.zenopay.base_url = "http://127.0.0.1:9".parse().unwrap();
        config.sms.provider = SmsProvider::Log;
    })
    .await;
    let phone = crate::harness::fresh_phone();
    // No gateway can push here, so the order is FAILED; late money wins.
    let payload = serde_json::json!({"packageId": "daily", "phoneNumber": phone});
    app.pay(&payload).await;
    let id = app
        .database
        .text("SELECT CAST(id AS text) FROM payments")
        .await;
    assert_eq!(id.as_deref(), Some("1"));
    let order_id = order_id(&app).await;
    app.deliver(crate::harness::body_of(&order_id, "COMPLETED"))
        .await;

    app.actors_when(|seen| seen["relay"]["queued"] == 1).await;
    let waits = "SELECT COUNT(*) FROM sms_messages WHERE state = 'queued' AND attempts = 0";
    assert_eq!(app.database.count(waits).await, 1);
}

async fn order_id(app: &TestApp) -> String {
    let sql = match app.database.kind {
        Kind::Sqlite => "SELECT lower(hex(order_id)) FROM payments",
        Kind::Postgres => "SELECT CAST(order_id AS text) FROM payments",
    };
    let id = app.database.text(sql).await.unwrap();
    uuid::Uuid::parse_str(&id).unwrap().to_string()
}

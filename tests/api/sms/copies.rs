//! A message that may have been sent is sent again, and a copy has the same text and the same
//! reference.

use super::failures::make_due;
use super::gateway::{Does, FakeGateway};
use super::{by_nextsms, column, sell, state};
use crate::harness::process::Process;
use crate::harness::{Kind, TestApp, TestDatabase};
use crate::reconciling::eventually;

on_both_databases! {
    a_message_that_was_not_taken_is_sent_again_with_the_same_reference,
    a_server_killed_between_send_and_acknowledge_sends_a_copy_with_the_same_reference,
}

async fn a_message_that_was_not_taken_is_sent_again_with_the_same_reference(kind: Kind) {
    let html = "<html><body>Bad gateway</body></html>";
    let gateway = FakeGateway::that(Does::Take);
    let app = TestApp::start_with(kind, by_nextsms(&gateway)).await;

    for (case, does, error) in [
        ("500", Does::Answer(500, "oops"), "NextSMS answered 500"),
        ("HTML", Does::Answer(502, html), "NextSMS answered 502"),
        (
            "a refusal inside",
            Does::Answer(
                200,
                r#"{"success":false,"status":403,"message":"Not Authorized"}"#,
            ),
            "NextSMS refuses the credentials",
        ),
        ("hangs", Does::Hang, "NextSMS did not answer in time"),
    ] {
        gateway.now_does(does);
        let before = gateway.sent().len();
        let order = sell(&app).await;
        eventually(case, async || state(&app, &order).await == "failed").await;
        assert_eq!(
            column(&app, &order, "last_error").await.as_deref(),
            Some(error)
        );
        let later = app
            .database
            .count("SELECT COUNT(*) FROM sms_messages WHERE due_at > sent_at OR sent_at IS NULL");
        assert!(later.await >= 1, "{case}");

        gateway.now_does(Does::Take);
        make_due(&app.database).await;
        eventually(case, async || state(&app, &order).await == "sent").await;

        let sent = gateway.sent();
        assert_eq!(sent.len(), before + 2, "{case}");
        assert_eq!(sent[before], sent[before + 1], "{case}: a copy is a copy");
        assert_eq!(column(&app, &order, "attempts").await.as_deref(), Some("2"));
    }
}

async fn a_server_killed_between_send_and_acknowledge_sends_a_copy_with_the_same_reference(
    kind: Kind,
) {
    let gateway = FakeGateway::that(Does::Hang);
    let database = TestDatabase::create(kind).await;
    let url = gateway.url();
    let settings = [
        ("MALIPO__SMS__PROVIDER", "nextsms"),
        ("MALIPO__SMS__SENDER_ID", "DUKA"),
        ("MALIPO__SMS__USERNAME", "duka"),
        ("MALIPO__SMS__PASSWORD", "the-password"),
        ("MALIPO__SMS__BASE_URL", url.as_str()),
        // Longer than this test.
        ("MALIPO__SMS__TIMEOUT_MS", "60000"),
    ];
    let first = Process::serve(&database.url, &settings);
    sell_by(&first).await;
    eventually("the provider has it", async || gateway.sent().len() == 1).await;
    first.kill();
    let claimed = "SELECT COUNT(*) FROM sms_messages WHERE state = 'queued' AND attempts = 0";
    assert_eq!(database.count(claimed).await, 1, "nothing was acknowledged");

    gateway.now_does(Does::Take);
    let _second = Process::serve(&database.url, &settings);
    // Two minutes later.
    make_due(&database).await;
    database
        .wait_for_count("SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'", 1)
        .await;

    let sent = gateway.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1], "phone, text and reference");
    assert!(!sent[0]["reference"].as_str().unwrap().is_empty());
}

async fn sell_by(server: &Process) {
    let http = crate::harness::http_client();
    let base = format!("{}/api/v1/customer-portal", server.base);
    let payload = serde_json::json!({"packageId": "daily", "phoneNumber": "0712345678"});
    let bought = http
        .post(format!("{base}/payment"))
        .json(&payload)
        .send()
        .await;
    let bought: serde_json::Value = bought.unwrap().json().await.unwrap();
    let body = crate::harness::body_of(bought["order_id"].as_str().unwrap(), "COMPLETED");
    let paid = http
        .post(format!("{base}/webhook/zenopay"))
        .header("x-api-key", crate::harness::KEY)
        .body(body);
    assert_eq!(paid.send().await.unwrap().status().as_u16(), 200);
}

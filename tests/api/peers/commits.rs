//! A sale is written completely or not at all, and only a committed one is answered 200.

use std::time::Instant;

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::code_of;
use crate::harness::{ANSWERED_WITHIN, Kind, SaleCounts, TestApp, TestOrder, body_of};
use crate::reconciling::{eventually, machinery};

on_both_databases! {
    a_sale_whose_radius_user_cannot_be_written_is_no_sale,
    a_record_of_success_is_not_taken_for_a_failure,
    no_sms_goes_out_for_a_sale_that_was_rolled_back,
    an_error_is_not_answered_200,
    a_delivery_answered_200_is_on_record,
    a_database_that_hangs_is_answered_503_in_time_and_the_guest_is_served_later,
}

/// Renames a table, so that writing to it fails.
async fn take_away(app: &TestApp, table: &str) {
    let sql = format!("ALTER TABLE {table} RENAME TO {table}_away");
    app.database.execute(&sql).await;
}

async fn bring_back(app: &TestApp, table: &str) {
    let sql = format!("ALTER TABLE {table}_away RENAME TO {table}");
    app.database.execute(&sql).await;
}

async fn a_sale_whose_radius_user_cannot_be_written_is_no_sale(kind: Kind) {
    let app = TestApp::start(kind).await;

    for table in ["radcheck", "radreply", "radusergroup"] {
        let order = app.buy().await;

        take_away(&app, table).await;
        let failed = app.deliver_word(&order, "COMPLETED").await;
        let document = app.status(&order).await;
        bring_back(&app, table).await;

        assert_eq!(failed.verdict(), (500, "internal".to_owned()), "{table}");
        assert_eq!(document["payment_status"], "PENDING", "{table}");
        assert_eq!(document["version"], 1, "{table}");
        assert_eq!(document["voucher_code"], json!(null), "{table}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::NONE, "{table}");

        let copy = app.deliver_word(&order, "COMPLETED").await;
        assert_eq!(copy.verdict(), (200, "completed".to_owned()), "{table}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{table}");
    }
}

/// The inverted guard: a failure was recorded as processed, and a success was not.
async fn a_record_of_success_is_not_taken_for_a_failure(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    take_away(&app, "radcheck").await;
    let failed = app.deliver_word(&order, "COMPLETED").await;
    bring_back(&app, "radcheck").await;
    let failure_on_record = app.journal(&order.id, "error").await;
    let second = app.deliver_word(&order, "COMPLETED").await;
    let success_on_record = app.journal(&order.id, "completed").await;
    let third = app.deliver_word(&order, "COMPLETED").await;

    assert_eq!((failed.status, failure_on_record), (500, 1));
    assert_eq!(second.verdict(), (200, "completed".to_owned()));
    assert_eq!(success_on_record, 1);
    assert_eq!(third.verdict(), (200, "duplicate".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn no_sms_goes_out_for_a_sale_that_was_rolled_back(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let messages = "SELECT COUNT(*) FROM sms_messages";

    // The journal is written after the SMS and in the same transaction.
    take_away(&app, "webhook_deliveries").await;
    let failed = app.deliver_word(&order, "COMPLETED").await;
    bring_back(&app, "webhook_deliveries").await;

    // A delivery that cannot be journalled is answered 503, so that it is sent again, and not 500.
    assert_eq!(failed.verdict(), (503, "unavailable".to_owned()));
    assert_eq!(app.database.count(messages).await, 0);
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);

    app.deliver_word(&order, "COMPLETED").await;
    eventually("the SMS is sent", async || {
        app.database
            .count("SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'")
            .await
            == 1
    })
    .await;

    assert_eq!(machinery(&app).await["relay"]["sent"], 1);
    assert_eq!(app.database.count(messages).await, 1);
    let text = app.database.text("SELECT body FROM sms_messages").await;
    assert!(text.unwrap().contains(&code_of(&app.status(&order).await)));
}

async fn an_error_is_not_answered_200(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let stranger = "00000000-0000-4000-8000-000000000000";
    let twice = format!(
        r#"{{"order_id":"{0}","payment_status":"COMPLETED","payment_status":"FAILED"}}"#,
        order.id
    );

    for (case, body, status, code, outcome) in [
        (
            "an unknown order",
            body_of(stranger, "COMPLETED"),
            404,
            "order_not_found",
            "unknown_order",
        ),
        (
            "no order",
            r#"{"payment_status":"COMPLETED"}"#.to_owned(),
            400,
            "malformed_webhook",
            "malformed",
        ),
        (
            "cut off",
            format!(r#"{{"order_id":"{}""#, order.id),
            400,
            "malformed_webhook",
            "malformed",
        ),
        (
            "one key twice",
            twice,
            400,
            "malformed_webhook",
            "malformed",
        ),
    ] {
        let on_record = async || {
            let sql =
                format!("SELECT COUNT(*) FROM webhook_deliveries WHERE outcome = '{outcome}'");
            app.database.count(&sql).await
        };
        let before = on_record().await;

        let answer = app.deliver(body).await;

        assert_eq!(answer.verdict(), (status, code.to_owned()), "{case}");
        assert_eq!(on_record().await, before + 1, "{case}");
    }
    let huge = app.deliver("x".repeat(64 * 1024 + 1)).await;
    assert_eq!(huge.verdict(), (413, "payload_too_large".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
    assert_eq!(app.status(&order).await["payment_status"], "PENDING");
}

async fn a_delivery_answered_200_is_on_record(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (paid, failed, cancelled) = (app.buy().await, app.buy().await, app.buy().await);
    let total = "SELECT COUNT(*) FROM webhook_deliveries";

    let cases: [(&TestOrder, &str, &str); 9] = [
        (&paid, "PENDING", "pending"),
        (&paid, "WHATEVER", "pending"),
        (&paid, "PAID", "completed"),
        (&paid, "PAID", "duplicate"),
        (&paid, "FAILED", "stale"),
        (&failed, "FAILED", "failed"),
        (&failed, "PENDING", "stale"),
        (&cancelled, "USERCANCELLED", "cancelled"),
        (&cancelled, "USERCANCELLED", "duplicate"),
    ];
    for (written, (order, word, outcome)) in cases.into_iter().enumerate() {
        let answer = app.deliver_word(order, word).await;

        // Read over another connection, as soon as the answer arrives.
        let now_written = app.database.count(total).await;
        assert_eq!(answer.verdict(), (200, outcome.to_owned()), "{word}");
        assert_eq!(now_written, written as i64 + 1, "{word}");
        assert!(app.journal(&order.id, outcome).await >= 1, "{word}");
    }
}

async fn a_database_that_hangs_is_answered_503_in_time_and_the_guest_is_served_later(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let held = app.database.begin().await;
    if kind == Kind::Postgres {
        let all = "LOCK TABLE payments, webhook_deliveries IN ACCESS EXCLUSIVE MODE";
        held.execute_unprepared(all).await.unwrap();
    }

    let began = Instant::now();
    let answer = app.deliver_word(&order, "COMPLETED").await;
    let took = began.elapsed();
    held.rollback().await.unwrap();

    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.header("retry-after").is_some());
    assert!(took < ANSWERED_WITHIN, "{took:?}");

    let copy = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(copy.status, 200, "{}", copy.text);
    assert_eq!(copy.json()["payment_status"], "COMPLETED");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

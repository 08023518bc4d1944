//! The fields of the status document.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{hold, poll};
use crate::harness::{Answer, Kind, TestApp, TestOrder};

on_both_databases! {
    a_pending_order_is_shown_whole,
    a_completed_order_is_shown_with_its_voucher,
    a_voucher_that_counts_from_the_first_login_has_no_end_yet,
    an_order_that_is_not_completed_shows_no_voucher,
    the_document_is_in_the_readers_language,
    a_guest_who_waits_long_is_warned,
    an_order_is_found_by_its_id_however_it_is_written,
    an_id_of_no_order_is_not_found,
    the_document_is_never_cached,
}

async fn a_pending_order_is_shown_whole(kind: Kind) {
    let app = TestApp::start(kind).await;
    let before = Utc::now();
    let order = app.buy().await;

    let document = app.status(&order).await;

    let created_at = document["created_at"].clone();
    assert!(
        time(&created_at) >= before - TimeDelta::milliseconds(1) && time(&created_at) <= Utc::now()
    );
    let message = document["message"].clone();
    assert!(message.as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(
        document,
        json!({"status": "success", "payment_status": "PENDING", "order_id": order.id,
            "version": 1, "voucher_code": null, "voucher_generated": false,
            "code_replaced": false,
            "payment_id": payment_id(&app, &order).await,
            "package": {"code": "daily", "name": "Siku moja"}, "amount": 2000, "currency": "TZS",
            "created_at": created_at, "confirmed_at": null, "processed_at": null,
            "expires_at": null, "message": message, "failure_reason": null,
            "minutes_pending": 0, "timeout_warning": false})
    );
}

async fn a_completed_order_is_shown_with_its_voucher(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let pending = app.status(&order).await;

    app.deliver_word(&order, "COMPLETED").await;
    let document = app.status(&order).await;

    let [created, confirmed, processed, expires] =
        ["created_at", "confirmed_at", "processed_at", "expires_at"].map(|it| document[it].clone());
    assert_eq!(created, pending["created_at"]);
    assert!(time(&created) <= time(&confirmed) && time(&confirmed) <= time(&processed));
    assert_eq!(time(&expires) - time(&processed), TimeDelta::days(1));
    let is_order = app.database.is_order(&order.id);
    let code = app
        .database
        .text(&format!(
            "SELECT code FROM vouchers WHERE payment_id = (SELECT id FROM payments WHERE {is_order})"
        ))
        .await
        .unwrap();
    assert!(
        code.len() == 8
            && code
                .chars()
                .all(|c| "ABCDEFGHJKMNPQRSTUVWXYZ23456789".contains(c))
    );
    assert_ne!(document["message"], pending["message"]);
    assert_eq!(
        document,
        json!({"status": "success", "payment_status": "COMPLETED", "order_id": order.id,
            "version": 2, "voucher_code": code, "voucher_generated": true,
            "code_replaced": false,
            "payment_id": pending["payment_id"],
            "package": {"code": "daily", "name": "Siku moja"}, "amount": 2000, "currency": "TZS",
            "created_at": created, "confirmed_at": confirmed, "processed_at": processed,
            "expires_at": expires, "message": document["message"], "failure_reason": null,
            "minutes_pending": 0, "timeout_warning": false})
    );
}

async fn a_voucher_that_counts_from_the_first_login_has_no_end_yet(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy_package("student").await;

    app.deliver_word(&order, "COMPLETED").await;

    let document = app.status(&order).await;
    assert_eq!(document["payment_status"], "COMPLETED");
    assert_eq!(
        (&document["expires_at"], &document["voucher_generated"]),
        (&Value::Null, &json!(true))
    );
}

async fn an_order_that_is_not_completed_shows_no_voucher(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (failed, cancelled, held) = (app.buy().await, app.buy().await, app.buy().await);

    app.deliver_word(&failed, "INSUFFICIENT_FUNDS").await;
    app.deliver_word(&cancelled, "USERCANCELLED").await;
    hold(&app, &held).await;

    for (order, status) in [(failed, "FAILED"), (cancelled, "CANCELLED"), (held, "HELD")] {
        let document = app.status(&order).await;
        assert_eq!(
            (&document["payment_status"], &document["version"]),
            (&json!(status), &json!(2))
        );
        assert_eq!(document["voucher_generated"], false, "{status}");
        assert_eq!(document["minutes_pending"], 0, "{status}");
        for member in ["voucher_code", "expires_at", "processed_at"] {
            assert_eq!(document[member], Value::Null, "{status} {member}");
        }
        let reason = document["failure_reason"].as_str();
        assert!(reason.is_some_and(|text| !text.is_empty()), "{document}");
    }
}

async fn the_document_is_in_the_readers_language(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let shown_in = async |language: &str| {
        let request = app.http.get(super::status_url(&app, &order, ""));
        let answer = request.header("accept-language", language).send().await;
        Answer::of(answer.unwrap()).await.json()
    };

    let (swahili, english) = (shown_in("sw").await, shown_in("en").await);

    assert_eq!(swahili["package"]["name"], "Siku moja");
    assert_eq!(english["package"]["name"], "One day");
    assert!(swahili["message"].as_str().unwrap().contains("simu"));
    assert!(english["message"].as_str().unwrap().contains("phone"));
}

async fn a_guest_who_waits_long_is_warned(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let is_order = app.database.is_order(&order.id);

    for (seconds, minutes, warned) in [(70, 1, false), (130, 2, true), (290, 4, true)] {
        let created = (Utc::now() - TimeDelta::seconds(seconds))
            .to_rfc3339_opts(SecondsFormat::Millis, false);
        app.database
            .execute(&format!(
                "UPDATE payments SET created_at = '{created}' WHERE {is_order}"
            ))
            .await;
        let document = app.status(&order).await;
        assert_eq!(document["minutes_pending"], minutes, "{document}");
        assert_eq!(document["timeout_warning"], warned, "{document}");
    }
}

async fn an_order_is_found_by_its_id_however_it_is_written(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for written in [order.id.to_uppercase(), order.id.replace('-', "")] {
        let answer = app
            .get(&app.portal(&format!("/payment/status/{written}")))
            .await;

        assert_eq!(answer.status, 200, "{written}");
        assert_eq!(answer.json()["order_id"], order.id);
    }
}

async fn an_id_of_no_order_is_not_found(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let cut = &order.id[..35];

    for name in [
        "00000000-0000-0000-0000-000000000000",
        "7d444840-9dc0-11d1-b245-5ffdce74fad2",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        cut,
        &format!("{}0", order.id),
        "677e43274d7cb",
        "1",
        "-1",
        "%00",
        "%FF%FE",
        "%27%20OR%201=1--",
        "..%2F..%2Fetc%2Fpasswd",
        "🎁",
        &"a".repeat(5_000),
    ] {
        for suffix in ["", "?wait=30", "?wait=30&since=1", "/events"] {
            app.get(&app.portal(&format!("/payment/status/{name}{suffix}")))
                .await
                .assert_problem(404, "order_not_found");
        }
    }
}

async fn the_document_is_never_cached(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for query in ["", "?wait=0", "?since=0&wait=5", "?wait=never"] {
        let answer = poll(&app, &order, query).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{query}");
    }
    let unknown = app.get(&app.portal("/payment/status/nobody")).await;
    assert_eq!(unknown.header("cache-control"), Some("no-store"));
}

/// Parses RFC 3339 in UTC, the format of the document.
fn time(shown: &Value) -> DateTime<Utc> {
    let text = shown.as_str().unwrap();
    assert!(text.ends_with('Z'), "{text} is not UTC");
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

async fn payment_id(app: &TestApp, order: &TestOrder) -> i64 {
    let is_order = app.database.is_order(&order.id);
    app.database
        .count(&format!("SELECT id FROM payments WHERE {is_order}"))
        .await
}

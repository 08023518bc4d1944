//! The push: our row is written first, a clear refusal fails the order, and an unclear answer leads
//! to a status check and never to a second push.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{calls, named, order_in, pushes};
use crate::harness::{Answer, Kind, SaleCounts, TestApp, body_of, fresh_phone};

on_both_databases! {
    a_refused_push_fails_the_order_and_says_why,
    money_that_comes_after_a_refused_push_is_sold,
    an_unclear_push_stays_pending_is_checked_and_is_never_sent_again,
    a_push_goes_on_when_the_guest_hangs_up,
}

async fn a_refused_push_fails_the_order_and_says_why(kind: Kind) {
    let app = TestApp::start(kind).await;

    for (push, http_status) in [("refuse", 400), ("bad_key", 403)] {
        app.gateway_behaves(&json!({"push": push})).await;
        let answer = pay(&app).await;

        assert_eq!(answer.status, 502, "{push}: {}", answer.text);
        assert_eq!(answer.code(), "gateway_refused", "{push}");
        let order = order_in(&answer.json());
        let document = app.status(&order).await;
        assert_eq!(document["payment_status"], "FAILED", "{push}");
        assert_eq!(document["version"], 2, "{push}");
        assert_eq!(document["failure_reason"], "gateway_refused", "{push}");
        // Only admins see ZenoPay's own words.
        let wrote = "Invalid API Key or request payload";
        for public in [&answer.text, &document.to_string()] {
            assert!(!public.contains(wrote), "{push}: {public}");
        }
        let path = format!("/api/v1/operator/orders/{}", order.id);
        let shown = app.get_as_operator(&path).await.json();
        assert_eq!(shown["order"]["gateway_word"], wrote, "{push}");
        assert_eq!(pushes(&app, &order).await, 1, "{push}");
        let call = calls(
            &app,
            &order,
            &format!("answer = 'refused' AND http_status = {http_status}"),
        );
        assert_eq!(app.database.count(&call).await, 1, "{push}");
    }

    assert_eq!(phones_that_rang(&app).await, 0);
}

async fn money_that_comes_after_a_refused_push_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.gateway_behaves(&json!({"push": "refuse"})).await;
    let order = order_in(&pay(&app).await.json());

    let answer = app.deliver(body_of(&order.id, "COMPLETED")).await;

    assert_eq!(answer.verdict(), (200, "completed".into()));
    let document = app.status(&order).await;
    assert_eq!(document["payment_status"], "COMPLETED", "{document}");
    assert_eq!(document["version"], 3, "{document}");
    assert_eq!(document["failure_reason"], Value::Null, "{document}");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn an_unclear_push_stays_pending_is_checked_and_is_never_sent_again(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.zenopay.create_timeout_ms = 500).await;
    let mut orders = Vec::new();

    for push in ["error", "html", "empty", "hang"] {
        app.gateway_behaves(&json!({"push": push, "deliver": false}))
            .await;
        let answer = pay(&app).await;

        assert_eq!(answer.status, 202, "{push}: {}", answer.text);
        assert_eq!(answer.json()["payment_status"], "PENDING", "{push}");
        assert_eq!(answer.json()["version"], 1, "{push}");
        let order = order_in(&answer.json());
        let unknown = calls(&app, &order, "kind = 'create' AND answer = 'unknown'");
        assert_eq!(app.database.count(&unknown).await, 1, "{push}");
        app.until_asked_soon(&order).await;
        orders.push(order);
    }
    assert_eq!(phones_that_rang(&app).await, 4);

    // No webhook reports these payments, so their sales show that ZenoPay was asked.
    for order in &orders {
        app.subscriber_decides(order, &json!({"decision": "approve"}))
            .await;
    }
    for order in &orders {
        app.wait_for(order, "COMPLETED").await;
        assert_eq!(pushes(&app, order).await, 1);
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    assert_eq!(phones_that_rang(&app).await, 4);
}

async fn a_push_goes_on_when_the_guest_hangs_up(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.zenopay.create_timeout_ms = 2_000).await;
    app.gateway_behaves(&json!({"push": "hang"})).await;
    let mut guest = TcpStream::connect(app.app.address).unwrap();
    let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()}).to_string();
    let head = "POST /api/v1/customer-portal/payment HTTP/1.1\r\nHost: portal";
    write!(
        guest,
        "{head}\r\nContent-Length: {}\r\n\r\n{payload}",
        payload.len()
    )
    .unwrap();
    let rang = "SELECT COUNT(*) FROM sandbox_payments WHERE payment_status <> 'PUSH_REFUSED'";
    app.database.wait_for_count(rang, 1).await;

    drop(guest);

    // The result is recorded, although no client waits for it.
    let ended = "SELECT COUNT(*) FROM gateway_calls WHERE kind = 'create' AND answer = 'unknown'";
    app.database.wait_for_count(ended, 1).await;
    let remarks = "SELECT COUNT(*) FROM order_events WHERE kind = 'push_unknown'";
    app.database.wait_for_count(remarks, 1).await;
    let id = "SELECT order_id FROM sandbox_payments";
    let order = named(&app.database.text(id).await.unwrap());
    app.subscriber_decides(&order, &json!({"decision": "approve"}))
        .await;
    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(pushes(&app, &order).await, 1);
}

async fn pay(app: &TestApp) -> Answer {
    app.pay(&json!({"packageId": "daily", "phoneNumber": fresh_phone()}))
        .await
}

async fn phones_that_rang(app: &TestApp) -> i64 {
    app.database
        .count("SELECT COUNT(*) FROM sandbox_payments WHERE payment_status <> 'PUSH_REFUSED'")
        .await
}

//! What a status check finds reaches the guest as if the webhook had come.

use std::time::Duration;

use serde_json::json;

use super::zenopay::{FakeZenoPay, Says};
use super::{answers, ask_about, eventually, is_due_some_day, machinery, metric, rounds};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder, body_of, fresh_phone};

on_both_databases! {
    a_status_check_finds_a_lost_webhook_and_the_waiting_guest_gets_the_sale,
    status_checks_find_a_refusal_and_a_cancelled_prompt,
    a_push_without_a_clear_answer_is_resolved_by_a_status_check_and_never_sent_again,
    an_underpayment_is_held_and_an_overpayment_still_sells,
    a_payment_that_a_webhook_has_held_meanwhile_is_not_counted_as_a_repair,
    an_unpaid_order_shows_expired_automatically_and_late_money_still_sells,
    an_unverified_webhook_that_came_too_early_is_followed_up_within_seconds,
    a_failed_order_that_is_in_doubt_stays_due_until_zenopay_has_answered,
}

/// The subscriber decides, and the webhook about it is lost.
async fn decide_without_webhook(app: &TestApp, order: &TestOrder, decision: &str) {
    let lost = json!({"decision": decision, "deliver": false});
    app.subscriber_decides(order, &lost).await;
}

async fn a_status_check_finds_a_lost_webhook_and_the_waiting_guest_gets_the_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let poll = app.portal(&format!("/payment/status/{}?wait=20&since=1", order.id));

    let meanwhile = async {
        eventually("a poll is parked", async || {
            machinery(&app).await["status_actor"]["waiters"] == 1
        })
        .await;
        decide_without_webhook(&app, &order, "approve").await;
        ask_about(&app, &order).await;
    };
    let (answer, ()) = tokio::join!(app.get(&poll), meanwhile);

    let document = answer.json();
    assert_eq!(document["payment_status"], "COMPLETED");
    assert_eq!(document["version"], 2);
    assert_eq!(document["voucher_code"].as_str().map(str::len), Some(8));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(answers(&app, &order).await, ["COMPLETED"]);
    assert!(!is_due_some_day(&app, &order).await);
    eventually("the repair is counted", async || {
        let reconciler = machinery(&app).await["reconciler"].clone();
        reconciler["repaired"] == 1 && reconciler["checked"] == 1
    })
    .await;
    assert!(machinery(&app).await["reconciler"]["last_run_at"].is_string());
    let deliveries = "SELECT COUNT(*) FROM webhook_deliveries";
    assert_eq!(app.database.count(deliveries).await, 0);
}

async fn status_checks_find_a_refusal_and_a_cancelled_prompt(kind: Kind) {
    let app = TestApp::start(kind).await;

    for (decision, status, reason) in [
        ("decline", "FAILED", "other"),
        ("cancel", "CANCELLED", "cancelled"),
    ] {
        let order = app.buy().await;
        decide_without_webhook(&app, &order, decision).await;

        ask_about(&app, &order).await;

        let document = app.wait_for(&order, status).await;
        assert_eq!(document["version"], 2, "{status}");
        assert_eq!(document["failure_reason"], reason);
        assert_eq!(app.sale_of(&order).await, SaleCounts::NONE, "{status}");
    }
}

/// The test drives nothing here: such an order is due at once, so that its guest does not wait
/// until the first regular check.
async fn a_push_without_a_clear_answer_is_resolved_by_a_status_check_and_never_sent_again(
    kind: Kind,
) {
    let app = TestApp::start_with(kind, |config| config.zenopay.create_timeout_ms = 1_000).await;

    let mut orders = Vec::new();
    for push in ["error", "html", "empty", "hang"] {
        let behaviour = json!({"push": push, "after_ms": 1, "deliver": false});
        app.gateway_behaves(&behaviour).await;
        let phone = fresh_phone();
        let payload = json!({"packageId": "daily", "phoneNumber": phone});
        let answer = app.pay(&payload).await;
        assert_eq!(answer.status, 202, "{push}: {}", answer.text);
        assert_eq!(answer.json()["payment_status"], "PENDING", "{push}");
        orders.push(TestOrder {
            id: answer.json()["order_id"].as_str().unwrap().to_owned(),
            phone,
            webhook_url: String::new(),
        });
    }

    for order in &orders {
        app.wait_for(order, "COMPLETED").await;
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    let pushes = "SELECT COUNT(*) FROM gateway_calls WHERE kind = 'create'";
    assert_eq!(app.database.count(pushes).await, 4);
    let phones_that_rang =
        "SELECT COUNT(*) FROM sandbox_payments WHERE payment_status <> 'PUSH_REFUSED'";
    assert_eq!(app.database.count(phones_that_rang).await, 4);
}

async fn an_underpayment_is_held_and_an_overpayment_still_sells(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (short, over) = (app.buy().await, app.buy().await);

    for (order, amount) in [(&short, 1_999), (&over, 2_001)] {
        let paid = json!({"amount": amount, "deliver": false});
        app.subscriber_decides(order, &paid).await;
        ask_about(&app, order).await;
    }

    let document = app.wait_for(&short, "HELD").await;
    assert_eq!(document["voucher_code"], json!(null));
    assert_eq!(app.sale_of(&short).await, SaleCounts::NONE);
    assert!(!is_due_some_day(&app, &short).await);
    app.wait_for(&over, "COMPLETED").await;
    assert_eq!(app.sale_of(&over).await, SaleCounts::ONE);
    let alerts = "SELECT kind FROM order_events WHERE level = 'alert' ORDER BY kind";
    assert_eq!(app.database.texts(alerts).await, ["held", "overpaid"]);
}

async fn a_payment_that_a_webhook_has_held_meanwhile_is_not_counted_as_a_repair(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let (held, lost) = (zenopay.buy(&app).await, zenopay.buy(&app).await);
    let slowly = Says::StatusAfter(Duration::from_secs(2), "COMPLETED");
    zenopay.says(&held, slowly);
    zenopay.says(&lost, Says::Status("COMPLETED"));

    let webhook = async {
        eventually("the check is under way", async || zenopay.asked(&held) == 1).await;
        let less = json!({"order_id": held.id, "payment_status": "COMPLETED", "amount": 1_999});
        let answer = app.deliver(less.to_string()).await;
        assert_eq!(answer.json()["payment_status"], "HELD");
    };
    tokio::join!(ask_about(&app, &held), webhook);
    eventually("the check has found the order held", async || {
        let noted = "SELECT COUNT(*) FROM order_events WHERE kind = 'paid_while_held'";
        app.database.count(noted).await == 1
    })
    .await;
    ask_about(&app, &lost).await;

    let repairs = async || metric(&app, "malipo_reconciler_repairs_total").await;
    eventually("a repair is counted", async || repairs().await >= 1.0).await;
    assert_eq!(repairs().await, 1.0);
}

async fn an_unpaid_order_shows_expired_automatically_and_late_money_still_sells(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.orders.expire_after_secs = 1).await;
    let order = app.buy().await;

    let poll = app.portal(&format!("/payment/status/{}?wait=20&since=1", order.id));
    let expired = app.get(&poll).await.json();

    assert_eq!(expired["payment_status"], "EXPIRED");
    assert_eq!(expired["version"], 2);
    assert_eq!(expired["failure_reason"], "expired");
    eventually("it is checked anyway", async || {
        rounds(&app, &order).await >= 1
    })
    .await;
    assert!(is_due_some_day(&app, &order).await);
    let repaired = machinery(&app).await["reconciler"]["repaired"].clone();
    assert_eq!(repaired, 0, "an expiry is no repair");

    decide_without_webhook(&app, &order, "approve").await;
    ask_about(&app, &order).await;

    let document = app.wait_for(&order, "COMPLETED").await;
    assert_eq!(document["version"], 3);
    assert_eq!(document["failure_reason"], json!(null));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// Without the unverified webhook the first check would come later than this test waits.
async fn an_unverified_webhook_that_came_too_early_is_followed_up_within_seconds(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let hint = app.unproven(body_of(&order.id, "COMPLETED"));
    let refused = hint.send().await.unwrap().status().as_u16();
    decide_without_webhook(&app, &order, "approve").await;

    assert_eq!(refused, 401);
    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(answers(&app, &order).await, ["PENDING", "COMPLETED"]);
}

async fn a_failed_order_that_is_in_doubt_stays_due_until_zenopay_has_answered(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    app.deliver_word(&order, "FAILED").await;
    zenopay.says(&order, Says::Raw(500, "{}"));

    // The status is unknown to us, so ZenoPay is asked; it fails to answer.
    app.deliver_word(&order, "SETTLED").await;
    let row = app.database.is_order(&order.id);
    let asks = format!("SELECT CAST(asks AS BIGINT) FROM payments WHERE {row}");
    eventually("ZenoPay is asked", async || {
        app.database.count(&asks).await > 0
    })
    .await;

    let due = format!("SELECT COUNT(*) FROM payments WHERE due_at IS NOT NULL AND {row}");
    assert_eq!(app.database.count(&due).await, 1);
    zenopay.says(&order, Says::Status("COMPLETED"));
    ask_about(&app, &order).await;
    eventually("the payment is found", async || {
        app.sale_of(&order).await == SaleCounts::ONE
    })
    .await;
}

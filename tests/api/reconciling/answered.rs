//! An order with a clear answer is not checked again, and an unclear answer counts as none.

use chrono::{TimeDelta, Utc};
use malipo::actors::Command;
use malipo::config::Confirm;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;
use serde_json::json;

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, answers, ask_about, eventually, is_due_some_day, make_due, rounds};
use crate::harness::{Kind, SaleCounts, TestApp, body_of};

on_both_databases! {
    an_unclear_answer_leaves_the_order_pending_until_a_clear_one_comes,
    an_answered_order_is_not_checked_again,
    an_answered_order_that_became_due_anyway_is_no_longer_due,
    a_copy_that_zenopay_does_not_confirm_is_not_checked_for_ever,
}

/// Answers that say neither "paid" nor "not paid".
const UNCLEAR: [(&str, Says); 13] = [
    ("in progress", Says::Status("PROCESSING")),
    (
        "pending",
        Says::Raw(
            200,
            include_str!("../../fixtures/zenopay/status-pending.json"),
        ),
    ),
    (
        "not found",
        Says::Raw(
            200,
            include_str!("../../fixtures/zenopay/status-not-found.json"),
        ),
    ),
    ("404", Says::Raw(404, "")),
    (
        "empty",
        Says::Raw(200, include_str!("../../fixtures/zenopay/status-empty.txt")),
    ),
    (
        "HTML",
        Says::Raw(200, include_str!("../../fixtures/zenopay/status-html.txt")),
    ),
    ("500", Says::Raw(500, r#"{"payment_status":"FAILED"}"#)),
    ("503", Says::Raw(503, "")),
    ("our key refused", Says::Raw(403, r#"{"status":"error"}"#)),
    (
        "another order",
        Says::Raw(
            200,
            r#"{"data":[{"order_id":"00000000-0000-4000-8000-000000000000","payment_status":"COMPLETED"}]}"#,
        ),
    ),
    (
        "no word",
        Says::Raw(
            200,
            r#"{"result":"SUCCESS","data":[{"order_id":"ORDER","amount":"2000"}]}"#,
        ),
    ),
    ("hangs up", Says::HangsUp),
    ("an unknown word", Says::Status("UNPAID")),
];

async fn an_unclear_answer_leaves_the_order_pending_until_a_clear_one_comes(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let mut orders = Vec::new();
    for (case, says) in UNCLEAR {
        let order = zenopay.buy(&app).await;
        zenopay.says(&order, says);
        orders.push((case, order));
    }

    let before = Utc::now();
    for (_, order) in &orders {
        make_due(&app, order).await;
    }
    app.app.api.reconciler.run_once().await.unwrap();

    for (case, order) in &orders {
        eventually(case, async || rounds(&app, order).await >= 1).await;
        let document = app.status(order).await;
        assert_eq!(document["payment_status"], "PENDING", "{case}");
        assert_eq!(document["version"], 1, "{case}");
        assert_eq!(document["failure_reason"], json!(null), "{case}");
        // Later than now, and sooner than the end of the lease that the round had.
        let soon = format!(
            "SELECT COUNT(*) FROM payments WHERE {} AND due_at > '{}' AND due_at < '{}'",
            app.database.is_order(&order.id),
            before.to_rfc3339(),
            (before + TimeDelta::seconds(50)).to_rfc3339(),
        );
        assert_eq!(app.database.count(&soon).await, 1, "{case}");
    }

    for (_, order) in &orders {
        zenopay.says(order, Says::Status("COMPLETED"));
        make_due(&app, order).await;
    }
    app.app.api.reconciler.run_once().await.unwrap();

    for (case, order) in &orders {
        app.wait_for(order, "COMPLETED").await;
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{case}");
    }
}

async fn an_answered_order_is_not_checked_again(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut orders = Vec::new();
    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = app.buy().await;
        app.deliver_word(&order, word).await;
        orders.push((word, order));
    }
    let held = app.buy().await;
    let short = json!({"order_id": held.id, "payment_status": "COMPLETED", "amount": 1});
    app.deliver(short.to_string()).await;
    orders.push(("HELD", held));
    let refunded = app.buy().await;
    app.deliver_word(&refunded, "COMPLETED").await;
    let refund = Evidence::Operator(OrderAct::Refund, Personal::new("the line was down"));
    let (id, command) = (refunded.id.parse().unwrap(), Command::of(refund));
    app.app.api.orders.handle(id, command).await.unwrap();
    orders.push(("REFUNDED", refunded));

    let due = app.app.api.reconciler.run_once().await.unwrap();

    assert_eq!(due, 0);
    for (status, order) in &orders {
        assert_eq!(app.status(order).await["payment_status"], *status);
        // A sale is only confirmed later; see `confirming.rs`.
        let sold = *status == "COMPLETED";
        assert_eq!(is_due_some_day(&app, order).await, sold, "{status}");
        assert_eq!(answers(&app, order).await, [""; 0], "{status}");
    }

    // An unverified webhook of a stranger causes a check at once and one more soon afterwards, and
    // no other.
    let (_, failed) = &orders[1];
    let hint = app.unproven(body_of(&failed.id, "COMPLETED"));
    assert_eq!(hint.send().await.unwrap().status().as_u16(), 401);
    assert_eq!(answers(&app, failed).await, ["PENDING"]);
    eventually("the order is no longer due", async || {
        !is_due_some_day(&app, failed).await
    })
    .await;
    assert_eq!(answers(&app, failed).await, ["PENDING", "PENDING"]);
}

async fn an_answered_order_that_became_due_anyway_is_no_longer_due(kind: Kind) {
    let app = TestApp::start(kind).await;

    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = app.buy().await;
        app.deliver_word(&order, word).await;
        // This check also confirms the sale.
        let known = json!({"decision": "approve", "word": word, "deliver": false});
        app.subscriber_decides(&order, &known).await;

        ask_about(&app, &order).await;

        eventually("no further check is made", async || {
            !is_due_some_day(&app, &order).await
        })
        .await;
        assert_eq!(app.status(&order).await["payment_status"], word);
        assert_eq!(answers(&app, &order).await, [word], "{word}");
    }
}

/// With `confirm = always` an unconfirmed delivery makes the order due, even a sold one.
async fn a_copy_that_zenopay_does_not_confirm_is_not_checked_for_ever(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let always = |config: &mut malipo::config::Config| config.zenopay.confirm = Confirm::Always;
    let app = zenopay.shop(kind, always).await;
    let order = zenopay.buy(&app).await;
    zenopay.says(&order, Says::Status("COMPLETED"));
    let first = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(first.verdict(), (200, "completed".to_owned()));

    zenopay.says(&order, Says::Raw(503, ""));
    let copy = app.deliver_word(&order, "COMPLETED").await;
    let due = format!("UPDATE payments SET due_at = '{LONG_AGO}' WHERE due_at IS NOT NULL");
    app.database.execute(&due).await;
    app.app.api.reconciler.run_once().await.unwrap();

    assert_eq!(copy.verdict(), (200, "unconfirmed".to_owned()));
    eventually("no further check is made", async || {
        !is_due_some_day(&app, &order).await
    })
    .await;
    assert_eq!(app.status(&order).await["payment_status"], "COMPLETED");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

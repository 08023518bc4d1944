//! An operator triggers a status check for one order.

use super::{audited, reconcile, sold};
use crate::harness::{Kind, SaleCounts, TestApp};
use crate::reconciling::zenopay::{FakeZenoPay, Says};
use serde_json::json;

on_both_databases! {
    a_lost_webhook_is_found_at_once_and_the_answer_says_what_zenopay_said,
    without_an_answer_from_zenopay_nothing_changes_and_the_reason_is_shown,
    a_reconciled_sale_is_confirmed,
}

async fn a_lost_webhook_is_found_at_once_and_the_answer_says_what_zenopay_said(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let before = reconcile(&app, &order).await;
    let lost = json!({"decision": "approve", "deliver": false});
    app.subscriber_decides(&order, &lost).await;

    let answer = reconcile(&app, &order).await;
    let again = reconcile(&app, &order).await;

    assert_eq!(before.status, 200, "{}", before.text);
    assert_eq!(before.json()["zenopay"], "PENDING");
    assert_eq!(before.json()["outcome"], "pending");
    let json = answer.json();
    assert_eq!(json["zenopay"], "COMPLETED", "{json}");
    assert_eq!(json["silence"], json!(null));
    assert_eq!(json["outcome"], "completed");
    assert_eq!(json["payment_status"], "COMPLETED");
    assert_eq!(again.json()["outcome"], "duplicate");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    let line = format!("bootstrap reconcile order {} -", &order.id[..8]);
    assert_eq!(
        audited(&app, &order).await,
        [line.clone(), line.clone(), line]
    );
}

async fn without_an_answer_from_zenopay_nothing_changes_and_the_reason_is_shown(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    zenopay.says(&order, Says::Raw(404, ""));

    let answer = reconcile(&app, &order).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    assert_eq!(json["zenopay"], json!(null));
    assert_eq!(json["silence"], "ZenoPay does not know the order");
    assert_eq!(json["outcome"], "unconfirmed");
    assert_eq!(json["payment_status"], "PENDING");
    assert_eq!(audited(&app, &order).await.len(), 1);
}

async fn a_reconciled_sale_is_confirmed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let known = json!({"decision": "approve", "deliver": false});
    app.subscriber_decides(&order, &known).await;
    let before = app.status(&order).await;

    let answer = reconcile(&app, &order).await;

    assert_eq!(answer.json()["outcome"], "duplicate", "{}", answer.text);
    assert_eq!(app.status(&order).await, before);
    let row = app.database.is_order(&order.id);
    let confirmed = format!(
        "SELECT COUNT(*) FROM payments WHERE {row} AND gateway_confirmed_at IS NOT NULL AND paid_amount = 2000 AND transid IS NOT NULL"
    );
    assert_eq!(app.database.count(&confirmed).await, 1);
}

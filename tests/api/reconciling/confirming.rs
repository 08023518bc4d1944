//! After a sale ZenoPay is asked once what it knows of it, and a contradiction raises an alert.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use malipo::actors::Command;
use malipo::app::App;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;
use serde_json::Value;

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, answers, ask_about, eventually, is_due_some_day, make_due, rounds};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder, config};

on_both_databases! {
    a_sale_is_confirmed_once_and_what_zenopay_knows_of_it_is_kept,
    a_sale_that_zenopay_contradicts_raises_one_alert,
    a_sale_that_zenopay_does_not_know_is_checked_again_and_raises_an_alert_after_days,
    an_order_with_a_waiting_guest_is_checked_before_a_sale_is_confirmed,
}

/// A sale by a webhook with only the required fields.
async fn sell(zenopay: &FakeZenoPay, app: &TestApp) -> TestOrder {
    let order = zenopay.buy(app).await;
    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    order
}

async fn kept(app: &TestApp, order: &TestOrder) -> Option<String> {
    let row = app.database.is_order(&order.id);
    let columns = "CAST(paid_amount AS text) || ' ' || reference || ' ' || transid || ' ' || channel || ' ' || payer_msisdn";
    let sql =
        format!("SELECT {columns} FROM payments WHERE {row} AND gateway_confirmed_at IS NOT NULL");
    app.database.text(&sql).await
}

async fn alerts(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let row = app.database.is_order(&order.id);
    let sql = format!("SELECT kind FROM order_events WHERE level = 'alert' AND {row} ORDER BY id");
    app.database.texts(&sql).await
}

async fn a_sale_is_confirmed_once_and_what_zenopay_knows_of_it_is_kept(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = sell(&zenopay, &app).await;
    zenopay.says(&order, Says::Status("COMPLETED"));
    let before = app.status(&order).await;
    let row = app.database.is_order(&order.id);
    let within_minutes = format!(
        "SELECT COUNT(*) FROM payments WHERE {row} AND due_at > '{}' AND due_at < '{}'",
        Utc::now().to_rfc3339(),
        (Utc::now() + TimeDelta::minutes(5)).to_rfc3339(),
    );
    assert_eq!(app.database.count(&within_minutes).await, 1);
    assert_eq!(zenopay.asked(&order), 0);

    ask_about(&app, &order).await;

    eventually("the sale is confirmed", async || {
        kept(&app, &order).await.is_some()
    })
    .await;
    assert_eq!(
        kept(&app, &order).await.unwrap(),
        "2000 0936000000 ABC123 MPESA-TZ 255744000000"
    );
    assert_eq!(app.status(&order).await, before, "the guest sees no change");
    assert!(!is_due_some_day(&app, &order).await);
    assert_eq!(alerts(&app, &order).await, [""; 0]);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);

    app.app.api.reconciler.run_once().await.unwrap();

    assert_eq!(zenopay.asked(&order), 1);
}

async fn a_sale_that_zenopay_contradicts_raises_one_alert(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let less = r#"{"data":[{"order_id":"ORDER","payment_status":"COMPLETED","amount":"1500"}]}"#;
    let cases = [
        (Says::Raw(200, less), "amount_differs"),
        (Says::Status("FAILED"), "reversal"),
        (Says::Status("CANCELLED"), "reversal"),
        (Says::Status("UNPAID"), "unknown_word"),
    ];
    for (says, alert) in cases {
        let order = sell(&zenopay, &app).await;
        zenopay.says(&order, says.clone());

        ask_about(&app, &order).await;

        eventually("no further check is made", async || {
            !is_due_some_day(&app, &order).await
        })
        .await;
        assert_eq!(alerts(&app, &order).await, [alert], "{says:?}");
        assert_eq!(zenopay.asked(&order), 1, "{says:?}");
        assert_eq!(app.status(&order).await["payment_status"], "COMPLETED");
        assert_eq!(app.status(&order).await["version"], 2, "{says:?}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{says:?}");
    }
    // The smaller amount is stored, so that the report can show it.
    let less = "SELECT COUNT(*) FROM payments WHERE paid_amount = 1500 AND amount = 2000";
    assert_eq!(app.database.count(less).await, 1);
}

async fn a_sale_that_zenopay_does_not_know_is_checked_again_and_raises_an_alert_after_days(
    kind: Kind,
) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let unclear = [
        Says::Raw(404, ""),
        Says::Raw(503, ""),
        Says::Status("PENDING"),
    ];
    let mut orders = Vec::new();
    for says in unclear {
        let order = sell(&zenopay, &app).await;
        zenopay.says(&order, says);
        make_due(&app, &order).await;
        orders.push(order);
    }

    app.app.api.reconciler.run_once().await.unwrap();

    for order in &orders {
        eventually("it was checked", async || rounds(&app, order).await >= 1).await;
        assert!(is_due_some_day(&app, order).await);
        assert_eq!(alerts(&app, order).await, [""; 0]);
    }

    // Four days later. PENDING is left out, because the actor keeps its age in memory.
    let ago = (Utc::now() - TimeDelta::days(4)).to_rfc3339();
    for order in &orders[..2] {
        let row = app.database.is_order(&order.id);
        let sql = format!(
            "UPDATE payments SET processed_at = '{ago}', due_at = '{LONG_AGO}' WHERE {row}"
        );
        app.database.execute(&sql).await;
    }
    app.app.api.reconciler.run_once().await.unwrap();

    for order in &orders[..2] {
        eventually("no further check is made", async || {
            !is_due_some_day(&app, order).await
        })
        .await;
        assert_eq!(alerts(&app, order).await, ["not_confirmed"]);
        assert_eq!(app.status(order).await["payment_status"], "COMPLETED");
        assert_eq!(answers(&app, order).await, ["unknown", "unknown"]);
    }
}

async fn an_order_with_a_waiting_guest_is_checked_before_a_sale_is_confirmed(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay
        .shop(kind, |config| config.zenopay.asks_per_sec = 2)
        .await;
    let (mut sold, mut open) = (Vec::new(), Vec::new());
    // As many as one round checks.
    for _ in 0..4 {
        sold.push(sell(&zenopay, &app).await);
        let order = zenopay.buy(&app).await;
        zenopay.says(
            &order,
            Says::StatusAfter(Duration::from_millis(10), "PENDING"),
        );
        open.push(order.id);
    }

    // The sales have been due for longer.
    let later = "2020-01-02T00:00:00+00:00";
    let sql = format!(
        "UPDATE payments SET due_at = CASE status WHEN 'COMPLETED' THEN {} ELSE {} END",
        moment(kind, LONG_AGO),
        moment(kind, later),
    );
    app.database.execute(&sql).await;
    eventually("all were checked", async || zenopay.asked_in_all() >= 8).await;

    let mut first = zenopay.asked_ids()[..4].to_vec();
    first.sort();
    open.sort();
    assert_eq!(first, open);
    for order in &sold {
        assert!(zenopay.asked(order) >= 1);
    }
}

fn moment(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Sqlite => format!("'{text}'"),
        Kind::Postgres => format!("timestamptz '{text}'"),
    }
}

/// The other process has read the order earlier and does not know of the confirmation.
#[actix_web::test]
async fn a_refund_by_another_process_keeps_what_zenopay_has_confirmed() {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(Kind::Postgres, |_| {}).await;
    let mut others = config(&app.database.url);
    zenopay.configure(&mut others);
    let other_server = App::start(others, None).await.unwrap();
    let order = sell(&zenopay, &app).await;
    let order_id = order.id.parse().unwrap();
    let look = Command::of(Evidence::Deadline);
    let seen = other_server
        .api
        .orders
        .handle(order_id, look)
        .await
        .unwrap();
    assert_eq!(seen.payment.gateway_confirmed_at, None);
    zenopay.says(&order, Says::Status("COMPLETED"));
    let checked = app.app.api.orders.checker().check(
        order_id,
        malipo::actors::status_checks::CheckOrigin::Trusted,
    );
    let malipo::gateways::zenopay::wire::StatusAnswer::Known(report) = checked.await.unwrap()
    else {
        panic!("ZenoPay said nothing")
    };
    let confirms = Command::of(Evidence::OrderStatus(report));
    app.app.api.orders.handle(order_id, confirms).await.unwrap();
    let confirmed = kept(&app, &order).await;

    let reason = Personal::new("the line was down");
    let command = Command::of(Evidence::Operator(OrderAct::Refund, reason));
    other_server
        .api
        .orders
        .handle(order_id, command)
        .await
        .unwrap();

    let document: Value = app.status(&order).await;
    assert_eq!(document["payment_status"], "REFUNDED");
    assert!(confirmed.is_some());
    assert_eq!(kept(&app, &order).await, confirmed);
    assert!(!is_due_some_day(&app, &order).await);
    other_server.stop().await;
}

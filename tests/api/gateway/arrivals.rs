//! The webhooks of the simulated ZenoPay as they really arrive, over the socket.

use serde_json::{Value, json};

use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    copies_of_a_webhook_over_the_socket_are_one_sale,
    a_pending_webhook_after_the_paid_one_changes_nothing,
    a_webhook_that_is_late_is_sold_when_it_comes,
    a_webhook_without_key_is_accepted_on_the_orders_own_url,
    a_form_encoded_webhook_is_sold,
    a_webhook_with_another_amount_raises_an_alert,
    a_guest_who_does_not_pay_gets_the_reason_and_no_voucher,
    a_webhook_that_failed_is_sent_again_and_sold,
    a_payment_without_any_webhook_is_found_by_a_status_check,
}

async fn copies_of_a_webhook_over_the_socket_are_one_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    app.subscriber_decides(&order, &json!({"decision": "approve", "copies": 12}))
        .await;

    app.wait_for(&order, "COMPLETED").await;
    wait_until_delivered(&app, &order, 12).await;
    assert_eq!(app.journal(&order.id, "completed").await, 1);
    assert_eq!(app.journal(&order.id, "duplicate").await, 11);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_pending_webhook_after_the_paid_one_changes_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let late = json!({"decision": "approve", "copies": 2, "out_of_order": true});

    app.subscriber_decides(&order, &late).await;

    wait_until_delivered(&app, &order, 3).await;
    let document = app.status(&order).await;
    assert_eq!(document["payment_status"], "COMPLETED", "{document}");
    assert_eq!(document["version"], 2, "{document}");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    // It may arrive before or after the sale; after it, its outcome is `stale`.
    let stale = app.journal(&order.id, "stale").await;
    assert_eq!(stale + app.journal(&order.id, "pending").await, 1);
}

async fn a_webhook_that_is_late_is_sold_when_it_comes(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    app.subscriber_decides(&order, &json!({"decision": "approve", "delay_ms": 2_500}))
        .await;

    assert_eq!(app.status(&order).await["payment_status"], "PENDING");
    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(proofs(&app, &order).await, ["key"]);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_webhook_without_key_is_accepted_on_the_orders_own_url(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    app.subscriber_decides(&order, &json!({"decision": "approve", "with_key": false}))
        .await;

    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(proofs(&app, &order).await, ["token"]);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_form_encoded_webhook_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    app.subscriber_decides(&order, &json!({"decision": "approve", "form": true}))
        .await;

    app.wait_for(&order, "COMPLETED").await;
    let id = &order.id;
    let form = format!(
        "SELECT COUNT(*) FROM webhook_deliveries WHERE order_id = '{id}' AND outcome = 'completed'
             AND content_type = 'application/x-www-form-urlencoded' AND reference IS NOT NULL"
    );
    assert_eq!(app.database.count(&form).await, 1);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_webhook_with_another_amount_raises_an_alert(kind: Kind) {
    let app = TestApp::start(kind).await;
    let cases = [
        (2_000, "COMPLETED", "", SaleCounts::ONE),
        (2_500, "COMPLETED", "overpaid", SaleCounts::ONE),
        (1_500, "HELD", "held", SaleCounts::NONE),
    ];

    for (amount, status, alert, sold) in cases {
        let order = app.buy().await;
        let tells = json!({"decision": "approve", "tell_amount": true, "amount": amount});

        app.subscriber_decides(&order, &tells).await;

        app.wait_for(&order, status).await;
        assert_eq!(app.sale_of(&order).await, sold, "{amount}");
        assert_eq!(alerts(&app, &order).await.join(" "), alert, "{amount}");
    }
}

async fn a_guest_who_does_not_pay_gets_the_reason_and_no_voucher(kind: Kind) {
    let app = TestApp::start(kind).await;
    let cases = [
        (json!({"decision": "decline"}), "FAILED", "other"),
        (
            json!({"decision": "decline", "word": "INVALID_PIN"}),
            "FAILED",
            "wrong_pin",
        ),
        (json!({"decision": "cancel"}), "CANCELLED", "cancelled"),
    ];

    for (decision, status, reason) in cases {
        let order = app.buy().await;

        app.subscriber_decides(&order, &decision).await;

        let document = app.wait_for(&order, status).await;
        assert_eq!(document["failure_reason"], reason, "{document}");
        assert_eq!(document["voucher_code"], Value::Null, "{document}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::NONE, "{decision}");
    }
}

async fn a_webhook_that_failed_is_sent_again_and_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let rename = async |from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        app.database.execute(&sql).await;
    };
    rename("invoices", "invoices_away").await;
    app.subscriber_decides(&order, &json!({"decision": "approve"}))
        .await;
    let failed = "SELECT COUNT(*) FROM webhook_deliveries WHERE outcome = 'error'";
    app.database.wait_for_count(failed, 1).await;

    rename("invoices_away", "invoices").await;

    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(app.journal(&order.id, "completed").await, 1);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_payment_without_any_webhook_is_found_by_a_status_check(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.subscriber_decides(&order, &json!({"decision": "approve", "deliver": false}))
        .await;
    let row = app.database.is_order(&order.id);
    let due_now = format!("UPDATE payments SET due_at = created_at WHERE {row}");
    app.database.execute(&due_now).await;

    app.app.api.reconciler.run_once().await.unwrap();

    app.wait_for(&order, "COMPLETED").await;
    let sent = format!(
        "SELECT COUNT(*) FROM sandbox_webhooks WHERE order_id = '{}'",
        order.id
    );
    assert_eq!(app.database.count(&sent).await, 0);
    assert_eq!(proofs(&app, &order).await, [""; 0]);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn wait_until_delivered(app: &TestApp, order: &TestOrder, webhooks: i64) {
    let sql = format!(
        "SELECT COUNT(*) FROM sandbox_webhooks WHERE order_id = '{}' AND http_status = 200",
        order.id
    );
    app.database.wait_for_count(&sql, webhooks).await;
}

async fn proofs(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let id = &order.id;
    let sql = format!("SELECT proof FROM webhook_deliveries WHERE order_id = '{id}' ORDER BY id");
    app.database.texts(&sql).await
}

async fn alerts(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let order = app.database.is_order(&order.id);
    let sql = format!("SELECT kind FROM order_events WHERE {order} AND level = 'alert'");
    app.database.texts(&sql).await
}

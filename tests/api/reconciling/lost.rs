//! Every webhook is lost, or comes three times while ZenoPay is asked as well: each guest still
//! gets one voucher.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{LONG_AGO, eventually};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    two_hundred_purchases_complete_although_every_webhook_is_lost,
    two_hundred_purchases_whose_webhooks_come_three_times_are_sold_once_each,
}

const PURCHASES: usize = 200;

async fn two_hundred_purchases_complete_although_every_webhook_is_lost(kind: Kind) {
    let app = crowd(kind, &json!({"after_ms": 1, "deliver": false})).await;

    let webhooks = "SELECT COUNT(*) FROM webhook_deliveries";
    assert_eq!(app.database.count(webhooks).await, 0);
}

async fn two_hundred_purchases_whose_webhooks_come_three_times_are_sold_once_each(kind: Kind) {
    let app = crowd(kind, &json!({"after_ms": 1, "copies": 3})).await;

    let copies = "SELECT COUNT(*) FROM webhook_deliveries";
    // More, if a copy was answered late and came again.
    eventually("every copy came", async || {
        app.database.count(copies).await >= 3 * PURCHASES as i64
    })
    .await;
}

/// Two hundred guests buy, all orders are checked at once, and each has one sale.
async fn crowd(kind: Kind, behaviour: &Value) -> TestApp {
    let app = TestApp::start_with(kind, |config| config.zenopay.asks_per_sec = 200).await;
    app.gateway_behaves(behaviour).await;

    let mut orders: Vec<TestOrder> = Vec::new();
    while orders.len() < PURCHASES {
        orders.extend(join_all((0..20).map(|_| app.buy())).await);
        let due = format!("UPDATE payments SET due_at = '{LONG_AGO}' WHERE due_at IS NOT NULL");
        app.database.execute(&due).await;
    }
    // The subscriber may have decided after the first check.
    eventually("all are completed", async || {
        let due = format!("UPDATE payments SET due_at = '{LONG_AGO}' WHERE status = 'PENDING'");
        app.database.execute(&due).await == 0
    })
    .await;

    for order in &orders {
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    app
}

//! Buying from a ZenoPay that misbehaves: it refuses, is silent, answers nonsense, and sends its
//! webhooks over a real socket late, twice, without the key or not at all.

use serde_json::Value;

use crate::harness::{TestApp, TestOrder};

mod arrivals;
mod push;
mod stopping;

/// The order in this answer.
fn order_in(answer: &Value) -> TestOrder {
    named(answer["order_id"].as_str().unwrap())
}

fn named(id: &str) -> TestOrder {
    TestOrder {
        id: id.to_owned(),
        phone: String::new(),
        webhook_url: String::new(),
    }
}

fn calls(app: &TestApp, order: &TestOrder, which: &str) -> String {
    let order = app.database.is_order(&order.id);
    format!("SELECT COUNT(*) FROM gateway_calls WHERE {order} AND {which}")
}

async fn pushes(app: &TestApp, order: &TestOrder) -> i64 {
    app.database
        .count(&calls(app, order, "kind = 'create'"))
        .await
}

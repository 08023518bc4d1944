//! The status document, and the polls and event streams that wait for it to change.

use std::time::Duration;

use malipo::actors::Command;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;
use serde_json::json;

use crate::harness::{Answer, TestApp, TestOrder};

mod cors;
mod document;
mod events;
mod fairness;
mod races;
mod rushes;
mod seats;
mod stopping;
mod waits;

/// No machine is so slow that an immediate answer takes this long; polls that wait use a longer
/// time.
const AT_ONCE: Duration = Duration::from_secs(15);

/// The URL of an order's status, with a query.
fn status_url(app: &TestApp, order: &TestOrder, query: &str) -> String {
    app.portal(&format!("/payment/status/{}{query}", order.id))
}

/// `GET /payment/status/{order_id}` with a query.
async fn poll(app: &TestApp, order: &TestOrder, query: &str) -> Answer {
    app.get(&status_url(app, order, query)).await
}

/// Delivers too little money, so that the order is held.
async fn hold(app: &TestApp, order: &TestOrder) {
    let short = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": 500});
    let answer = app.deliver(short.to_string()).await;
    assert_eq!(answer.verdict(), (200, "held".to_owned()));
}

/// An operator releases a held order.
async fn release(app: &TestApp, order: &TestOrder) {
    let reason = Personal::new("the rest was paid in cash");
    let command = Command::of(Evidence::Operator(OrderAct::Release, reason));
    let order_id = order.id.parse().unwrap();
    let handled = app.app.api.orders.handle(order_id, command).await.unwrap();
    assert!(!handled.refused);
}

//! Status checks find lost webhooks, pushes with an unknown result, and late money.
//!
//! The server's own loop runs in every test. Where a test makes an order due and drives a round
//! itself, either of the two may make the check; what the guest sees must be the same.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::harness::{Kind, TestApp, TestOrder};

mod answered;
mod backlog;
mod claims;
mod clocks;
mod confirming;
mod down;
mod finding;
mod log_lines;
mod lost;
mod outages;
mod strangers;
mod views;
pub mod zenopay;

pub use log_lines::LogLines;

/// A due time that has passed.
const LONG_AGO: &str = "2020-01-01T00:00:00+00:00";

/// Waits until the condition holds; fails after three quarters of a minute.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..2_250 {
        if condition().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the condition never held: {what}");
}

/// Has the order checked: makes it due and runs one round.
pub async fn ask_about(app: &TestApp, order: &TestOrder) {
    make_due(app, order).await;
    app.app.api.reconciler.run_once().await.unwrap();
}

/// The `GET /actors` document.
pub async fn machinery(app: &TestApp) -> Value {
    app.get_as_operator("/api/v1/operator/actors").await.json()
}

async fn make_due(app: &TestApp, order: &TestOrder) {
    let order = app.database.is_order(&order.id);
    let sql = format!("UPDATE payments SET due_at = '{LONG_AGO}' WHERE {order}");
    assert_eq!(app.database.execute(&sql).await, 1);
}

/// Simulates the passing of time: moves everything in the database into the past by this much.
async fn time_passes(app: &TestApp, time: Duration) {
    let earlier = |column: &str| match app.database.kind {
        Kind::Sqlite => format!(
            "{column} = strftime('%Y-%m-%dT%H:%M:%f+00:00', {column}, '-{} seconds')",
            time.as_secs()
        ),
        Kind::Postgres => format!(
            "{column} = {column} - interval '{} seconds'",
            time.as_secs()
        ),
    };
    let columns = ["created_at", "deadline_at", "due_at"].map(earlier);
    let sql = format!("UPDATE payments SET {}", columns.join(", "));
    app.database.execute(&sql).await;
    app.app.api.reconciler.timekeeper().skip(time);
}

/// One value of `/metrics`.
pub async fn metric(app: &TestApp, name: &str) -> f64 {
    let text = app.get(&app.url("/metrics")).await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

/// How the order-status answers about the order were understood, in their sequence.
async fn answers(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let order = app.database.is_order(&order.id);
    app.database
        .texts(&format!(
            "SELECT answer FROM gateway_calls WHERE kind = 'order_status' AND {order} ORDER BY id"
        ))
        .await
}

/// How many rounds have checked the order and left it open.
async fn rounds(app: &TestApp, order: &TestOrder) -> i64 {
    let order = app.database.is_order(&order.id);
    app.database
        .count(&format!(
            "SELECT CAST(asks AS bigint) FROM payments WHERE {order}"
        ))
        .await
}

/// Whether the order is still due at some time.
async fn is_due_some_day(app: &TestApp, order: &TestOrder) -> bool {
    let order = app.database.is_order(&order.id);
    let sql = format!("SELECT COUNT(*) FROM payments WHERE due_at IS NOT NULL AND {order}");
    app.database.count(&sql).await == 1
}

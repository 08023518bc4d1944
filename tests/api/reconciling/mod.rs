//! ZenoPay is asked what is true: for webhooks that were lost, pushes whose end is unknown,
//! and money that comes late.
//!
//! The server's own loop runs in every test. Where a test makes an order due and drives a
//! round by hand, either of the two may be the one that asks; what the guest sees must be
//! the same.

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
mod looks;
mod lost;
mod outages;
mod strangers;
pub mod zenopay;

pub use log_lines::LogLines;

/// A due time that has passed.
const LONG_AGO: &str = "2020-01-01T00:00:00+00:00";

/// Waits until something is so; fails when it is not within three quarters of a minute.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..2_250 {
        if condition().await {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to this: {what}");
}

/// Has the order asked about: makes it due and goes one round.
pub async fn ask_about(app: &TestApp, order: &TestOrder) {
    make_due(app, order).await;
    app.app.reconciler.run_once().await.unwrap();
}

/// The machinery as operators see it.
pub async fn machinery(app: &TestApp) -> Value {
    app.get_as_operator("/api/v1/operator/actors").await.json()
}

async fn make_due(app: &TestApp, order: &TestOrder) {
    let order = app.database.is_order(&order.id);
    let sql = format!("UPDATE payments SET due_at = '{LONG_AGO}' WHERE {order}");
    assert_eq!(app.database.execute(&sql).await, 1);
}

/// Lets time pass at once: everything in the books happened so much earlier.
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
    app.app.reconciler.timekeeper().skip(time);
}

/// One number of `/metrics`.
pub async fn metric(app: &TestApp, name: &str) -> f64 {
    let text = app.get(&app.url("/metrics")).await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

/// What order-status was understood to say about the order, the first answer first.
async fn answers(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let order = app.database.is_order(&order.id);
    app.database
        .texts(&format!(
            "SELECT answer FROM gateway_calls WHERE kind = 'order_status' AND {order} ORDER BY id"
        ))
        .await
}

/// How many rounds have looked at the order and left it open.
async fn rounds(app: &TestApp, order: &TestOrder) -> i64 {
    let order = app.database.is_order(&order.id);
    app.database
        .count(&format!(
            "SELECT CAST(asks AS bigint) FROM payments WHERE {order}"
        ))
        .await
}

/// Whether anybody will ever ask about the order again.
async fn is_due_some_day(app: &TestApp, order: &TestOrder) -> bool {
    let order = app.database.is_order(&order.id);
    let sql = format!("SELECT COUNT(*) FROM payments WHERE due_at IS NOT NULL AND {order}");
    app.database.count(&sql).await == 1
}

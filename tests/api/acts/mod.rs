//! Actions of operators, and the daily report.

use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder};

mod deciding;
mod duplicates;
mod logging;
mod money;
mod outcomes;
mod reasons;
mod reconciling;
mod reissuing;
mod replaying;
mod reports;
mod resending;
mod status;
mod vouchers;

/// `POST` below the operators' base, as the bootstrap admin.
async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    let url = app.url(&format!("/api/v1/operator{path}"));
    let request = app.http.post(url).bearer_auth(TOKEN).json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn release(app: &TestApp, order: &TestOrder, decision: &str) -> Answer {
    let payload = json!({"decision": decision, "reason": "paid the rest in cash"});
    post(app, &format!("/orders/{}/release", order.id), &payload).await
}

pub async fn refund(app: &TestApp, order: &TestOrder) -> Answer {
    let payload = json!({"reason": "the line was down", "method": "cash", "reference": "R-77"});
    post(app, &format!("/orders/{}/refund", order.id), &payload).await
}

async fn reconcile(app: &TestApp, order: &TestOrder) -> Answer {
    post(app, &format!("/orders/{}/reconcile", order.id), &json!({})).await
}

async fn replay(app: &TestApp, webhook: i64) -> Answer {
    post(app, &format!("/webhooks/{webhook}/replay"), &json!({})).await
}

async fn revoke(app: &TestApp, code: &str) -> Answer {
    post(app, &format!("/vouchers/{code}/revoke"), &json!({})).await
}

pub async fn held(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    let short = json!({"order_id": order.id, "payment_status": "COMPLETED", "amount": 500});
    let answer = app.deliver(short.to_string()).await;
    assert_eq!(answer.verdict(), (200, "held".to_owned()));
    order
}

pub async fn sold(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    order
}

/// The audit log of one order: operator, action, subject and detail.
async fn audited(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let order = app.database.is_order(&order.id);
    let line = "operator || ' ' || action || ' ' || subject || ' ' || COALESCE(detail, '-')";
    let sql = format!("SELECT {line} FROM audit_events WHERE {order} ORDER BY id");
    app.database.texts(&sql).await
}

/// A journal row whose processing failed: proven or not, and never applied.
async fn journalled(app: &TestApp, order_id: &str, proof: Option<&str>, body: &str) -> i64 {
    let hex: String = body.bytes().map(|byte| format!("{byte:02x}")).collect();
    let body = match app.database.kind {
        Kind::Sqlite => format!("x'{hex}'"),
        Kind::Postgres => format!("'\\x{hex}'::bytea"),
    };
    let proof = proof.map_or("NULL".to_owned(), |proof| format!("'{proof}'"));
    let at = chrono::Utc::now().to_rfc3339();
    app.database
        .execute(&format!(
            "INSERT INTO webhook_deliveries (order_id, outcome, proof, source, received_at, processing_ms, body)
             VALUES ('{order_id}', 'error', {proof}, 'webhook', '{at}', 1.0, {body})"
        ))
        .await;
    app.database
        .count("SELECT MAX(id) FROM webhook_deliveries")
        .await
}

async fn code_of(app: &TestApp, order: &TestOrder) -> String {
    let order = app.database.is_order(&order.id);
    let payment = format!("SELECT id FROM payments WHERE {order}");
    let sql = format!("SELECT code FROM vouchers WHERE payment_id = ({payment})");
    app.database.text(&sql).await.unwrap()
}

/// Counts the rows by which FreeRADIUS would accept this code.
async fn radius_rows(app: &TestApp, code: &str) -> i64 {
    let count = |table| format!("(SELECT COUNT(*) FROM {table} WHERE username = '{code}')");
    let tables = ["radcheck", "radreply", "radusergroup"].map(count);
    app.database
        .count(&format!("SELECT {}", tables.join(" + ")))
        .await
}

//! The answers to ZenoPay's webhooks, and their effect on an order.

use serde_json::json;

use crate::harness::{Answer, Kind, TestApp, TestOrder};

mod amounts;
mod away;
mod bodies;
mod confirmation;
pub mod fake;
mod fixtures;
mod proof;
mod strangers;
mod transitions;
mod trouble;
mod unclear;
mod unverified;
mod without_key;

/// One row of the journal.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    order_id: Option<String>,
    outcome: String,
    proof: Option<String>,
    source: String,
    word: Option<String>,
    body: Vec<u8>,
}

impl Line {
    fn new(order_id: Option<&str>, outcome: &str, proof: &str, word: Option<&str>) -> Self {
        Self {
            order_id: order_id.map(str::to_owned),
            outcome: outcome.to_owned(),
            proof: Some(proof.to_owned()),
            source: "webhook".to_owned(),
            word: word.map(str::to_owned),
            body: Vec::new(),
        }
    }

    fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let (id, outcome, proof) = (&self.order_id, &self.outcome, &self.proof);
        write!(
            f,
            "{outcome} of {id:?} by {proof:?}, {} {:?} {body:?}",
            self.source, self.word
        )
    }
}

/// The whole journal, oldest first. A row with a processing time of zero was not measured.
async fn journal(app: &TestApp) -> Vec<Line> {
    let hex = match app.database.kind {
        Kind::Sqlite => "lower(hex(body))",
        Kind::Postgres => "encode(body, 'hex')",
    };
    let lines = format!(
        "SELECT COALESCE(order_id, '') || '|' || outcome || '|' || COALESCE(proof, '') || '|'
             || COALESCE(source, '') || '|' || COALESCE(word, '') || '|'
             || (CASE WHEN processing_ms > 0 THEN 'measured' ELSE '' END) || '|' || {hex}
         FROM webhook_deliveries ORDER BY id"
    );
    let lines = app.database.texts(&lines).await;
    lines.iter().map(|line| line_of(line)).collect()
}

fn line_of(text: &str) -> Line {
    let parts: Vec<&str> = text.split('|').collect();
    let [order_id, outcome, proof, source, word, measured, hex] = parts[..] else {
        panic!("{text}");
    };
    assert_eq!(measured, "measured", "processing_ms of {text}");
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Line {
        order_id: given(order_id),
        outcome: outcome.to_owned(),
        proof: given(proof),
        source: source.to_owned(),
        word: given(word),
        body: (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
    }
}

/// The alerts of one order, oldest first.
async fn alerts(app: &TestApp, order: &TestOrder) -> Vec<String> {
    remarks(app, order, "alert").await
}

/// The remarks of this level about one order, oldest first.
async fn remarks(app: &TestApp, order: &TestOrder, level: &str) -> Vec<String> {
    let order = app.database.is_order(&order.id);
    app.database
        .texts(&format!(
            "SELECT kind FROM order_events WHERE {order} AND level = '{level}' ORDER BY id"
        ))
        .await
}

/// How many status checks were made about one order.
async fn asks_about(app: &TestApp, order: &TestOrder) -> i64 {
    app.database.count(&asks_sql(app, order)).await
}

fn asks_sql(app: &TestApp, order: &TestOrder) -> String {
    let order = app.database.is_order(&order.id);
    format!("SELECT COUNT(*) FROM gateway_calls WHERE {order} AND kind = 'order_status'")
}

/// The subscriber pays, and no webhook reports it: only order-status knows.
async fn pays_in_silence(app: &TestApp, order: &TestOrder) {
    app.subscriber_decides(order, &json!({"decision": "approve", "deliver": false}))
        .await;
}

/// Delivers without key and without token.
async fn deliver_unproven(app: &TestApp, body: impl Into<reqwest::Body>) -> Answer {
    Answer::of(app.unproven(body).send().await.unwrap()).await
}

/// Delivers to this order's own URL, without the key.
async fn deliver_by_token(app: &TestApp, order: &TestOrder, body: String) -> Answer {
    let request = app.http.post(&order.webhook_url).body(body);
    Answer::of(request.send().await.unwrap()).await
}

/// Asserts that the order is still PENDING in its first version, and that nothing was sold.
async fn assert_untouched(app: &TestApp, order: &TestOrder) {
    let document = app.status(order).await;
    assert_eq!(document["payment_status"], "PENDING", "{document}");
    assert_eq!(document["version"], 1, "{document}");
    assert_eq!(app.sale_of(order).await, crate::harness::SaleCounts::NONE);
}

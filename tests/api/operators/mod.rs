//! What operators and their machines see: the actors, metrics, health, the documentation and the
//! log.

use serde_json::Value;

use crate::harness::{Answer, TOKEN, TestApp, TestOrder};

mod access;
mod actors;
mod docs;
mod health;
mod journal;
mod log;
mod masking;
mod metrics;
mod numbers;
mod online;
mod openapi;
mod orders;
mod passivation;
mod refs;
mod rights;
mod sessions;
mod size;
mod terminal;
mod timeline;
mod tokens;
mod watching;

/// One order's actor.
async fn actor(app: &TestApp, id: &str) -> Answer {
    app.get_as_operator(&format!("/api/v1/operator/actors/{id}"))
        .await
}

/// An order's row among the busiest ones.
fn row_of(seen: &Value, order: &TestOrder) -> Value {
    let rows = seen["busiest"].as_array().unwrap();
    rows.iter()
        .find(|row| row["order"] == order.id[..8])
        .unwrap()
        .clone()
}

/// Opens an event stream of an order. Its first event shows that the waiter is registered and has
/// read the order, so that later changes wake it; a poll shows that only by its end.
async fn watch(app: &TestApp, order: &TestOrder) -> reqwest::Response {
    let url = app.portal(&format!("/payment/status/{}/events", order.id));
    let mut events = app.http.get(url).send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    events
}

/// `GET` as if through a proxy, with or without the operator's token.
async fn get_from_afar(app: &TestApp, path: &str, forwarded: &str, operator: bool) -> Answer {
    let mut request = app.http.get(app.url(path)).header(forwarded, "203.0.113.7");
    if operator {
        request = request.bearer_auth(TOKEN);
    }
    Answer::of(request.send().await.unwrap()).await
}

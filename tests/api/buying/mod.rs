//! Buying: the price list, and `POST /payment` up to the prompt on the phone.

use crate::harness::{Answer, TestApp, TestOrder};

mod keys;
mod limits;
mod order;
mod packages;
mod prompts;
mod request;
mod resends;
mod shares;

/// `POST /payment` with this body, byte for byte.
async fn post(app: &TestApp, body: impl Into<reqwest::Body>) -> Answer {
    let request = app
        .http
        .post(app.portal("/payment"))
        .header("content-type", "application/json")
        .body(body);
    Answer::of(request.send().await.unwrap()).await
}

/// The order in the answer to a purchase.
#[track_caller]
pub fn order_of(answer: &Answer, phone: &str) -> TestOrder {
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone: phone.to_owned(),
        webhook_url: String::new(),
    }
}

/// How many orders there are.
async fn orders(app: &TestApp) -> i64 {
    app.database.count("SELECT COUNT(*) FROM payments").await
}

/// How many prompts were sent.
async fn pushes(app: &TestApp) -> i64 {
    app.database
        .count("SELECT COUNT(*) FROM sandbox_payments WHERE payment_status <> 'PUSH_REFUSED'")
        .await
}

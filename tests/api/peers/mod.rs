//! What payment systems in use do wrong, and customers have paid for. One test a fault,
//! named for what the customer would have seen.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;

use crate::harness::{TestApp, TestOrder};

mod believing;
mod books;
mod copies;
mod money;
mod secrets;

/// Requests under way at the same moment in a rush.
const AT_ONCE: usize = 16;

/// Makes many orders, several at the same moment.
async fn buy_many(app: &TestApp, count: usize) -> Vec<TestOrder> {
    stream::iter(0..count)
        .map(|_| app.buy())
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Completes them all, several at the same moment.
async fn sell_many(app: &TestApp, orders: &[TestOrder]) {
    let answers = stream::iter(orders)
        .map(|order| app.deliver_word(order, "COMPLETED"))
        .buffer_unordered(AT_ONCE);
    let answers: Vec<_> = answers.collect().await;
    for answer in answers {
        assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    }
}

/// The code that the guest sees.
fn code_of(document: &Value) -> String {
    document["voucher_code"].as_str().unwrap().to_owned()
}

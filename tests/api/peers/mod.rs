//! Faults of payment systems in use that have cost customers money. One test for each fault, named
//! after what the customer would have seen.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;

use crate::harness::{TestApp, TestOrder};

mod commits;
mod copies;
mod money;
mod proof;
mod secrets;

/// Concurrent requests.
const AT_ONCE: usize = 16;

/// Creates many orders, several at the same moment.
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

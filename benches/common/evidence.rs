//! Webhooks in ZenoPay's documented form, and the check afterwards that each acknowledged webhook is in
//! the database exactly once.

use std::collections::HashMap;
use std::io::Write;

use malipo::config::DatabaseConfig;
use malipo::domain::order::OrderId;
use malipo::domain::people::Secret;
use malipo::store::{OrderRows, Store};
use serde_json::Value;

use super::Outcome;
use super::client::Answers;
use super::database::Database;
use super::server::KEY;

/// Common prefix of the paths for guests and for ZenoPay.
const PORTAL: &str = "/api/v1/customer-portal";
/// The member of `metadata` that has the number of the delivery.
const MARK: &str = "mark";
/// Orders per query of the check.
const BATCH: usize = 5_000;

/// Appends a webhook request in the documented form, with our key as its proof. Copies of an order's
/// webhook differ only in their mark: another reference would be another charge.
pub fn webhook(order: OrderId, mark: u32, word: &str, into: &mut Vec<u8>) {
    let reference = order.0.as_u128() % 1_000_000_000_000_000;
    let body = format!(
        r#"{{"order_id":"{order}","payment_status":"{word}","reference":"{reference}","metadata":{{"product_id":"12345","{MARK}":{mark}}}}}"#
    );
    let length = body.len();
    write!(
        into,
        "POST {PORTAL}/webhook/zenopay HTTP/1.1\r\nhost: bench\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("memory takes what is written");
}

/// Appends a request for an order's status. With `wait` (seconds, `since`) it is a long poll.
pub fn status_read(order: OrderId, wait: Option<(u32, i64)>, into: &mut Vec<u8>) {
    let query = wait.map_or_else(String::new, |(secs, since)| {
        format!("?wait={secs}&since={since}")
    });
    write!(
        into,
        "GET {PORTAL}/payment/status/{order}{query} HTTP/1.1\r\nhost: bench\r\n\r\n"
    )
    .expect("memory takes what is written");
}

/// Acknowledged webhooks, by order.
#[derive(Default)]
pub struct Acknowledged {
    /// The marks of the acknowledged deliveries.
    orders: HashMap<OrderId, Vec<u32>>,
    next_mark: u32,
}

impl Acknowledged {
    /// Reserves `count` unused marks and returns the first.
    pub fn marks(&mut self, count: usize) -> u32 {
        let first = self.next_mark;
        self.next_mark += u32::try_from(count).expect("a benchmark sends fewer than 4 billion");
        first
    }

    /// Records the deliveries that were answered 200. `order` returns the order of a turn; the mark of a
    /// turn is `first_mark` plus its number.
    pub fn take(&mut self, answers: &Answers, first_mark: u32, order: impl Fn(u32) -> OrderId) {
        for turn in answers.turns.iter().filter(|turn| turn.status == 200) {
            let marks = self.orders.entry(order(turn.number)).or_default();
            marks.push(first_mark + turn.number);
        }
    }

    /// The number of acknowledged deliveries.
    pub fn deliveries(&self) -> usize {
        self.orders.values().map(Vec::len).sum()
    }

    /// Checks the database: each order has the rows of one sale, once, and each acknowledged delivery is
    /// in the journal, once.
    ///
    /// # Errors
    /// Describes the first order for which this is false.
    pub fn must_be_recorded(&self, database: &Database, word: &str) -> Outcome<usize> {
        let config = DatabaseConfig {
            url: Secret::new(database.url.as_str()),
            auto_migrate: false,
            ..DatabaseConfig::default()
        };
        let names: Vec<OrderId> = self.orders.keys().copied().collect();
        database.block_on(async {
            let store = Store::open_beside(&config).await?;
            for batch in names.chunks(BATCH) {
                let booked = store.audit(batch).await?;
                for order in batch {
                    let found = booked.get(order).ok_or("an order is not in the database")?;
                    fault_of(&self.orders[order], found, word)
                        .map_err(|fault| format!("order {order}: {fault}"))?;
                }
            }
            store.close().await;
            Outcome::Ok(())
        })?;
        Ok(names.len())
    }
}

/// Describes what is wrong with one order.
fn fault_of(acknowledged: &[u32], found: &OrderRows, word: &str) -> Result<(), String> {
    let sales = usize::from(word == "COMPLETED");
    let winners = found.journal.iter();
    let things = [
        ("invoices", found.invoices.len()),
        ("vouchers", found.vouchers.len()),
        ("RADIUS users", found.radius_users),
        ("texts", found.sms_with_code),
        (
            "winning webhooks",
            winners.filter(|line| line.outcome == "completed").count(),
        ),
    ];
    if let Some((thing, count)) = things.iter().find(|(_, count)| *count != sales) {
        return Err(format!("{count} {thing} instead of {sales}"));
    }

    let mut kept: HashMap<u32, usize> = HashMap::new();
    for mark in found.journal.iter().filter_map(|line| mark_of(&line.body)) {
        *kept.entry(mark).or_default() += 1;
    }
    let times = |mark: &u32| kept.get(mark).copied().unwrap_or(0);
    match acknowledged.iter().find(|mark| times(mark) != 1) {
        Some(mark) => Err(format!(
            "delivery {mark} was acknowledged and is in the journal {} times",
            times(mark)
        )),
        None => Ok(()),
    }
}

fn mark_of(body: &[u8]) -> Option<u32> {
    let document: Value = serde_json::from_slice(body).ok()?;
    document["metadata"][MARK].as_u64()?.try_into().ok()
}

//! Webhooks as ZenoPay documents them, and the proof afterwards that each one that was acknowledged
//! is in the database, exactly once.

use std::collections::HashMap;
use std::io::Write;

use malipo::config::DatabaseConfig;
use malipo::domain::order::ids::OrderId;
use malipo::domain::people::secret::Secret;
use malipo::store::{OrderRows, Store};
use serde_json::Value;

use super::Outcome;
use super::books::Books;
use super::client::Heard;
use super::server::KEY;

/// Base of the portal's and ZenoPay's paths.
const PORTAL: &str = "/api/v1/customer-portal";
/// Where in the body's `metadata` the number of the delivery stands.
const MARK: &str = "mark";
/// Orders looked at together.
const BATCH: usize = 5_000;

/// Puts down a webhook in the documented form, proven by our key. Copies of an order's webhook differ
/// in their mark alone: another reference would be another charge.
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

/// Puts down a look at an order's status; with `wait`, a long poll for what comes after `since`.
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

/// What was acknowledged, by order.
#[derive(Default)]
pub struct Acknowledged {
    /// Marks of the deliveries.
    orders: HashMap<OrderId, Vec<u32>>,
    /// Marks given out so far.
    next_mark: u32,
}

impl Acknowledged {
    /// The first of so many marks that nobody else has.
    pub fn marks(&mut self, count: usize) -> u32 {
        let first = self.next_mark;
        self.next_mark += u32::try_from(count).expect("a benchmark sends fewer than 4 billion");
        first
    }

    /// Writes down what was answered 200; `order` names the order of a turn, whose mark is
    /// `first_mark` and its number.
    pub fn take(&mut self, heard: &Heard, first_mark: u32, order: impl Fn(u32) -> OrderId) {
        for turn in heard.turns.iter().filter(|turn| turn.status == 200) {
            let marks = self.orders.entry(order(turn.number)).or_default();
            marks.push(first_mark + turn.number);
        }
    }

    /// How many were acknowledged.
    pub fn deliveries(&self) -> usize {
        self.orders.values().map(Vec::len).sum()
    }

    /// Opens the books. Every order has all that one sale leaves behind, once, and every delivery
    /// that was acknowledged is in the journal, once.
    ///
    /// # Errors
    /// With the first order that is not so.
    pub fn must_be_booked(&self, books: &Books, word: &str) -> Outcome<usize> {
        let config = DatabaseConfig {
            url: Secret::new(books.url.as_str()),
            auto_migrate: false,
            ..DatabaseConfig::default()
        };
        let names: Vec<OrderId> = self.orders.keys().copied().collect();
        books.block_on(async {
            let store = Store::open_beside(&config).await?;
            for batch in names.chunks(BATCH) {
                let booked = store.audit(batch).await?;
                for order in batch {
                    let found = booked.get(order).ok_or("an order is not in the books")?;
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

/// What is wrong with one order.
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

//! Many orders, many copies, several servers on one PostgreSQL, and one of them is killed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::process::Process;
use crate::harness::{KEY, Kind, SaleCounts, TestDatabase, body_of, fresh_phone, http_client};

const ORDERS: usize = 40;
const COPIES: usize = 32;
/// Statuses that arrive between the copies of COMPLETED.
const OTHERS: [&str; 3] = ["PENDING", "FAILED", "CANCELLED"];

/// ZenoPay, which reaches several servers behind one name.
struct Gateway {
    http: reqwest::Client,
    servers: Vec<String>,
    next: AtomicUsize,
}

impl Gateway {
    fn before(processes: &[Process]) -> Self {
        let servers = processes
            .iter()
            .map(|process| format!("{}/api/v1/customer-portal", process.base))
            .collect();
        Self {
            http: http_client(),
            servers,
            next: AtomicUsize::new(0),
        }
    }

    /// Returns the servers in turn.
    fn server(&self) -> &str {
        &self.servers[self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len()]
    }

    async fn buy(&self) -> String {
        let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let request = self
            .http
            .post(format!("{}/payment", self.server()))
            .json(&payload);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["order_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// Sends to one server after another until one acknowledges.
    async fn deliver(&self, order_id: &str, word: &str) {
        for _ in 0..200 {
            let request = self
                .http
                .post(format!("{}/webhook/zenopay", self.server()))
                .header("x-api-key", KEY)
                .body(body_of(order_id, word));
            match request
                .send()
                .await
                .map(|response| response.status().as_u16())
            {
                Ok(200) => return,
                // Busy, on a crowded machine too busy to read the request in time, or gone: try the
                // next one.
                Ok(408 | 503) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Ok(other) => panic!("{order_id} {word}: {other}"),
            }
        }
        panic!("{order_id} {word} was never acknowledged");
    }

    async fn deliver_everything(&self, orders: &[String]) {
        let deliveries = (0..COPIES).flat_map(|copy| {
            orders.iter().map(move |order_id| {
                let word = if copy % 4 == 1 {
                    OTHERS[copy / 4 % 3]
                } else {
                    "COMPLETED"
                };
                self.deliver(order_id, word)
            })
        });
        // All at once, except for what a server must refuse.
        join_all(deliveries).await;
    }
}

async fn assert_each_sold_once(database: &TestDatabase, orders: &[String]) {
    for order_id in orders {
        assert_eq!(
            database.sale_of(order_id).await,
            SaleCounts::ONE,
            "{order_id}"
        );
    }
    let count = async |sql: &str| database.count(sql).await;
    assert_eq!(count("SELECT COUNT(*) FROM invoices").await, ORDERS as i64);
    assert_eq!(count("SELECT COUNT(*) FROM vouchers").await, ORDERS as i64);
    assert_eq!(
        count("SELECT COUNT(DISTINCT username) FROM radcheck").await,
        ORDERS as i64
    );
    let winners = "SELECT COUNT(*) FROM webhook_deliveries WHERE outcome = 'completed'";
    assert_eq!(count(winners).await, ORDERS as i64);
}

#[actix_web::test]
async fn forty_orders_in_thirty_two_mixed_copies_against_two_servers_in_turn_are_forty_sales() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let processes = [
        Process::serve(&database.url, &[]),
        Process::serve(&database.url, &[]),
    ];
    let gateway = Gateway::before(&processes);
    let orders = join_all((0..ORDERS).map(|_| gateway.buy())).await;

    gateway.deliver_everything(&orders).await;

    assert_each_sold_once(&database, &orders).await;
    let journalled = database
        .count("SELECT COUNT(*) FROM webhook_deliveries")
        .await;
    assert!(
        journalled >= (ORDERS * COPIES) as i64,
        "an acknowledged copy is not in the journal"
    );
}

#[actix_web::test]
async fn three_servers_sell_every_order_once_although_one_is_killed_at_random() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let mut processes: Vec<_> = (0..3).map(|_| Process::serve(&database.url, &[])).collect();
    let gateway = Gateway::before(&processes);
    let orders = join_all((0..ORDERS).map(|_| gateway.buy())).await;
    let random = usize::from(uuid::Uuid::new_v4().as_bytes()[0]);
    let victim = processes.swap_remove(random % 3);

    tokio::join!(gateway.deliver_everything(&orders), async {
        tokio::time::sleep(Duration::from_millis(50 + 2 * random as u64)).await;
        victim.kill();
    });

    assert_each_sold_once(&database, &orders).await;
    let journalled = database
        .count("SELECT COUNT(*) FROM webhook_deliveries")
        .await;
    assert!(
        journalled >= (ORDERS * COPIES) as i64,
        "an acknowledged copy is not in the journal"
    );
}

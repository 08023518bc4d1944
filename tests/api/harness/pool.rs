//! Checks that the server's connections are usable after failures.

use futures_util::future::join_all;

use super::{Kind, SaleCounts, TestApp};

/// More than the connections of a writing pool, so that each of them is used.
const SALES: usize = 20;

/// Asserts that every transaction has ended and every connection of the pool can sell. A connection
/// left inside a transaction would answer 200, and its rows would never be visible to others.
pub async fn assert_clean(app: &TestApp) {
    if app.database.kind == Kind::Postgres {
        let open = "SELECT COUNT(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        app.database.wait_for_count(open, 0).await;
    }
    let mut orders = Vec::new();
    for _ in 0..SALES {
        orders.push(app.buy().await);
    }
    let sold = orders
        .iter()
        .map(|order| app.deliver_word(order, "COMPLETED"));
    for answer in join_all(sold).await {
        assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    }
    for order in &orders {
        // Read over another connection, so only committed rows count.
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}

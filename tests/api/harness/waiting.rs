//! Waits until a condition holds, and fails when it does not in time.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Kind, TestApp, TestOrder};

/// How long a test waits for an expected event, on the slowest machine.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(45);

impl TestApp {
    /// The status document, as soon as `payment_status` is this.
    pub async fn wait_for(&self, order: &TestOrder, status: &str) -> Value {
        let mut since = 0;
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP_AFTER {
            let path = format!("/payment/status/{}?wait=1&since={since}", order.id);
            let document = self.get(&self.portal(&path)).await.json();
            if document["payment_status"] == status {
                return document;
            }
            since = document["version"].as_i64().unwrap();
        }
        panic!(
            "{} did not become {status}: {}",
            order.id,
            self.status(order).await
        );
    }

    /// Returns when the next status check of the order is due earlier than that of a new order, or
    /// was made. The first check of a new order is due twelve seconds after it at the earliest, so
    /// this waits for less.
    pub async fn until_asked_soon(&self, order: &TestOrder) {
        let soon = match self.database.kind {
            Kind::Sqlite => "(julianday(due_at) - julianday(created_at)) * 86400 < 12",
            Kind::Postgres => "due_at < created_at + interval '12 seconds'",
        };
        // The reconciler may have been quicker and made the check already.
        let order = self.database.is_order(&order.id);
        let sql = format!("SELECT COUNT(*) FROM payments WHERE {order} AND ({soon} OR asks > 0)");
        let limit = Duration::from_secs(10);
        self.database.wait_for_count_within(limit, &sql, 1).await;
    }

    /// The `GET /actors` document, as soon as it satisfies the condition.
    pub async fn actors_when(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP_AFTER {
            seen = self.get_as_operator("/api/v1/operator/actors").await.json();
            if holds(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the condition never held: {seen:#}");
    }

    /// Returns when this many polls are parked.
    pub async fn until_parked(&self, polls: usize) {
        self.actors_when(|seen| seen["status_actor"]["waiters"] == polls)
            .await;
    }
}

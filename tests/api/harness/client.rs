//! A client of the binary. It outlives the server process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::Process;
use super::{KEY, TOKEN, body_of, fresh_phone, http_client};

/// Longer than any of these steps takes on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30);

/// A client that outlives the server: it reports lost connections.
pub struct Client {
    http: reqwest::Client,
    base: String,
    actors: String,
    /// Deliveries that were answered 200.
    pub acknowledged: AtomicUsize,
}

impl Client {
    /// A client of this server process.
    pub fn of(process: &Process) -> Self {
        Self {
            http: http_client(),
            base: format!("{}/api/v1/customer-portal", process.base),
            actors: format!("{}/api/v1/operator/actors", process.base),
            acknowledged: AtomicUsize::new(0),
        }
    }

    /// Returns when this many deliveries were acknowledged, so that the server is in the middle of
    /// its load on any machine.
    pub async fn until_acknowledged(&self, deliveries: usize) {
        let begun = Instant::now();
        while self.acknowledged.load(Ordering::Relaxed) < deliveries {
            assert!(begun.elapsed() < GIVE_UP_AFTER, "nothing is acknowledged");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Returns when this many polls are parked.
    pub async fn until_parked(&self, polls: usize) {
        let begun = Instant::now();
        loop {
            let request = self.http.get(&self.actors).bearer_auth(TOKEN);
            let seen: Value = request.send().await.unwrap().json().await.unwrap();
            if seen["status_actor"]["waiters"] == polls {
                return;
            }
            assert!(begun.elapsed() < GIVE_UP_AFTER, "{seen}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Buys `daily` with a new phone number; returns the order's id.
    pub async fn buy(&self) -> String {
        let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let request = self
            .http
            .post(format!("{}/payment", self.base))
            .json(&payload);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["order_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// Delivers COMPLETED; returns the status code, or `None` when no answer came.
    pub async fn deliver(&self, order_id: &str) -> Option<u16> {
        let request = self
            .http
            .post(format!("{}/webhook/zenopay", self.base))
            .header("x-api-key", KEY)
            .body(body_of(order_id, "COMPLETED"));
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        // An answer that broke off counts as no answer.
        response.bytes().await.ok().map(|_| status)
    }

    /// Long-polls the order: status code and document.
    pub async fn wait(&self, order_id: &str) -> (u16, Value) {
        let url = format!("{}/payment/status/{order_id}?wait=25", self.base);
        let response = self.http.get(url).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

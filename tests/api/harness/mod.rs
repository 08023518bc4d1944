//! A server, a database and a client for each test.

use std::time::{Duration, Instant};

use malipo::app::App;
use malipo::config::{Config, DatabaseConfig, LogConfig};
use malipo::domain::operator::{Operator, Role};
use malipo::domain::secret::Secret;
use malipo::store::Store;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

pub mod client;
pub mod collector;
mod database;
pub mod freeradius;
pub mod pool;
pub mod process;
pub mod proxy;
pub mod router;

pub use database::{Kind, TestDatabase};

/// What the sandbox expects in `x-api-key`.
pub const KEY: &str = "sandbox-key";
/// What operators send.
pub const TOKEN: &str = "operator-token-of-the-tests";
/// The contract's five seconds for an answer, and what a busy test machine adds to them. Who waits
/// for a database that does not answer instead waits for twenty-five.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
/// How long a test waits for what must come, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(45);
/// The price of `daily`.
pub const DAILY_PRICE: i64 = 2_000;

/// Declares a test for both databases: `async fn name(kind: Kind)` stands beside.
macro_rules! on_both_databases {
    ($($name:ident,)*) => {$(
        mod $name {
            #[actix_web::test]
            async fn on_sqlite() {
                super::$name(crate::harness::Kind::Sqlite).await;
            }

            #[actix_web::test]
            async fn on_postgres() {
                super::$name(crate::harness::Kind::Postgres).await;
            }
        }
    )*};
}

/// A running server with a database of its own.
pub struct TestApp {
    pub app: App,
    pub database: TestDatabase,
    pub http: reqwest::Client,
    pub base: String,
}

/// An order, as far as a test needs to know it.
#[derive(Clone, Debug)]
pub struct TestOrder {
    pub id: String,
    pub phone: String,
    /// What ZenoPay was given as this order's webhook URL.
    pub webhook_url: String,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The `code` of a problem document.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// What a webhook was answered: status, and outcome or problem code.
    pub fn verdict(&self) -> (u16, String) {
        let json = self.json();
        let word = json["outcome"]
            .as_str()
            .or(json["code"].as_str())
            .unwrap_or_default();
        (self.status, word.to_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The answer is a problem as RFC 9457 has it, with this status and this `code`.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.header("content-type")),
            (status, Some("application/problem+json")),
            "expected {code}, got {:?}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["type", "title"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no {member}: {problem}");
        }
    }
}

/// The configuration that tests start from: port 0, the subscriber decides by hand, limits
/// out of the way.
pub fn config(database_url: &str) -> Config {
    let mut config = Config::default();
    config.server.bind = "127.0.0.1:0".parse().unwrap();
    config.database.url = Secret::new(database_url);
    config.sandbox.approve_after_ms = 0;
    config.limits.prompts_per_phone = 1_000;
    config.limits.unpaid_per_phone_day = 1_000;
    config.limits.prompts_per_sec = 100_000;
    // `MALIPO_TEST_LOG=info` shows what a failing test did.
    let filter = std::env::var("MALIPO_TEST_LOG").unwrap_or_else(|_| "off".to_owned());
    config.log = LogConfig {
        filter,
        ..config.log
    };
    config
}

impl TestApp {
    /// Starts with the tests' usual configuration.
    pub async fn start(kind: Kind) -> Self {
        Self::start_with(kind, |_| {}).await
    }

    /// Starts with a change of the configuration.
    pub async fn start_with(kind: Kind, change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create(kind).await;
        Self::start_on(database, change).await
    }

    /// Starts on a database that may have been used before.
    pub async fn start_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&database.url);
        change(&mut config);
        let _ = malipo::telemetry::start(&config.log, &config.telemetry).unwrap();
        let app = App::start(config, Some(Secret::new(TOKEN))).await.unwrap();
        let base = format!("http://{}", app.address);
        let http = http_client();
        Self {
            app,
            database,
            http,
            base,
        }
    }

    /// Stops the server and gives the database back.
    pub async fn stop(self) -> TestDatabase {
        self.app.stop().await;
        self.database
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A path below the portal's base.
    pub fn portal(&self, path: &str) -> String {
        format!("{}/api/v1/customer-portal{path}", self.base)
    }

    pub async fn get(&self, url: &str) -> Answer {
        Answer::of(self.http.get(url).send().await.unwrap()).await
    }

    pub async fn get_as_operator(&self, path: &str) -> Answer {
        self.get_with(path, TOKEN).await
    }

    /// `GET` with this bearer token.
    pub async fn get_with(&self, path: &str, token: &str) -> Answer {
        let request = self.http.get(self.url(path)).bearer_auth(token);
        Answer::of(request.send().await.unwrap()).await
    }

    /// The books, opened beside the server.
    pub async fn store_beside(&self) -> Store {
        let config = DatabaseConfig {
            url: Secret::new(self.database.url.as_str()),
            auto_migrate: false,
        };
        Store::open_beside(&config).await.unwrap()
    }

    /// Takes an operator on; the token.
    pub async fn take_on(&self, name: &str, role: Role) -> String {
        let operator = Operator {
            name: name.to_owned(),
            role,
        };
        let store = self.store_beside().await;
        let token = store.add_operator(operator, None).await.unwrap();
        store.close().await;
        token.unwrap().expose().to_owned()
    }

    /// `POST /payment` with this body.
    pub async fn pay(&self, body: &Value) -> Answer {
        Answer::of(
            self.http
                .post(self.portal("/payment"))
                .json(body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    /// `POST /payment` with an Idempotency-Key.
    pub async fn pay_with_key(&self, body: &Value, key: &str) -> Answer {
        let request = self
            .http
            .post(self.portal("/payment"))
            .header("idempotency-key", key);
        Answer::of(request.json(body).send().await.unwrap()).await
    }

    /// Buys `daily` with a phone that nobody else has.
    pub async fn buy(&self) -> TestOrder {
        self.buy_package("daily").await
    }

    /// Buys a package with a phone that nobody else has.
    pub async fn buy_package(&self, code: &str) -> TestOrder {
        let phone = fresh_phone();
        let answer = self
            .pay(&json!({"packageId": code, "phoneNumber": phone}))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let id = answer.json()["order_id"].as_str().unwrap().to_owned();
        let webhook_url = self.webhook_url(&id).await;
        TestOrder {
            id,
            phone,
            webhook_url,
        }
    }

    /// The URL that ZenoPay was given.
    async fn webhook_url(&self, order_id: &str) -> String {
        self.database
            .text(&format!(
                "SELECT webhook_url FROM sandbox_payments WHERE order_id = '{order_id}'"
            ))
            .await
            .unwrap()
    }

    /// A POST to the general webhook path, as yet without proof.
    pub fn unproven(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.http
            .post(self.portal("/webhook/zenopay"))
            .header("content-type", "application/json")
            .body(body)
    }

    /// Delivers this body with the key.
    pub async fn deliver(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.unproven(body).header("x-api-key", KEY);
        Answer::of(request.send().await.unwrap()).await
    }

    /// Delivers `{"order_id", "payment_status"}` with the key.
    pub async fn deliver_word(&self, order: &TestOrder, word: &str) -> Answer {
        self.deliver(body_of(&order.id, word)).await
    }

    /// The status document, at once.
    pub async fn status(&self, order: &TestOrder) -> Value {
        let answer = self
            .get(&self.portal(&format!("/payment/status/{}", order.id)))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The status document, as soon as `payment_status` is this.
    pub async fn wait_for(&self, order: &TestOrder, status: &str) -> Value {
        let mut since = 0;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
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

    /// Returns when ZenoPay is to be asked about the order earlier than about one that is new,
    /// or was. That first ask comes twelve seconds after the order at the earliest, so this
    /// waits for less.
    pub async fn until_asked_soon(&self, order: &TestOrder) {
        let soon = match self.database.kind {
            Kind::Sqlite => "(julianday(due_at) - julianday(created_at)) * 86400 < 12",
            Kind::Postgres => "due_at < created_at + interval '12 seconds'",
        };
        // Or the reconciler was quicker than we are: then it has asked already.
        let order = self.database.is_order(&order.id);
        let sql = format!("SELECT COUNT(*) FROM payments WHERE {order} AND ({soon} OR asks > 0)");
        let patience = Duration::from_secs(10);
        self.database.wait_for_count_within(patience, &sql, 1).await;
    }

    /// Everything that a sale writes, counted for one order.
    pub async fn sale_of(&self, order: &TestOrder) -> SaleCounts {
        self.database.sale_of(&order.id).await
    }

    /// How many deliveries the journal holds of an order, by outcome.
    pub async fn journal(&self, order_id: &str, outcome: &str) -> i64 {
        self.database
            .count(&format!(
                "SELECT COUNT(*) FROM webhook_deliveries WHERE order_id = '{order_id}' AND outcome = '{outcome}'"
            ))
            .await
    }

    /// Sets what the simulated ZenoPay does with payments from now on.
    pub async fn gateway_behaves(&self, behaviour: &Value) {
        let request = self
            .http
            .post(self.url("/sandbox/behaviour"))
            .json(behaviour);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The simulated subscriber decides now.
    pub async fn subscriber_decides(&self, order: &TestOrder, behaviour: &Value) {
        let url = self.url(&format!("/sandbox/payments/{}/decide", order.id));
        let answer = Answer::of(self.http.post(url).json(behaviour).send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The machinery as operators see it, as soon as it looks like this.
    pub async fn actors_when(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            seen = self.get_as_operator("/api/v1/operator/actors").await.json();
            if holds(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not come to this: {seen:#}");
    }

    /// Returns when this many polls are parked.
    pub async fn until_parked(&self, polls: usize) {
        self.actors_when(|seen| seen["status_actor"]["waiters"] == polls)
            .await;
    }
}

/// A client that waits longer than any long poll.
pub fn http_client() -> reqwest::Client {
    // Fails only when it is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(40))
        .pool_max_idle_per_host(200)
        .build()
        .unwrap()
}

/// Rows that one order has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleCounts {
    pub completed: i64,
    pub customers: i64,
    pub invoices: i64,
    pub vouchers: i64,
    pub radius_users: i64,
    pub sms: i64,
}

impl SaleCounts {
    /// Nothing was sold.
    pub const NONE: Self = Self::all(0);
    /// One whole sale, and nothing twice.
    pub const ONE: Self = Self::all(1);

    const fn all(count: i64) -> Self {
        Self {
            completed: count,
            customers: count,
            invoices: count,
            vouchers: count,
            radius_users: count,
            sms: count,
        }
    }
}

/// The smallest body that ZenoPay may send.
pub fn body_of(order_id: &str, word: &str) -> String {
    json!({"order_id": order_id, "payment_status": word}).to_string()
}

/// A phone that no other test order has.
pub fn fresh_phone() -> String {
    format!("07{:08}", uuid::Uuid::new_v4().as_u128() % 100_000_000)
}

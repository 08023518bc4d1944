//! A server, a database and a client for each test.

use std::time::Duration;

use malipo::app::App;
use malipo::config::{Config, DatabaseConfig, LogConfig};
use malipo::domain::people::{Operator, Role, Secret};
use malipo::store::Store;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

mod answer;
pub mod client;
pub mod collector;
mod database;
pub mod freeradius;
pub mod front_proxy;
pub mod pool;
pub mod process;
pub mod proxy;
mod radclient;
pub mod radius_packet;
pub mod router;
mod sale_counts;
#[path = "../../shared/templates.rs"]
mod templates;
mod waiting;

pub use answer::Answer;
pub use database::{Kind, TestDatabase};
pub use sale_counts::SaleCounts;

/// The key that the sandbox expects in `x-api-key`.
pub const KEY: &str = "sandbox-key";
/// The operators' bearer token.
pub const TOKEN: &str = "operator-token-of-the-tests";
/// The guaranteed five seconds for an answer, plus a margin for a busy test machine.
/// A request that waits for a silent database instead takes twenty-five.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
/// The price of `daily`.
pub const DAILY_PRICE: i64 = 2_000;

/// Declares a test on both databases for an `async fn name(kind: Kind)` in the same module.
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

/// An order, as far as a test needs it.
#[derive(Clone, Debug)]
pub struct TestOrder {
    pub id: String,
    pub phone: String,
    /// The webhook URL that ZenoPay received for this order.
    pub webhook_url: String,
}

/// The configuration that tests start from: port 0, the simulated subscriber decides only when
/// asked to, and limits are out of the way.
pub fn config(database_url: &str) -> Config {
    let mut config = Config::default();
    config.server.bind = "127.0.0.1:0".parse().unwrap();
    config.database.url = Secret::new(database_url);
    config.sandbox.approve_after_ms = 0;
    config.limits.prompts_per_phone = 1_000;
    config.limits.unpaid_per_phone_day = 1_000;
    config.limits.prompts_per_sec = 100_000;
    // `MALIPO_TEST_LOG=info` shows the log of a failing test.
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

    /// Starts with a changed configuration.
    pub async fn start_with(kind: Kind, change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create(kind).await;
        Self::start_on(database, change).await
    }

    /// Starts on a database that may have been used before.
    pub async fn start_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&database.url);
        change(&mut config);
        let _ = malipo::observability::telemetry::start(&config.log, &config.telemetry).unwrap();
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

    /// Stops the server and returns its database.
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

    /// A second `Store` on the server's database.
    pub async fn store_beside(&self) -> Store {
        let config = DatabaseConfig {
            url: Secret::new(self.database.url.as_str()),
            auto_migrate: false,
            ..DatabaseConfig::default()
        };
        Store::open_beside(&config).await.unwrap()
    }

    /// Adds an operator and returns the token.
    pub async fn add_operator(&self, name: &str, role: Role) -> String {
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
        let request = self.http.post(self.portal("/payment")).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// `POST /payment` with an Idempotency-Key.
    pub async fn pay_with_key(&self, body: &Value, key: &str) -> Answer {
        let request = self
            .http
            .post(self.portal("/payment"))
            .header("idempotency-key", key);
        Answer::of(request.json(body).send().await.unwrap()).await
    }

    /// Buys `daily` with a new phone number.
    pub async fn buy(&self) -> TestOrder {
        self.buy_package("daily").await
    }

    /// Buys a package with a new phone number.
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

    /// The webhook URL that ZenoPay received.
    async fn webhook_url(&self, order_id: &str) -> String {
        self.database
            .text(&format!(
                "SELECT webhook_url FROM sandbox_payments WHERE order_id = '{order_id}'"
            ))
            .await
            .unwrap()
    }

    /// A POST to the general webhook path, without proof so far.
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

    /// Counts everything that a sale writes, for one order.
    pub async fn sale_of(&self, order: &TestOrder) -> SaleCounts {
        self.database.sale_of(&order.id).await
    }

    /// How many deliveries of an order the journal has, by outcome.
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
}

/// A client that waits longer than any long poll.
pub fn http_client() -> reqwest::Client {
    // Fails only when a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(40))
        .pool_max_idle_per_host(200)
        .build()
        .unwrap()
}

/// The smallest body that ZenoPay may send.
pub fn body_of(order_id: &str, word: &str) -> String {
    json!({"order_id": order_id, "payment_status": word}).to_string()
}

/// A phone number that no other order of the tests has.
pub fn fresh_phone() -> String {
    format!("07{:08}", uuid::Uuid::new_v4().as_u128() % 100_000_000)
}

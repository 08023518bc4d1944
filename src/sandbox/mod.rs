//! A simulated ZenoPay, because the real one has no sandbox: it answers the same HTTP, makes
//! a simulated subscriber decide after a while, and POSTs real webhooks back.
//!
//! A [`Behaviour`] says how a payment behaves; each payment keeps the switches that were set when
//! it was made. A [`Simulated`] is an answer as ZenoPay gives it; the courier sends the webhooks.
//!
//! # Invariants
//! Its state is in the database, and it reaches the shop by HTTP only, so that the shop cannot treat it
//! differently from the real ZenoPay.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::config::SandboxConfig;
use crate::domain::people::Secret;
use crate::domain::rfc3339::rfc3339;
use crate::http_client;
use crate::store::{SandboxPayment, Store, StoreError};

mod behaviour;
mod courier;
mod gateway;
mod subscriber;

pub use behaviour::{Behaviour, Choice, Push};
pub use gateway::Simulated;

/// Payments decided, and webhooks under way, at the same moment.
const AT_ONCE: usize = 64;
/// How long an answer to a webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than the time for which common servers keep an idle connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The simulated ZenoPay. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    store: Store,
    config: SandboxConfig,
    key: Secret,
    http: reqwest::Client,
    /// Wakes the loop when something was planned. It also looks by itself.
    planned: Arc<Notify>,
    /// The loop has ended; no call hangs any more.
    stopped: CancellationToken,
}

/// Why an order was not decided on.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such payment here.
    #[error("the simulated ZenoPay does not have this order")]
    NotFound,
    /// The change names a field that is unknown or a value that is not of its kind.
    #[error("{0}")]
    Behaviour(String),
    /// The database cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A payment as the API and the pages show it.
#[derive(Clone, Serialize, ToSchema)]
pub struct Entry {
    /// As the merchant gave it.
    pub order_id: String,
    /// What was asked for, in whole TZS.
    pub amount: i64,
    /// The phone that got the prompt, as `255…`.
    pub buyer_phone: String,
    /// In ZenoPay's words.
    pub payment_status: String,
    /// ZenoPay's number, once the subscriber has decided.
    pub reference: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// When the subscriber decides, RFC 3339; null is by hand, never, or already done.
    pub decide_at: Option<String>,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// Webhooks in all.
    pub webhooks_planned: i64,
    /// Those that were answered 200.
    pub webhooks_delivered: i64,
}

impl Sandbox {
    /// Prepares the simulation; opens no connection yet. `key` is expected in `x-api-key`
    /// and sent back in it.
    ///
    /// # Errors
    /// If the HTTP client cannot be built.
    pub fn new(store: Store, config: SandboxConfig, key: Secret) -> reqwest::Result<Self> {
        Ok(Self {
            store,
            config,
            key,
            http: build_http()?,
            planned: Arc::default(),
            stopped: CancellationToken::new(),
        })
    }

    /// How long the subscriber takes by default, in milliseconds; 0 is by hand.
    pub fn usual_ms(&self) -> u64 {
        self.config.approve_after_ms
    }

    /// The behaviour of new payments.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn switches(&self) -> Result<Behaviour, StoreError> {
        let stored = self.store.sandbox_switches().await?;
        Ok(Behaviour::from_stored(&stored.unwrap_or_default()))
    }

    /// Sets the behaviour of new payments. Existing ones keep theirs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn set_switches(&self, behaviour: &Behaviour) -> Result<(), StoreError> {
        let (behaviour, now) = (behaviour.to_stored(), self.store.clock().now());
        self.store.sandbox_set_switches(behaviour, now).await
    }

    /// The subscriber of one payment decides by hand, whatever was decided before: a
    /// COMPLETED after FAILED is late money, a second COMPLETED repeats the first.
    /// `changes` are fields of its behaviour. Decided at once, or after `after_ms` if the
    /// changes name it; on return the decision is committed and its webhooks are planned.
    ///
    /// # Errors
    /// [`DecideError`]; then nothing is decided.
    pub async fn decide(
        &self,
        order_id: &str,
        changes: Map<String, Value>,
    ) -> Result<(), DecideError> {
        let store = &self.store;
        let found = store.sandbox_find(order_id).await?;
        let mut payment = found.ok_or(DecideError::NotFound)?;
        let waits = changes.contains_key("after_ms");
        let behaviour = Behaviour::from_stored(&payment.behaviour)
            .with(changes)
            .map_err(DecideError::Behaviour)?;

        let now = store.clock().now();
        let decide_at = behaviour.decide_at(now, 0).filter(|_| waits).unwrap_or(now);
        payment.behaviour = behaviour.to_stored();
        payment.decide_at = Some(decide_at);

        let behaviour = payment.behaviour.clone();
        store
            .sandbox_decide_at(order_id, behaviour, decide_at)
            .await?;
        if decide_at <= now {
            // If nothing is written, the loop was faster and has made the same decision.
            let decided = subscriber::answer(payment, now);
            store.sandbox_decide(vec![decided]).await?;
        }
        self.planned.notify_one();
        Ok(())
    }

    /// The newest payments, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn list(&self, most: u64) -> Result<Vec<Entry>, StoreError> {
        let recent = self.store.sandbox_recent(most).await?;
        Ok(recent.into_iter().map(entry).collect())
    }
}

fn entry((payment, planned, delivered): (SandboxPayment, i64, i64)) -> Entry {
    Entry {
        order_id: payment.order_id,
        amount: payment.amount,
        buyer_phone: payment.buyer_phone,
        payment_status: payment.payment_status,
        reference: payment.reference,
        created_at: rfc3339(payment.created_at),
        decide_at: payment.decide_at.map(rfc3339),
        behaviour: Behaviour::from_stored(&payment.behaviour),
        webhooks_planned: planned,
        webhooks_delivered: delivered,
    }
}

/// The client that sends the webhooks.
fn build_http() -> reqwest::Result<reqwest::Client> {
    let build = |scheme| {
        http_client::builder(scheme)
            .user_agent("ZenoPay-sandbox")
            .timeout(TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .build()
    };
    // Where the system has no CA certificates, plain http must work all the same.
    build("https").or_else(|_| build("http"))
}

//! What the simulated ZenoPay answers to the two calls.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::error;
use url::Url;

use super::Sandbox;
use super::behaviour::{Behaviour, PENDING, Push, ZENOPAY_ZONE};
use crate::domain::catalog::money::Tzs;
use crate::domain::people::phone::Phone;
use crate::gateways::zenopay::proof::KeyCheck;
use crate::gateways::zenopay::wire::{CreateBody, OrderStatusBody, OrderStatusRow};
use crate::store::{SandboxPayment, StoreError};

/// How long a push hangs: longer than `zenopay.create_timeout_ms` is by default.
const HANG: Duration = Duration::from_secs(30);
/// Characters of an order id at most.
const ORDER_ID_CHARS: usize = 128;
/// Documented by ZenoPay, for every refusal.
const REFUSAL: &str = "Invalid API Key or request payload";

/// An answer as ZenoPay gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// As in 200.
    pub http_status: u16,
    /// As in `application/json`.
    pub content_type: &'static str,
    /// JSON, HTML or nothing.
    pub body: String,
}

impl Simulated {
    fn json(http_status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("texts and numbers are JSON");
        Self {
            http_status,
            content_type: "application/json",
            body,
        }
    }

    fn accepted(order_id: &str) -> Self {
        Self::json(200, &CreateBody::accepted(order_id))
    }

    fn refused(http_status: u16) -> Self {
        Self::json(http_status, &CreateBody::refused(REFUSAL))
    }

    fn html(http_status: u16, title: &str) -> Self {
        let body = format!("<html><body>{http_status} {title}</body></html>");
        Self {
            http_status,
            content_type: "text/html",
            body,
        }
    }

    fn empty(http_status: u16) -> Self {
        Self {
            http_status,
            content_type: "application/json",
            body: String::new(),
        }
    }

    /// The database cannot be reached, so the caller learns nothing: as from the real one.
    fn lost(cause: &StoreError) -> Self {
        error!(%cause, "the simulated ZenoPay cannot reach its books");
        Self::empty(500)
    }
}

/// What a merchant asks for. Fields that the simulation has no use for are skipped, as
/// `buyer_email`, which the real one does not check either.
#[derive(Deserialize)]
struct PushRequest {
    order_id: String,
    buyer_phone: String,
    /// A number, or a number as text.
    amount: Value,
    webhook_url: Option<Url>,
    metadata: Option<Map<String, Value>>,
}

impl Sandbox {
    /// The create call: the phone rings, once an order. The same order id again is answered
    /// as accepted, and nothing rings.
    pub async fn create(&self, key_header: Option<&[u8]>, body: &[u8]) -> Simulated {
        if !self.is_key(key_header) {
            return Simulated::refused(403);
        }
        match self.push(body).await {
            Ok(answer) => answer,
            Err(cause) => Simulated::lost(&cause),
        }
    }

    async fn push(&self, body: &[u8]) -> Result<Simulated, StoreError> {
        let behaviour = self.switches().await?;
        match behaviour.push {
            Push::BadKey => return Ok(Simulated::refused(403)),
            Push::Refuse => return Ok(Simulated::refused(400)),
            Push::Accept | Push::Error | Push::Html | Push::Empty | Push::Hang => {}
        }
        let Some(payment) = self.new_payment(body, &behaviour).await? else {
            return Ok(Simulated::refused(400));
        };

        let order_id = payment.order_id.clone();
        let is_new = self.store.sandbox_create(payment).await?;
        self.planned.notify_one();
        if !is_new {
            return Ok(Simulated::accepted(&order_id));
        }
        Ok(match behaviour.push {
            Push::Error => Simulated::html(504, "Gateway Time-out"),
            Push::Html => Simulated::html(502, "Bad Gateway"),
            Push::Empty => Simulated::empty(200),
            Push::Hang => {
                self.hang().await;
                Simulated::accepted(&order_id)
            }
            Push::Accept | Push::Refuse | Push::BadKey => Simulated::accepted(&order_id),
        })
    }

    /// The payment that a body asks for; `None` when it cannot be pushed.
    async fn new_payment(
        &self,
        body: &[u8],
        behaviour: &Behaviour,
    ) -> Result<Option<SandboxPayment>, StoreError> {
        let Some((wish, phone, amount)) = read_wish(body) else {
            return Ok(None);
        };

        let now = self.store.clock().now();
        Ok(Some(SandboxPayment {
            order_id: wish.order_id,
            amount,
            buyer_phone: phone,
            webhook_url: wish.webhook_url.map(String::from),
            metadata: wish
                .metadata
                .map(|fields| Value::Object(fields).to_string()),
            payment_status: PENDING.to_owned(),
            reference: None,
            transid: None,
            channel: None,
            behaviour: behaviour.to_stored(),
            created_at: now,
            decide_at: behaviour.decide_at(now, self.config.approve_after_ms),
        }))
    }

    /// The order-status call.
    pub async fn order_status(&self, key_header: Option<&[u8]>, order_id: &str) -> Simulated {
        if !self.is_key(key_header) {
            return Simulated::refused(403);
        }
        match self.store.sandbox_find(order_id).await {
            Ok(Some(payment)) => Simulated::json(200, &OrderStatusBody::found(row(payment))),
            Ok(None) => Simulated::json(200, &OrderStatusBody::not_found(order_id)),
            Err(cause) => Simulated::lost(&cause),
        }
    }

    fn is_key(&self, header: Option<&[u8]>) -> bool {
        match self.keys.check_key(header) {
            KeyCheck::Current | KeyCheck::Previous => true,
            KeyCheck::Absent | KeyCheck::Wrong => false,
        }
    }

    /// Not longer than the loop runs, so that a server that stops need not wait for it.
    async fn hang(&self) {
        // Either end will do.
        let _ = tokio::time::timeout(HANG, self.stopped.cancelled()).await;
    }
}

fn read_wish(body: &[u8]) -> Option<(PushRequest, Phone, i64)> {
    let wish: PushRequest = serde_json::from_slice(body).ok()?;
    let phone = Phone::read(&wish.buyer_phone).ok()?;
    let amount = match &wish.amount {
        Value::String(text) => Tzs::read_whole(text)?,
        other => Tzs::read_whole(&other.to_string())?,
    };
    let is_named = (1..=ORDER_ID_CHARS).contains(&wish.order_id.chars().count());
    // PostgreSQL refuses NUL in text, and the rest has no place in a name either.
    let is_clean = !wish.order_id.chars().any(char::is_control);
    let is_web = wish
        .webhook_url
        .as_ref()
        .is_none_or(|url| url.scheme().starts_with("http"));
    (is_named && is_clean && is_web && amount.0 > 0).then_some((wish, phone, amount.0))
}

/// Everything but the word is null until the payment is decided (seen in the field).
fn row(payment: SandboxPayment) -> OrderStatusRow {
    let is_decided = payment.reference.is_some();
    let paid = Behaviour::from_stored(&payment.behaviour)
        .amount
        .filter(|_| is_decided);
    let creation_date = payment.created_at.with_timezone(&ZENOPAY_ZONE);
    OrderStatusRow {
        order_id: payment.order_id,
        creation_date: creation_date.format("%Y-%m-%d %H:%M:%S").to_string(),
        amount: paid.unwrap_or(payment.amount).to_string(),
        payment_status: payment.payment_status,
        transid: payment.transid,
        channel: payment.channel,
        reference: payment.reference,
        msisdn: is_decided.then(|| payment.buyer_phone.international().to_owned()),
    }
}

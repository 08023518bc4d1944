//! What the simulated ZenoPay answers to the two calls.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;
use tokio::time::timeout;
use tracing::error;
use url::Url;

use super::Sandbox;
use super::behaviour::{Behaviour, PENDING, Push, ZENOPAY_ZONE};
use crate::domain::catalog::Tzs;
use crate::domain::people::Phone;
use crate::store::{PUSH_REFUSED, SandboxPayment, StoreError};

/// How long a push hangs: longer than the default of `zenopay.create_timeout_ms`.
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
    fn new(http_status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            http_status,
            content_type,
            body,
        }
    }

    fn json(http_status: u16, body: &Value) -> Self {
        Self::new(http_status, "application/json", body.to_string())
    }

    fn empty(http_status: u16) -> Self {
        Self::new(http_status, "application/json", String::new())
    }

    fn html(http_status: u16, title: &str) -> Self {
        let body = format!("<html><body>{http_status} {title}</body></html>");
        Self::new(http_status, "text/html", body)
    }

    /// As documented for a push that was accepted.
    fn accepted(order_id: &str) -> Self {
        let message = "Request in progress. You will receive a callback shortly";
        let body = json!({
            "status": "success", "resultcode": "000", "message": message, "order_id": order_id,
        });
        Self::json(200, &body)
    }

    /// As documented for a push that was refused.
    fn refused(http_status: u16) -> Self {
        Self::json(http_status, &json!({"status": "error", "message": REFUSAL}))
    }

    /// As documented for an order that is known. Everything but the word is null until the payment
    /// is decided (seen in the field).
    fn found(payment: &SandboxPayment) -> Self {
        let is_decided = payment.reference.is_some();
        let behaviour = Behaviour::from_stored(&payment.behaviour);
        let paid = behaviour.amount.filter(|_| is_decided);
        let creation_date = payment.created_at.with_timezone(&ZENOPAY_ZONE);
        let row = json!({
            "order_id": payment.order_id,
            "creation_date": creation_date.format("%Y-%m-%d %H:%M:%S").to_string(),
            "amount": paid.unwrap_or(payment.amount).to_string(),
            "payment_status": payment.payment_status,
            "transid": payment.transid,
            "channel": payment.channel,
            "reference": payment.reference,
            "msisdn": is_decided.then_some(&payment.buyer_phone),
        });
        let body = json!({
            "reference": payment.reference, "resultcode": "000", "result": "SUCCESS",
            "message": "Order fetch successful", "data": [row],
        });
        Self::json(200, &body)
    }

    /// As documented for an order that is unknown.
    fn not_found(order_id: &str) -> Self {
        let body = json!({
            "reference": null, "resultcode": "404", "result": "FAIL",
            "message": format!("{order_id} not found"), "data": [],
        });
        Self::json(200, &body)
    }
}

/// What a merchant asks for. Fields that the simulation does not use are skipped, as
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
        self.push(body).await.unwrap_or_else(unavailable)
    }

    async fn push(&self, body: &[u8]) -> Result<Simulated, StoreError> {
        let behaviour = self.switches().await?;
        let refusal = match behaviour.push {
            Push::BadKey => Some(403),
            Push::Refuse => Some(400),
            Push::Accept | Push::Error | Push::Html | Push::Empty | Push::Hang => None,
        };
        let Some((request, buyer_phone, amount)) = read_request(body) else {
            return Ok(Simulated::refused(refusal.unwrap_or(400)));
        };
        let order_id = request.order_id.clone();
        let now = self.store.clock().now();
        let payment = SandboxPayment {
            id: 0,
            order_id: request.order_id,
            amount,
            buyer_phone: buyer_phone.international().to_owned(),
            webhook_url: request.webhook_url.map(String::from),
            metadata: request.metadata.map(|it| Value::Object(it).to_string()),
            payment_status: refusal.map_or(PENDING, |_| PUSH_REFUSED).to_owned(),
            reference: None,
            transid: None,
            channel: None,
            behaviour: behaviour.to_stored(),
            created_at: now,
            decide_at: match refusal {
                Some(_) => None,
                None => behaviour.decide_at(now, self.config.approve_after_ms),
            },
        };
        let is_new = self.store.sandbox_create(payment).await?;
        if let Some(http_status) = refusal {
            return Ok(Simulated::refused(http_status));
        }
        self.planned.notify_one();
        if is_new {
            match behaviour.push {
                Push::Error => return Ok(Simulated::html(504, "Gateway Time-out")),
                Push::Html => return Ok(Simulated::html(502, "Bad Gateway")),
                Push::Empty => return Ok(Simulated::empty(200)),
                // Ends with the loop, so that a stop does not wait for it.
                Push::Hang => drop(timeout(HANG, self.stopped.cancelled()).await),
                Push::Accept | Push::Refuse | Push::BadKey => {}
            }
        }
        Ok(Simulated::accepted(&order_id))
    }

    /// The order-status call.
    pub async fn order_status(&self, key_header: Option<&[u8]>, order_id: &str) -> Simulated {
        if !self.is_key(key_header) {
            return Simulated::refused(403);
        }
        match self.store.sandbox_find(order_id).await {
            Ok(Some(payment)) => Simulated::found(&payment),
            Ok(None) => Simulated::not_found(order_id),
            Err(error) => unavailable(error),
        }
    }

    fn is_key(&self, header: Option<&[u8]>) -> bool {
        let sent = header.unwrap_or_default().trim_ascii();
        !sent.is_empty() && sent.ct_eq(self.key.expose().as_bytes()).into()
    }
}

/// The database cannot be reached; the caller gets no more than from the real one.
fn unavailable(error: StoreError) -> Simulated {
    error!(%error, "the simulated ZenoPay cannot reach the database");
    Simulated::empty(500)
}

/// The request with its phone and amount; `None` when it cannot be pushed.
fn read_request(body: &[u8]) -> Option<(PushRequest, Phone, i64)> {
    let request: PushRequest = serde_json::from_slice(body).ok()?;
    let phone = Phone::read(&request.buyer_phone).ok()?;
    let amount = match &request.amount {
        Value::String(text) => Tzs::read_whole(text)?,
        other => Tzs::read_whole(&other.to_string())?,
    };
    let order_id = &request.order_id;
    let is_named = (1..=ORDER_ID_CHARS).contains(&order_id.chars().count());
    // PostgreSQL refuses NUL in text, and an id has no other control characters either.
    let is_clean = !order_id.chars().any(char::is_control);
    let url = request.webhook_url.as_ref();
    let is_web = url.is_none_or(|url| url.scheme().starts_with("http"));
    (is_named && is_clean && is_web && amount.0 > 0).then_some((request, phone, amount.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::zenopay::wire::{
        CreateAnswer, StatusAnswer, Why, read_create, read_order_status,
    };

    const ORDER: &str = "677e4327-4d7c-4b1e-9f00-0123456789ab";

    fn status(answer: &Simulated) -> StatusAnswer {
        let order_id = ORDER.parse().unwrap();
        read_order_status(order_id, answer.http_status, answer.body.as_bytes())
    }

    #[test]
    fn answers_to_a_push_are_read_as_what_they_are() {
        let read = |answer: Simulated| read_create(answer.http_status, answer.body.as_bytes(), &[]);

        assert_eq!(read(Simulated::accepted(ORDER)), CreateAnswer::Accepted);
        for http_status in [200, 400, 403] {
            let reason = REFUSAL.to_owned();
            let refused = read(Simulated::refused(http_status));
            assert_eq!(refused, CreateAnswer::Refused(reason));
        }
    }

    #[test]
    fn answers_of_order_status_are_read_as_what_they_are() {
        let mut payment = SandboxPayment {
            id: 1,
            order_id: ORDER.to_owned(),
            amount: 2_000,
            buyer_phone: "255744000000".to_owned(),
            webhook_url: None,
            metadata: None,
            payment_status: "COMPLETED".to_owned(),
            reference: Some("0936".to_owned()),
            transid: Some("CEJ3".to_owned()),
            channel: Some("MPESA-TZ".to_owned()),
            behaviour: "{}".to_owned(),
            created_at: chrono::Utc::now(),
            decide_at: None,
        };

        let StatusAnswer::Known(report) = status(&Simulated::found(&payment)) else {
            panic!("the order is known");
        };
        assert_eq!(report.amount.whole(), Some(Tzs(2_000)));
        assert_eq!(report.reference.as_deref(), Some("0936"));
        assert_eq!(report.transid.as_deref(), Some("CEJ3"));
        assert_eq!(report.channel.as_deref(), Some("MPESA-TZ"));
        let msisdn = report.payer_msisdn.as_ref().map(|msisdn| msisdn.expose());
        assert_eq!(msisdn, Some("255744000000"));

        payment.reference = None;
        let StatusAnswer::Known(report) = status(&Simulated::found(&payment)) else {
            panic!("the order is known");
        };
        assert_eq!((report.reference, report.payer_msisdn), (None, None));

        let missing = status(&Simulated::not_found(ORDER));
        assert_eq!(missing, StatusAnswer::Unknown(Why::NotFound));
    }
}

//! How a simulated payment behaves: what ZenoPay answers to the push, what the subscriber does, and
//! how the webhook that reports it is sent.
//!
//! Everything here is pure: the time is passed in. A missing field has its default: a documented
//! ZenoPay, and a guest who pays.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::domain::catalog::CURRENCY;
use crate::gateways::zenopay::wire::WebhookBody;
use crate::store::{SandboxPayment, SandboxWebhook};

/// ZenoPay's word for a payment that is not decided.
pub(super) const PENDING: &str = "PENDING";

/// The maximum number of copies of one webhook; a larger number is reduced to this.
const COPIES_MAX: u32 = 100;
/// The longest delay, a day in milliseconds; a longer one is reduced to this.
const DELAY_MAX_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long after the last COMPLETED a PENDING that is out of order goes out.
const OUT_OF_ORDER_GAP: TimeDelta = TimeDelta::milliseconds(300);
/// ZenoPay's timestamps are in the time of Dar es Salaam, which has no summer time.
pub(super) const ZENOPAY_ZONE: chrono_tz::Tz = chrono_tz::Africa::Dar_es_Salaam;

/// What ZenoPay answers to the push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Push {
    /// 200, and the phone rings.
    #[default]
    Accept,
    /// 400, and the phone does not ring.
    Refuse,
    /// 403, and the phone does not ring.
    BadKey,
    /// 504, and the phone rings all the same.
    Error,
    /// 502 in HTML, and the phone rings all the same.
    Html,
    /// 200 with an empty body, and the phone rings.
    Empty,
    /// No answer for half a minute, and the phone rings at once.
    Hang,
}

/// What the subscriber does when the phone has rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Pays.
    #[default]
    Approve,
    /// Enters a wrong PIN or has not enough money.
    Decline,
    /// Presses "no".
    Cancel,
    /// Lets it ring; ZenoPay goes on saying PENDING.
    Ignore,
}

/// The behaviour of one payment, or of all new payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// What ZenoPay answers to the push.
    pub push: Push,
    /// What the subscriber does.
    pub decision: Choice,
    /// How long the subscriber takes, in milliseconds; null is
    /// `sandbox.approve_after_ms`, 0 is until a decision by hand.
    pub after_ms: Option<u64>,
    /// ZenoPay's word for the decision, if it is to be another than usual.
    #[schema(pattern = "^[^\\x00]*$")]
    pub word: Option<String>,
    /// What the subscriber pays, in whole TZS; null is what was asked for.
    pub amount: Option<i64>,
    /// Whether the webhook has the amount, as ZenoPay's `orders/create` product does and
    /// mobile money does not.
    pub tell_amount: bool,
    /// How often the webhook is sent, all at the same moment; at most 100.
    pub copies: u32,
    /// How long after the decision the webhook goes out, in milliseconds.
    pub delay_ms: u64,
    /// Whether a PENDING webhook follows after the others.
    pub out_of_order: bool,
    /// Whether there is any webhook; without, only order-status reports the decision.
    pub deliver: bool,
    /// Whether the webhook has the API key; it was seen missing in the field.
    pub with_key: bool,
    /// Whether the body is form-encoded, as from legacy senders.
    pub form: bool,
    /// ZenoPay's number for the payment; null is a random one.
    #[schema(pattern = "^[^\\x00]*$")]
    pub reference: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            push: Push::Accept,
            decision: Choice::Approve,
            after_ms: None,
            word: None,
            amount: None,
            tell_amount: false,
            copies: 1,
            delay_ms: 0,
            out_of_order: false,
            deliver: true,
            with_key: true,
            form: false,
            reference: None,
        }
    }
}

impl Behaviour {
    /// Reads the stored JSON; the default if it cannot be read.
    pub fn from_stored(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// The JSON that is stored.
    pub fn to_stored(&self) -> String {
        json!(self).to_string()
    }

    /// The same with some fields changed. Another decision has its usual word again, unless
    /// the changes name one.
    ///
    /// # Errors
    /// A sentence, when a field is unknown or its value is not of its kind.
    pub fn with(&self, changes: Map<String, Value>) -> Result<Self, String> {
        let fields = serde_json::to_value(self).and_then(serde_json::from_value);
        let mut fields: Map<String, Value> = fields.expect("a behaviour is an object");
        if changes.contains_key("decision") {
            fields.insert("word".to_owned(), Value::Null);
        }
        fields.extend(changes);
        let changed: Self =
            serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
        // PostgreSQL cannot store NUL, so the payment would be decided again and again.
        let texts = [&changed.word, &changed.reference];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Err("word and reference cannot hold a NUL".to_owned());
        }
        Ok(changed)
    }

    /// When the subscriber of a payment made at `now` decides; `None` is by hand or never.
    /// `usual_ms` is `sandbox.approve_after_ms`.
    pub fn decide_at(&self, now: DateTime<Utc>, usual_ms: u64) -> Option<DateTime<Utc>> {
        let after_ms = self.after_ms.unwrap_or(usual_ms);
        let is_decided = after_ms > 0 && self.decision != Choice::Ignore;
        is_decided.then(|| now + millis(after_ms))
    }

    /// ZenoPay's word for the decision; `None` when nothing is decided.
    pub fn word(&self) -> Option<&str> {
        let usual = match self.decision {
            Choice::Approve => "COMPLETED",
            Choice::Decline => "FAILED",
            Choice::Cancel => "CANCELLED",
            Choice::Ignore => return None,
        };
        Some(self.word.as_deref().unwrap_or(usual))
    }

    /// The webhooks that report the decision in `payment`, made at `now`.
    pub fn webhooks(&self, payment: &SandboxPayment, now: DateTime<Utc>) -> Vec<SandboxWebhook> {
        let Some(url) = payment.webhook_url.as_deref().filter(|_| self.deliver) else {
            return Vec::new();
        };
        let webhook = |body: &Body, due_at| {
            let (content_type, body) = match self.form {
                true => ("application/x-www-form-urlencoded", body.form()),
                false => ("application/json", body.json()),
            };
            SandboxWebhook {
                id: 0,
                order_id: payment.order_id.clone(),
                url: url.to_owned(),
                body,
                content_type: content_type.to_owned(),
                with_key: self.with_key,
                due_at,
                attempts: 0,
                delivered_at: None,
                http_status: None,
            }
        };
        let due_at = now + millis(self.delay_ms);
        let decided = Body {
            money: self.money(payment, now),
            ..Body::new(payment, &payment.payment_status, payment.reference.clone())
        };
        let copies = self.copies.min(COPIES_MAX) as usize;
        let mut planned = vec![webhook(&decided, due_at); copies];
        if self.out_of_order {
            let late = Body::new(payment, PENDING, None);
            planned.push(webhook(&late, due_at + OUT_OF_ORDER_GAP));
        }
        planned
    }

    fn money(&self, payment: &SandboxPayment, now: DateTime<Utc>) -> Option<Money> {
        let now = now.with_timezone(&ZENOPAY_ZONE);
        self.tell_amount.then(|| Money {
            amount: self.amount.unwrap_or(payment.amount),
            currency: CURRENCY,
            payment_method: payment.channel.clone(),
            timestamp: now.to_rfc3339_opts(SecondsFormat::Secs, false),
        })
    }
}

/// A webhook's body; the fields are written in this order.
#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    documented: WebhookBody,
    #[serde(flatten)]
    money: Option<Money>,
}

/// What the `orders/create` product adds.
#[derive(Serialize)]
struct Money {
    amount: i64,
    currency: &'static str,
    payment_method: Option<String>,
    timestamp: String,
}

impl Body {
    fn new(payment: &SandboxPayment, word: &str, reference: Option<String>) -> Self {
        let metadata = payment.metadata.as_deref();
        let metadata = metadata.and_then(|json| serde_json::from_str(json).ok());
        Self {
            documented: WebhookBody {
                order_id: payment.order_id.clone(),
                payment_status: word.to_owned(),
                reference,
                metadata: metadata.unwrap_or(Value::Null),
            },
            money: None,
        }
    }

    fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }

    /// Objects as JSON, nulls left out.
    fn form(&self) -> String {
        let fields = json!(self);
        let fields = fields.as_object().into_iter().flatten();
        let pairs = fields.filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text.clone())),
            other => Some((name, other.to_string())),
        });
        let pairs: Vec<_> = pairs.collect();
        serde_urlencoded::to_string(pairs).expect("pairs of texts make a form")
    }
}

/// At most a day, so that no sum of times can overflow.
fn millis(ms: u64) -> TimeDelta {
    i64::try_from(ms.min(DELAY_MAX_MS)).map_or(TimeDelta::zero(), TimeDelta::milliseconds)
}

#[cfg(test)]
mod tests;

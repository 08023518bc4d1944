//! The create call: it makes the guest's phone ring.
//!
//! Documented by ZenoPay: success means that the push was accepted, never that it was paid.
//! The question that decides every answer here: can the phone have rung? Only a certain "no"
//! is a refusal; anything unclear is unknown, and then ZenoPay is asked and never pushed
//! again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fields::{Scalar, json_object};
use crate::domain::catalog::money::Tzs;
use crate::domain::clean_text::clean;
use crate::domain::order::ids::OrderId;

/// Characters kept of ZenoPay's message.
const REASON_CHARS: usize = 200;
/// From this many digits on, a number in ZenoPay's message may be a phone.
const PHONE_DIGITS: usize = 7;

/// What we ask ZenoPay to push. `Debug` hides all but the order.
#[derive(Clone, Serialize, Deserialize)]
pub struct CreateRequest {
    /// Ours; a UUID is safe (documented).
    pub order_id: OrderId,
    /// Required and not checked (seen in the field).
    pub buyer_email: String,
    /// Required.
    pub buyer_name: String,
    /// National form, `0[67]XXXXXXXX`; `255…` is reported as working and as failing.
    pub buyer_phone: String,
    /// Whole shillings, a JSON number.
    pub amount: Tzs,
    /// This order's own webhook URL; its last part is a secret.
    pub webhook_url: String,
    /// Echoed in the webhook.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Debug for CreateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CreateRequest({}, hidden)", self.order_id)
    }
}

/// What ZenoPay made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateAnswer {
    /// The push is on its way. Nothing is paid yet.
    Accepted,
    /// The phone has certainly not rung.
    Refused {
        /// In ZenoPay's words where it has any, with nothing personal in them.
        reason: String,
    },
    /// The phone may ring or not.
    Unknown {
        /// Why we do not know.
        reason: String,
    },
}

/// The answer's body, for the simulated gateway to write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateBody {
    /// `success` or `error`.
    pub status: String,
    /// `000` with a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resultcode: Option<String>,
    /// For a person.
    pub message: String,
    /// Ours, with a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
}

impl CreateBody {
    /// As documented for a push that was accepted.
    pub fn accepted(order_id: impl fmt::Display) -> Self {
        Self {
            status: "success".into(),
            resultcode: Some("000".into()),
            message: "Request in progress. You will receive a callback shortly".into(),
            order_id: Some(order_id.to_string()),
        }
    }

    /// As documented for a push that was refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            status: "error".into(),
            resultcode: None,
            message: message.into(),
            order_id: None,
        }
    }
}

/// Reads what create answered. `private` are texts that must not show up in a reason, should
/// ZenoPay repeat them.
pub fn read_create(http_status: u16, body: &[u8], private: &[&str]) -> CreateAnswer {
    let reply = Reply::read(body);
    let refused = || CreateAnswer::Refused {
        reason: (reply.message(private))
            .unwrap_or_else(|| format!("ZenoPay answered {http_status}")),
    };
    let unknown = || CreateAnswer::Unknown {
        reason: format!("ZenoPay answered {http_status} without a clear result"),
    };
    match (http_status, reply.verdict()) {
        (200..=299, Verdict::Success) => CreateAnswer::Accepted,
        (200..=299, Verdict::Error) => refused(),
        // 408: heard half of it. 409: knows the order, so an earlier push may ring. 499: a
        // proxy in between gave up.
        (408 | 409 | 499, _) => unknown(),
        // A refusal whose body speaks of success contradicts itself.
        (400..=499, Verdict::Error | Verdict::Unclear) => refused(),
        _ => unknown(),
    }
}

#[derive(Default, Deserialize)]
struct Reply {
    #[serde(default)]
    status: Scalar,
    #[serde(default)]
    resultcode: Scalar,
    #[serde(default)]
    message: Scalar,
}

enum Verdict {
    Success,
    Error,
    Unclear,
}

impl Reply {
    /// Empty, HTML or cut off: a reply that says nothing.
    fn read(body: &[u8]) -> Self {
        json_object(body).unwrap_or_default()
    }

    /// `status` comes as `success`, `SUCCESS` and `true` (documented by ZenoPay, which
    /// differs by endpoint).
    fn verdict(&self) -> Verdict {
        let status = match &self.status {
            Scalar::Bool(yes) => Some(yes.to_string()),
            other => other.text(16).map(|word| word.to_ascii_lowercase()),
        };
        let is_000 = self.resultcode.text(16).as_deref() == Some("000");
        match (status.as_deref(), is_000) {
            (Some("success" | "true"), _) | (None, true) => Verdict::Success,
            (Some("error" | "fail" | "failed" | "false"), false) => Verdict::Error,
            // A word we do not know, nothing at all, or an error with the code of success.
            _ => Verdict::Unclear,
        }
    }

    fn message(&self, private: &[&str]) -> Option<String> {
        let Scalar::Text(message) = &self.message else {
            return None;
        };
        let told = private.iter().filter(|text| !text.is_empty());
        let hidden = told.fold(message.clone(), |said, text| said.replace(text, "…"));
        clean(&without_phones(&hidden), REASON_CHARS)
    }
}

/// Blots out numbers that are long enough to be a phone, also when written in groups.
fn without_phones(text: &str) -> String {
    let mut shown = String::new();
    let mut number = String::new();
    for c in text.chars() {
        let goes_on = c.is_ascii_digit() || (!number.is_empty() && matches!(c, ' ' | '-'));
        if goes_on {
            number.push(c);
        } else {
            shown.push_str(&blotted(&number));
            number.clear();
            shown.push(c);
        }
    }
    shown + &blotted(&number)
}

fn blotted(number: &str) -> String {
    if number.bytes().filter(u8::is_ascii_digit).count() < PHONE_DIGITS {
        return number.to_owned();
    }
    let rest = number.trim_end_matches([' ', '-']).len();
    format!("…{}", &number[rest..])
}

#[cfg(test)]
mod tests;

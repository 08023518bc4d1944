//! The create call, which is the push: the guest's phone *rings*, that is, shows the prompt for the
//! PIN.
//!
//! Documented by ZenoPay: success means that the push was accepted, never that it was paid.
//! What decides every answer here is whether the phone can have rung. Only a certain "no" is a
//! refusal; anything unclear is unknown, and then ZenoPay is asked and the push is not repeated.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fields::{Scalar, json_object};
use crate::domain::catalog::Tzs;
use crate::domain::clean_text::clean;
use crate::domain::order::OrderId;

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

/// What ZenoPay answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateAnswer {
    /// The push is on its way. Nothing is paid yet.
    Accepted,
    /// The phone has certainly not rung: the reason, in ZenoPay's words where it has any, with nothing
    /// personal in them.
    Refused(String),
    /// The phone may ring or not: why we do not know.
    Unknown(String),
}

/// Reads what create answered. `private` are texts that must not be in a reason, even if ZenoPay
/// repeats them.
pub fn read_create(http_status: u16, body: &[u8], private: &[&str]) -> CreateAnswer {
    // Empty, HTML or cut off: a reply that says nothing.
    let reply: Reply = json_object(body).unwrap_or_default();
    let answered = format!("ZenoPay answered {http_status}");
    let unknown = || CreateAnswer::Unknown(format!("{answered} without a clear result"));
    let refused = || CreateAnswer::Refused(reply.message(private).unwrap_or(answered.clone()));
    let status = reply.status();
    let is_000 = reply.resultcode.text(16).as_deref() == Some("000");
    // Anything else is unclear: an unknown word, neither a word nor 000, or an error with 000.
    let is_success = match status.as_deref() {
        Some(word) => matches!(word, "success" | "true"),
        None => is_000,
    };
    let is_error = matches!(
        status.as_deref(),
        Some("error" | "fail" | "failed" | "false")
    );
    match http_status {
        200..=299 if is_success => CreateAnswer::Accepted,
        200..=299 if is_error && !is_000 => refused(),
        // 408: received half of it. 409: knows the order, so an earlier push may ring. 499: a
        // proxy in between gave up.
        408 | 409 | 499 => unknown(),
        // A refusal whose body says success contradicts itself.
        400..=499 if !is_success => refused(),
        _ => unknown(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    status: Scalar,
    resultcode: Scalar,
    message: Scalar,
}

impl Reply {
    /// Documented by ZenoPay as `success`, `SUCCESS` and `true`, which differs by endpoint.
    fn status(&self) -> Option<String> {
        match &self.status {
            Scalar::Bool(value) => Some(value.to_string()),
            other => other.text(16).map(|word| word.to_ascii_lowercase()),
        }
    }

    fn message(&self, private: &[&str]) -> Option<String> {
        let Scalar::Text(message) = &self.message else {
            return None;
        };
        let private = private.iter().filter(|text| !text.is_empty());
        let hidden = private.fold(message.clone(), |text, part| text.replace(part, "…"));
        clean(&without_phones(&hidden), REASON_CHARS)
    }
}

/// Hides numbers that are long enough to be a phone, also when written in groups.
fn without_phones(text: &str) -> String {
    let mut shown = String::new();
    let mut number = String::new();
    for c in text.chars() {
        let goes_on = c.is_ascii_digit() || (!number.is_empty() && matches!(c, ' ' | '-'));
        if goes_on {
            number.push(c);
        } else {
            shown.push_str(&hide_phone(&number));
            number.clear();
            shown.push(c);
        }
    }
    shown + &hide_phone(&number)
}

fn hide_phone(number: &str) -> String {
    if number.bytes().filter(u8::is_ascii_digit).count() < PHONE_DIGITS {
        return number.to_owned();
    }
    let rest = number.trim_end_matches([' ', '-']).len();
    format!("…{}", &number[rest..])
}

#[cfg(test)]
mod tests;

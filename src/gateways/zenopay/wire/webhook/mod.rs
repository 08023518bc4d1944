//! The webhook: what ZenoPay POSTs when a payment moves.
//!
//! Documented by ZenoPay: JSON with `order_id`, `payment_status`, `reference`, `metadata`,
//! and no amount. Seen in the field: `metadata` as a string or null, numbers as strings,
//! form-encoded bodies of older senders, byte-order marks, any content type.

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::fields::{PaymentFields, body_text};
use crate::domain::order::{GatewayReport, OrderId};

/// One delivery, read. Whether it is proven is decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// As sent, trimmed and safe to store; it need not name an order of ours, nor be a UUID.
    pub raw_order_id: String,
    /// The order that it names, if what was sent is the id of an order.
    pub order_id: Option<OrderId>,
    /// What it says about the payment.
    pub report: GatewayReport,
}

/// Why a delivery cannot be read: a sentence for the sender that repeats nothing of what
/// was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Only white space.
    #[error("the body is empty")]
    Empty,
    /// Not text.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// It begins like JSON and is not valid, as when it was cut off.
    #[error("the body is not valid JSON")]
    NotJson,
    /// It names no order.
    #[error("order_id is missing, empty or neither a string nor a number")]
    NoOrderId,
    /// It names an order that cannot be one of ours, at the own URL of one that is.
    #[error("order_id is not the id of this order")]
    OtherOrderId,
    /// It has no word for the payment.
    #[error("payment_status is missing, empty or not a string")]
    NoPaymentStatus,
    /// Two orders or two words.
    #[error("order_id or payment_status is given more than once")]
    Ambiguous,
}

/// The body as ZenoPay documents it for mobile money, for the simulated gateway to write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookBody {
    /// Ours.
    pub order_id: String,
    /// As in `COMPLETED`.
    pub payment_status: String,
    /// ZenoPay's number for the payment; null while there is none.
    pub reference: Option<String>,
    /// What we sent with the create call, echoed.
    pub metadata: serde_json::Value,
}

/// Reads a delivery, JSON or form-encoded, whatever its content type says.
///
/// # Errors
/// [`Unreadable`] unless it is certain what happened to which order.
pub fn read_webhook(body: &[u8]) -> Result<Notification, Unreadable> {
    let text = body_text(body).ok_or(Unreadable::NotUtf8)?;
    let fields = match text.chars().next() {
        None => return Err(Unreadable::Empty),
        // serde_json builds nothing of what we skip, so deep nesting costs no stack.
        Some('{') => serde_json::from_str(text).map_err(|_| Unreadable::NotJson)?,
        Some(_) => read_form(text)?,
    };

    if fields.ambiguous {
        return Err(Unreadable::Ambiguous);
    }
    Ok(Notification {
        raw_order_id: fields.raw_order_id().ok_or(Unreadable::NoOrderId)?,
        order_id: fields.order_id(),
        report: fields.report().ok_or(Unreadable::NoPaymentStatus)?,
    })
}

fn read_form(text: &str) -> Result<PaymentFields, Unreadable> {
    let mut fields = PaymentFields::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        // The decoder writes this character where the bytes are not UTF-8.
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Unreadable::NotUtf8);
        }
        fields.put_text(&name, value.into_owned());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests;

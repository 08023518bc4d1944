//! The fields by which ZenoPay describes a payment, the same in a webhook and in a row of
//! order-status.
//!
//! Senders are loose: numbers come as strings, strings as numbers, empty for absent. Here
//! all of that becomes a [`GatewayReport`], and text becomes safe to store.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::domain::catalog::CURRENCY;
use crate::domain::clean_text::clean;
use crate::domain::order::{GatewayReport, OrderId, ReportedAmount, ReportedStatus};
use crate::domain::people::Personal;

const AMOUNT: &str = "amount";
const CURRENCY_FIELD: &str = "currency";
const ORDER_ID: &str = "order_id";
const PAYMENT_STATUS: &str = "payment_status";
/// The fields that are read, beside the amount and its currency. All others are skipped.
const PLAIN_FIELDS: [&str; 8] = [
    ORDER_ID,
    PAYMENT_STATUS,
    "reference",
    "transid",
    "channel",
    "payment_method",
    "msisdn",
    "phone",
];
/// Characters kept of a currency that is not ours, for the alert.
const CURRENCY_CHARS: usize = 16;
/// Characters kept of a word, for the journal.
const WORD_CHARS: usize = 64;
/// Characters kept of an id, a reference, a channel or a phone.
const ID_CHARS: usize = 128;

/// One JSON value, as far as it can be a plain field.
#[derive(Clone, Debug, Default)]
pub(super) enum Scalar {
    Text(String),
    Number(String),
    Bool(bool),
    /// Absent, null, a list or an object, whose content is dropped, or no value of ours.
    #[default]
    Other,
}

impl Scalar {
    /// The text of a string or a number, safe to store; empty counts as absent.
    pub(super) fn text(&self, max_chars: usize) -> Option<String> {
        match self {
            Self::Text(text) | Self::Number(text) => clean(text, max_chars),
            Self::Bool(_) | Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = <&RawValue>::deserialize(deserializer)?.get();
        // Dropped without building it, however deep it is.
        if sent.starts_with(['[', '{']) {
            return Ok(Self::Other);
        }
        Ok(match serde_json::from_str(sent) {
            Ok(Value::String(text)) => Self::Text(text),
            Ok(Value::Number(number)) => Self::Number(match number.as_f64() {
                Some(float) if number.is_f64() => float.to_string(),
                _ => number.to_string(),
            }),
            Ok(Value::Bool(value)) => Self::Bool(value),
            Ok(Value::Null | Value::Array(_) | Value::Object(_)) => Self::Other,
            // 1e400, or half a surrogate pair. It must not make the other fields unreadable.
            Err(_) => Self::Other,
        })
    }
}

/// What ZenoPay reports about one payment.
#[derive(Clone, Debug, Default)]
pub(super) struct PaymentFields {
    amount: ReportedAmount,
    currency: Option<String>,
    plain: HashMap<&'static str, Scalar>,
    /// `order_id` or `payment_status` was given twice: it is not known which one is meant.
    pub(super) ambiguous: bool,
}

impl PaymentFields {
    /// The order's id as it was sent, trimmed and safe to store.
    pub(super) fn raw_order_id(&self) -> Option<String> {
        self.id(ORDER_ID)
    }

    fn id(&self, name: &str) -> Option<String> {
        self.plain.get(name)?.text(ID_CHARS)
    }

    /// The order of ours that is named. The id is parsed as it was sent, apart from white space
    /// around it: a text that becomes an id only by cleaning or cutting names no order.
    pub(super) fn order_id(&self) -> Option<OrderId> {
        let Scalar::Text(id) = self.plain.get(ORDER_ID)? else {
            return None;
        };
        id.trim().parse().ok()
    }

    /// What is reported about the payment; `None` without a word in `payment_status`.
    pub(super) fn report(&self) -> Option<GatewayReport> {
        let Scalar::Text(word) = self.plain.get(PAYMENT_STATUS)? else {
            return None;
        };
        let payer_msisdn = self.id("msisdn").or_else(|| self.id("phone"));
        Some(GatewayReport {
            // From the text as it was sent: one that becomes a known word only by cleaning is
            // unknown.
            word: ReportedStatus::read(word),
            raw_word: clean(word, WORD_CHARS)?,
            amount: self.amount.clone(),
            currency: self.currency.clone(),
            reference: self.id("reference"),
            transid: self.id("transid"),
            channel: self.id("channel").or_else(|| self.id("payment_method")),
            payer_msisdn: payer_msisdn.map(Personal::new),
        })
    }

    /// Takes one field of a form, where everything is text.
    pub(super) fn put_text(&mut self, name: &str, value: String) {
        if name == AMOUNT {
            self.amount = ReportedAmount::read(&value);
        } else if name == CURRENCY_FIELD {
            self.currency = currency(&value);
        } else if let Some(name) = plain_field(name) {
            self.put(name, Scalar::Text(value));
        }
    }

    /// The last of several wins, as in most readers of JSON, except where a second one makes the
    /// whole ambiguous.
    fn put(&mut self, name: &'static str, value: Scalar) {
        let is_second = self.plain.insert(name, value).is_some();
        self.ambiguous |= is_second && matches!(name, ORDER_ID | PAYMENT_STATUS);
    }
}

fn plain_field(name: &str) -> Option<&'static str> {
    PLAIN_FIELDS.into_iter().find(|known| *known == name)
}

/// Reads bytes as UTF-8, without a byte-order mark and blanks around.
pub(super) fn body_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    Some(text.strip_prefix('\u{FEFF}').unwrap_or(text).trim())
}

/// Reads a JSON object; `None` for anything else. (serde would also fill a struct from a
/// list, field by field.)
pub(super) fn json_object<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let text = body_text(body).filter(|text| text.starts_with('{'))?;
    serde_json::from_str(text).ok()
}

impl<'de> Deserialize<'de> for PaymentFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// Reads the JSON value of the amount.
fn json_amount(sent: &str) -> ReportedAmount {
    match sent.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<String>(sent) {
            Ok(text) => ReportedAmount::read(&text),
            // Half of a surrogate pair is not text.
            Err(_) => ReportedAmount::unreadable(sent),
        },
        Some(b'n') | None => ReportedAmount::Absent,
        Some(b't' | b'f' | b'[' | b'{') => ReportedAmount::unreadable(sent),
        Some(_) => ReportedAmount::read_number(sent),
    }
}

/// Reads the JSON value of the currency. One that is no text is no shilling.
fn json_currency(sent: &str) -> Option<String> {
    match serde_json::from_str::<Option<String>>(sent) {
        Ok(text) => currency(&text?),
        Err(_) => Some(odd_currency(sent)),
    }
}

/// The code in upper case; `None` if the text is empty. Only `TZS` as it was sent is the shilling: a text that
/// becomes it by cleaning is another currency, and so is anything else.
fn currency(sent: &str) -> Option<String> {
    let code = sent.trim();
    (!code.is_empty()).then(|| match code.eq_ignore_ascii_case(CURRENCY) {
        true => CURRENCY.to_owned(),
        false => odd_currency(code),
    })
}

/// A currency that is not ours, as operators are shown it.
fn odd_currency(sent: &str) -> String {
    let shown = clean(sent, CURRENCY_CHARS).unwrap_or_default();
    match shown.to_ascii_uppercase() {
        code if code.is_empty() || code == CURRENCY => format!("{code}?"),
        code => code,
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = PaymentFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PaymentFields, A::Error> {
        let mut fields = PaymentFields::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == AMOUNT {
                // As it was sent: 1e400 fits no type of ours, and a list or an object is shown to
                // operators.
                fields.amount = json_amount(map.next_value::<&RawValue>()?.get());
            } else if name == CURRENCY_FIELD {
                fields.currency = json_currency(map.next_value::<&RawValue>()?.get());
            } else if let Some(name) = plain_field(&name) {
                fields.put(name, map.next_value()?);
            } else {
                // Skipped without building it, however deep it is.
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

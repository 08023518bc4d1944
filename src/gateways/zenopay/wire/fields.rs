//! The fields by which ZenoPay describes a payment, the same in a webhook and in a row of
//! order-status.
//!
//! Senders are loose: numbers come as strings, strings as numbers, empty for absent. Here
//! all of that becomes a [`GatewayReport`], and text becomes safe to store.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::domain::clean_text::clean;
use crate::domain::order::evidence::{GatewayReport, Word};
use crate::domain::order::ids::OrderId;
use crate::domain::order::reported_amount::ReportedAmount;
use crate::domain::people::Personal;

const AMOUNT: &str = "amount";
/// Characters kept of a word, for the journal.
const WORD_CHARS: usize = 64;
/// Characters kept of an id, a reference, a channel or a phone.
const ID_CHARS: usize = 128;

/// One JSON value, as far as it can be a plain field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    /// A list or an object where a plain value belongs; its content is dropped.
    Nested,
}

impl Scalar {
    /// The text of a string or a number, safe to store; empty counts as absent.
    pub(super) fn text(&self, max_chars: usize) -> Option<String> {
        match self {
            Self::Text(text) | Self::Number(text) => clean(text, max_chars),
            Self::Absent | Self::Null | Self::Bool(_) | Self::Nested => None,
        }
    }

    fn id(&self) -> Option<String> {
        self.text(ID_CHARS)
    }
}

/// What ZenoPay tells about one payment. Fields that we do not know are skipped.
#[derive(Clone, Debug, Default)]
pub(super) struct PaymentFields {
    order_id: Scalar,
    payment_status: Scalar,
    amount: ReportedAmount,
    currency: Scalar,
    reference: Scalar,
    transid: Scalar,
    channel: Scalar,
    payment_method: Scalar,
    msisdn: Scalar,
    phone: Scalar,
    /// `order_id` or `payment_status` was given twice: it is not known which one is meant.
    pub(super) ambiguous: bool,
}

impl PaymentFields {
    /// The order's id as it was sent, trimmed and safe to store.
    pub(super) fn order_id(&self) -> Option<String> {
        self.order_id.id()
    }

    /// The order of ours that is named. By the id as sent: one that is only whole once cleaned
    /// or cut names none.
    pub(super) fn names(&self) -> Option<OrderId> {
        match &self.order_id {
            Scalar::Text(id) => id.trim().parse().ok(),
            Scalar::Absent
            | Scalar::Null
            | Scalar::Bool(_)
            | Scalar::Number(_)
            | Scalar::Nested => None,
        }
    }

    /// What is said about the payment; `None` without a word in `payment_status`.
    pub(super) fn report(&self) -> Option<GatewayReport> {
        let Scalar::Text(word) = &self.payment_status else {
            return None;
        };
        Some(GatewayReport {
            // Of the word as sent: one that is only whole once cleaned is no word of ZenoPay's.
            word: Word::read(word),
            raw_word: clean(word, WORD_CHARS)?,
            amount: self.amount.clone(),
            currency: self.currency.id().map(|code| code.to_ascii_uppercase()),
            reference: self.reference.id(),
            transid: self.transid.id(),
            channel: self.channel.id().or_else(|| self.payment_method.id()),
            payer_msisdn: self
                .msisdn
                .id()
                .or_else(|| self.phone.id())
                .map(Personal::new),
        })
    }

    /// Takes in one field of a form, where everything is text.
    pub(super) fn put_text(&mut self, name: &str, value: String) {
        if name == AMOUNT {
            self.amount = ReportedAmount::read(&value);
        } else {
            self.put(name, Scalar::Text(value));
        }
    }

    /// Takes one field in. The last of several wins, as in most readers of JSON, except
    /// where a second one makes the whole ambiguous.
    fn put(&mut self, name: &str, value: Scalar) {
        let Some(slot) = self.slot(name) else { return };
        let seen = *slot != Scalar::Absent;
        *slot = value;
        self.ambiguous |= seen && matches!(name, "order_id" | "payment_status");
    }

    fn slot(&mut self, name: &str) -> Option<&mut Scalar> {
        match name {
            "order_id" => Some(&mut self.order_id),
            "payment_status" => Some(&mut self.payment_status),
            "currency" => Some(&mut self.currency),
            "reference" => Some(&mut self.reference),
            "transid" => Some(&mut self.transid),
            "channel" => Some(&mut self.channel),
            "payment_method" => Some(&mut self.payment_method),
            "msisdn" => Some(&mut self.msisdn),
            "phone" => Some(&mut self.phone),
            _ => None,
        }
    }
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

/// Reads the JSON value that stands where an amount belongs.
fn json_amount(sent: &str) -> ReportedAmount {
    match sent.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<String>(sent) {
            Ok(text) => ReportedAmount::read(&text),
            // Half of a surrogate pair, which is not a text.
            Err(_) => ReportedAmount::unreadable(sent),
        },
        Some(b'n') | None => ReportedAmount::Absent,
        Some(b't' | b'f' | b'[' | b'{') => ReportedAmount::unreadable(sent),
        Some(_) => ReportedAmount::read_number(sent),
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
                // As it was sent: 1e400 is a number that no type of ours holds, and what is no
                // plain value is shown to operators.
                fields.amount = json_amount(map.next_value::<&RawValue>()?.get());
            } else if fields.slot(&name).is_some() {
                fields.put(&name, map.next_value()?);
            } else {
                // Skipped without building it, however deep it is.
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }
}

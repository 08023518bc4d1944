//! The name of one purchase.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::base62;

/// Names one purchase, inside and outside. We hand out version 4 from the system's random
/// source; any version is understood, because an id is compared and never interpreted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Uuid);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl OrderId {
    /// The same name in 22 letters and digits. The first edition made links of it, which still
    /// open their orders.
    pub fn short(self) -> String {
        base62::write(self.0.as_u128())
    }

    /// Reads the short form; `None` if the text is none.
    pub fn from_short(short: &str) -> Option<Self> {
        base62::read(short).map(|number| Self(Uuid::from_u128(number)))
    }
}

/// The text is not a UUID, so it names no order of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an order id")]
pub struct NotAnOrderId;

impl FromStr for OrderId {
    type Err = NotAnOrderId;

    fn from_str(text: &str) -> Result<Self, NotAnOrderId> {
        Uuid::try_parse(text.trim())
            .map(Self)
            .map_err(|_| NotAnOrderId)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_form_reads_back_and_nothing_else_is_one(number: u128, text in ".{0,30}") {
            let order_id = OrderId(Uuid::from_u128(number));

            let short = order_id.short();

            prop_assert!(short.len() == 22 && short.bytes().all(|b| b.is_ascii_alphanumeric()));
            prop_assert_eq!(OrderId::from_short(&short), Some(order_id));
            if let Some(read) = OrderId::from_short(&text) {
                prop_assert_eq!(read.short(), text);
            }
        }
    }

    #[test]
    fn a_short_form_beyond_the_last_id_is_none() {
        let last = OrderId(Uuid::max());
        assert_eq!(OrderId::from_short(&last.short()), Some(last));
        assert_eq!(OrderId::from_short(&"z".repeat(22)), None);
    }

    #[test]
    fn an_order_id_reads_back_in_any_spelling_and_is_written_in_one() {
        let written = "677e4327-0000-4000-8000-00000000d7cb";
        let order_id: OrderId = written.to_uppercase().parse().unwrap();

        assert_eq!(order_id.to_string(), written);
        assert_eq!(format!("{order_id:?}"), written);
        assert_eq!(format!(" {written} ").parse(), Ok(order_id));
        assert_eq!("677e43274d7cb".parse::<OrderId>(), Err(NotAnOrderId));
    }
}

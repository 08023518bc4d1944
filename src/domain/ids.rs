//! The name of one purchase.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    use super::*;

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

//! How an order is named: by its id, its `ref`, or the short form of its id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::access::base62;

/// The name of one purchase, inside and outside. New ones are of version 4, from the system's random
/// source; any version is read, because an id is compared and never interpreted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Uuid);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

/// Shows the `ref` alone: an order id opens a voucher, and debug output ends up in logs.
impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderId({}…)", self.order_ref())
    }
}

/// The contract's `ref`: the first eight hex digits of an order id. It names an order in logs,
/// lists and CSV, and opens nothing. Two orders can share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderRef(u32);

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl OrderRef {
    /// The first and the last order id that have this `ref`.
    pub fn range(self) -> (OrderId, OrderId) {
        let first = u128::from(self.0) << 96;
        let id = |number| OrderId(Uuid::from_u128(number));
        (id(first), id(first | (u128::MAX >> 32)))
    }
}

/// The text is not eight hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ref of an order")]
pub struct NotAnOrderRef;

impl FromStr for OrderRef {
    type Err = NotAnOrderRef;

    fn from_str(text: &str) -> Result<Self, NotAnOrderRef> {
        let text = text.trim();
        let is_ref = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_ref);
        number.map(Self).ok_or(NotAnOrderRef)
    }
}

/// An order as an operator names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderName {
    /// By its id, which is unique.
    Id(OrderId),
    /// By its `ref`, which several orders can share.
    Ref(OrderRef),
}

impl FromStr for OrderName {
    type Err = NotAnOrderId;

    fn from_str(text: &str) -> Result<Self, NotAnOrderId> {
        let by_ref = text.parse().map(Self::Ref);
        by_ref.or_else(|NotAnOrderRef| text.parse().map(Self::Id))
    }
}

impl OrderId {
    /// Its `ref`. Only the buyer's browser, ZenoPay and admins see the whole id.
    pub fn order_ref(self) -> OrderRef {
        let (first, _, _, _) = self.0.as_fields();
        OrderRef(first)
    }

    /// The id in 22 letters and digits. Old links end with it and still open
    /// their orders.
    pub fn short(self) -> String {
        base62::write(self.0.as_u128())
    }

    /// Reads the short form; `None` for any other text.
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
        assert_eq!(format!("{order_id:?}"), "OrderId(677e4327…)");
        assert_eq!(format!(" {written} ").parse(), Ok(order_id));
        assert_eq!("677e43274d7cb".parse::<OrderId>(), Err(NotAnOrderId));
    }

    #[test]
    fn a_ref_names_the_orders_that_begin_with_it_and_no_others() {
        let order_id: OrderId = "677e4327-0000-4000-8000-00000000d7cb".parse().unwrap();
        let (first, last) = order_id.order_ref().range();

        assert_eq!(order_id.order_ref().to_string(), "677e4327");
        assert_eq!("677E4327".parse(), Ok(order_id.order_ref()));
        assert!(first <= order_id && order_id <= last);
        assert_eq!(first.to_string(), "677e4327-0000-0000-0000-000000000000");
        assert_eq!(last.to_string(), "677e4327-ffff-ffff-ffff-ffffffffffff");
        for text in ["677e432", "677e43270", "677e432g", "+77e4327", ""] {
            assert_eq!(text.parse::<OrderRef>(), Err(NotAnOrderRef), "{text:?}");
        }
    }

    #[test]
    fn an_operator_names_an_order_by_its_id_or_its_ref() {
        let order_id: OrderId = "677e4327-0000-4000-8000-00000000d7cb".parse().unwrap();

        assert_eq!(order_id.to_string().parse(), Ok(OrderName::Id(order_id)));
        assert_eq!(
            " 677e4327 ".parse(),
            Ok(OrderName::Ref(order_id.order_ref()))
        );
        assert_eq!("K7QMX2PA".parse::<OrderName>(), Err(NotAnOrderId));
    }
}

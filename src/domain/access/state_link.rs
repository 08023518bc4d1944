//! The address of the page that shows an order's state alone.
//!
//! # Invariants
//! The link holds a hash of the order id. The order id opens the voucher, and cannot be worked out of
//! the hash. The link is given to the device that was bought from, and stands in no list.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::base62;
use crate::domain::order::ids::{OrderId, OrderRef};

/// Keeps this hash apart from any other that is made of an order id.
const PURPOSE: &[u8] = b"malipo state page\n";

/// The last part of the link: the order's `ref`, a dash, and 22 letters and digits.
#[derive(Clone)]
pub struct StateToken {
    order_ref: OrderRef,
    proof: String,
}

impl StateToken {
    /// The token of this order.
    pub fn of(order_id: OrderId) -> Self {
        let hash = Sha256::new()
            .chain_update(PURPOSE)
            .chain_update(order_id.0.as_bytes())
            .finalize();
        let (half, _) = hash
            .split_first_chunk()
            .expect("32 bytes have 16 first ones");
        Self {
            order_ref: order_id.order_ref(),
            proof: base62::write(u128::from_be_bytes(*half)),
        }
    }

    /// Reads the last part of a link; `None` if no token can look like it.
    pub fn read(text: &str) -> Option<Self> {
        let (order_ref, proof) = text.split_once('-')?;
        base62::read(proof)?;
        Some(Self {
            order_ref: order_ref.parse().ok()?,
            proof: proof.to_owned(),
        })
    }

    /// Which orders it can be about.
    pub fn order_ref(&self) -> OrderRef {
        self.order_ref
    }

    /// Whether it is about this order.
    pub fn is_of(&self, order_id: OrderId) -> bool {
        let own = Self::of(order_id);
        own.order_ref == self.order_ref && own.proof.as_bytes().ct_eq(self.proof.as_bytes()).into()
    }

    /// The path of the page.
    pub fn path(&self) -> String {
        format!("/state/{}-{}", self.order_ref, self.proof)
    }
}

impl fmt::Debug for StateToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateToken({}…)", self.order_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_order_and_does_not_have_its_id() {
        let order_id: OrderId = "677e4327-4d7c-4b1e-9f00-0123456789ab".parse().unwrap();
        let same_ref: OrderId = "677e4327-4d7c-4b1e-9f00-0123456789ac".parse().unwrap();
        let path = StateToken::of(order_id).path();
        let token = StateToken::read(path.strip_prefix("/state/").unwrap()).unwrap();

        assert!(token.is_of(order_id));
        assert!(!token.is_of(same_ref));
        assert_eq!(token.order_ref(), order_id.order_ref());
        assert!(
            !path.contains("4d7c4b1e") && !path.contains(&order_id.short()),
            "{path}"
        );
        assert_eq!(format!("{token:?}"), "StateToken(677e4327…)");
        for text in [
            "",
            "677e4327",
            "677e4327-",
            "677e4327-x",
            &order_id.to_string(),
        ] {
            assert!(StateToken::read(text).is_none(), "{text}");
        }
    }
}

//! The links of an order: the owner link in the SMS, and the page that shows the state alone.
//!
//! # Invariants
//! - An owner token is random and is not derived from the order id. It is in the SMS and nowhere else.
//! - A state link holds a hash of the order id, because the order id opens the voucher and cannot be
//!   derived from the hash. It is given to the device that bought, and is in no list.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::base62;
use crate::domain::order::{OrderId, OrderRef};
use crate::domain::people::Secret;

/// The secret part of an order's owner link: 128 random bits in 22 letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnerToken(Secret);

impl OwnerToken {
    /// Makes a token of bytes from the operating system's random source.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(Secret::new(base62::write(u128::from_be_bytes(bytes))))
    }

    /// Reads the last part of a link; `None` if it cannot be a token.
    pub fn read(text: &str) -> Option<Self> {
        base62::read(text).map(|_| Self(Secret::new(text)))
    }

    /// A token from the database, which is not checked.
    pub fn from_stored(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The token as it is in the link.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

hidden_debug!(OwnerToken);

/// The link for an order's SMS, which begins with `base`. An order of the first edition has no token;
/// its link opens the order and cannot replace the code.
pub fn sms_link(order_id: OrderId, token: Option<&OwnerToken>, base: &str) -> String {
    match token {
        Some(token) => format!("{base}{}", token.expose()),
        None => format!("{base}{}", order_id.short()),
    }
}

/// Separates this hash from any other hash of an order id.
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

    /// Reads the last part of a link; `None` if it cannot be a token.
    pub fn read(text: &str) -> Option<Self> {
        let (order_ref, proof) = text.split_once('-')?;
        base62::read(proof)?;
        Some(Self {
            order_ref: order_ref.parse().ok()?,
            proof: proof.to_owned(),
        })
    }

    /// The `ref` of the orders that it can be about.
    pub fn order_ref(&self) -> OrderRef {
        self.order_ref
    }

    /// Whether it is the token of this order.
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
    use crate::domain::order::Status;
    use crate::domain::order::decide_table::order;

    #[test]
    fn a_token_is_22_letters_and_digits_and_is_never_printed() {
        for bytes in [[0; 16], [7; 16], [255; 16]] {
            let token = OwnerToken::from_random_bytes(bytes);
            let text = token.expose();

            assert_eq!(text.len(), 22);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(OwnerToken::read(text).as_ref(), Some(&token));
            assert_eq!(format!("{token:?}"), "OwnerToken(hidden)");
        }
        for text in ["", "x", "0123456789ABCDEFGHIJK-", &"z".repeat(22)] {
            assert_eq!(OwnerToken::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_sms_links_by_the_token_and_by_the_order_id_only_without_one() {
        let order_id = order(Status::Completed).order_id;
        let token = OwnerToken::from_random_bytes([7; 16]);

        let link = sms_link(order_id, Some(&token), "/v/");
        assert_eq!(link, format!("/v/{}", token.expose()));

        let short = order_id.short();
        assert_eq!(sms_link(order_id, None, "/v/"), format!("/v/{short}"));
    }

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

//! The link in the SMS, which is held by the phone that paid.
//!
//! # Invariants
//! The token is random and is not made of the order id. It is shown in the SMS and nowhere else.

use super::base62;
use crate::domain::order::ids::OrderId;
use crate::domain::people::secret::Secret;

/// The secret part of an order's owner link: 128 random bits in 22 letters and digits.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnerToken(Secret);

impl OwnerToken {
    /// Makes a token of bytes from the operating system's random source.
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(Secret::new(base62::write(u128::from_be_bytes(bytes))))
    }

    /// Reads the last part of a link; `None` if no token can look like it.
    pub fn read(text: &str) -> Option<Self> {
        base62::read(text).map(|_| Self(Secret::new(text)))
    }

    /// Trusts a token that the database kept.
    pub fn from_stored(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// The token as it stands in the link.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

hidden_debug!(OwnerToken);

/// The link for an order's SMS, which begins with `links`. An order from before there were tokens
/// has the link of the first edition, which opens the order and replaces nothing.
pub fn sms_link(order_id: OrderId, token: Option<&OwnerToken>, links: &str) -> String {
    match token {
        Some(token) => format!("{links}{}", token.expose()),
        None => format!("{links}{}", order_id.short()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::decide_table::order;
    use crate::domain::order::payment::Status;

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
}

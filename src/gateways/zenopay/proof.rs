//! What proves that a delivery comes from ZenoPay.
//!
//! ZenoPay signs nothing. It sends our own key back in `x-api-key` (documented), and often
//! omits it (seen in the field), so each order's webhook URL contains a secret of its own. A
//! delivery with neither is only a reason to ask order-status.
//!
//! # Invariants
//! Secrets are compared in constant time, and an empty value proves nothing.

use bytes::Bytes;
use subtle::{Choice, ConstantTimeEq};

use crate::domain::order::OrderId;
use crate::domain::people::Secret;

/// Replaces a key in the journal.
const REDACTED: &[u8] = b"[redacted]";
/// A shorter key may be in any body by chance.
const KEY_BYTES_MIN: usize = 8;

/// The keys that ZenoPay may send back: two during a rotation.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Sent to ZenoPay and expected back.
    pub current: Secret,
    /// Still accepted.
    pub previous: Option<Secret>,
}

/// What an `x-api-key` header proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyCheck {
    /// Missing, or blank.
    Absent,
    /// The key.
    Current,
    /// The key before the rotation.
    Previous,
    /// Something else: the sender is not ZenoPay.
    Wrong,
}

impl Keys {
    /// Checks the value of an `x-api-key` header; several lines are joined by commas (RFC 9110). Proxies
    /// double headers, so each value must be right. Empty values are absent.
    pub fn check_key(&self, header: Option<&[u8]>) -> KeyCheck {
        let header = header.unwrap_or_default().trim_ascii();
        // A provider's key may contain a comma.
        let whole = self.check_value(header);
        let values = header.split(|byte| *byte == b',');
        let checks = values.map(|value| self.check_value(value.trim_ascii()));
        let all = checks.reduce(|all, next| match (all, next) {
            (KeyCheck::Wrong, _) | (_, KeyCheck::Wrong) => KeyCheck::Wrong,
            (KeyCheck::Current, _) | (_, KeyCheck::Current) => KeyCheck::Current,
            (KeyCheck::Previous, _) | (_, KeyCheck::Previous) => KeyCheck::Previous,
            (KeyCheck::Absent, KeyCheck::Absent) => KeyCheck::Absent,
        });
        match whole {
            KeyCheck::Current | KeyCheck::Previous => whole,
            KeyCheck::Wrong | KeyCheck::Absent => all.unwrap_or(KeyCheck::Absent),
        }
    }

    fn check_value(&self, sent: &[u8]) -> KeyCheck {
        if sent.is_empty() {
            return KeyCheck::Absent;
        }

        // Both are always compared, so that the time does not show whether there is a rotation.
        let is_current = same(sent, &self.current);
        let is_previous = same(sent, self.previous.as_ref().unwrap_or(&self.current));
        match (bool::from(is_current), bool::from(is_previous)) {
            (true, _) => KeyCheck::Current,
            (false, true) => KeyCheck::Previous,
            (false, false) => KeyCheck::Wrong,
        }
    }

    /// The body without our keys, in case it contains one.
    pub fn redact(&self, body: Bytes) -> Bytes {
        let keys = [Some(&self.current), self.previous.as_ref()];
        keys.into_iter().flatten().fold(body, |body, key| {
            let key = key.expose().as_bytes();
            let first = |text: &[u8]| text.windows(key.len()).position(|part| part == key);
            if key.len() < KEY_BYTES_MIN || first(&body).is_none() {
                return body;
            }
            let mut rest = &body[..];
            let mut redacted = Vec::with_capacity(body.len());
            while let Some(at) = first(rest) {
                redacted.extend_from_slice(&rest[..at]);
                redacted.extend_from_slice(REDACTED);
                rest = &rest[at + key.len()..];
            }
            redacted.extend_from_slice(rest);
            redacted.into()
        })
    }
}

/// The last part of a webhook URL, `ORDER_ID.SECRET`. It proves that one order alone.
#[derive(Clone, Debug)]
pub struct PathToken {
    /// The order.
    pub order_id: OrderId,
    /// To be compared with the one stored with the order.
    pub secret: Secret,
}

impl PathToken {
    /// Reads `ORDER_ID.SECRET`; `None` if it has another form.
    pub fn read(text: &str) -> Option<Self> {
        let (order_id, secret) = text.split_once('.')?;
        Some(Self {
            order_id: order_id.parse().ok()?,
            secret: (!secret.is_empty()).then(|| Secret::new(secret))?,
        })
    }

    /// Whether it is the secret that was stored with the order.
    pub fn matches(&self, stored: &Secret) -> bool {
        // The stored secret is empty only if the row is damaged, and then nothing is proven.
        let sent = self.secret.expose().as_bytes();
        !sent.is_empty() && same(sent, stored).into()
    }
}

/// What proves a delivery; the word is kept in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Proof {
    /// Our key came back.
    Key,
    /// Our key before the rotation came back.
    PreviousKey,
    /// The order's own URL was used.
    Token,
    /// We asked ZenoPay ourselves.
    OrderStatus,
}

fn same(sent: &[u8], ours: &Secret) -> Choice {
    sent.ct_eq(ours.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(previous: Option<&str>) -> Keys {
        Keys {
            current: Secret::new("new-key"),
            previous: previous.map(Secret::new),
        }
    }

    #[test]
    fn either_key_is_accepted_during_a_rotation_and_no_other() {
        for (previous, header, expected) in [
            (None, None, KeyCheck::Absent),
            (None, Some(""), KeyCheck::Absent),
            (Some("old-key"), Some(" \t"), KeyCheck::Absent),
            (None, Some("new-key"), KeyCheck::Current),
            (Some("old-key"), Some(" new-key "), KeyCheck::Current),
            (Some("old-key"), Some("old-key"), KeyCheck::Previous),
            (Some("new-key"), Some("new-key"), KeyCheck::Current),
            (None, Some("old-key"), KeyCheck::Wrong),
            (Some("old-key"), Some("NEW-KEY"), KeyCheck::Wrong),
            (Some("old-key"), Some("new-ke"), KeyCheck::Wrong),
            (Some(""), Some("x"), KeyCheck::Wrong),
            (Some(""), Some(""), KeyCheck::Absent),
            (None, Some("new-key, new-key"), KeyCheck::Current),
            (Some("old-key"), Some("old-key,,new-key"), KeyCheck::Current),
            (
                Some("old-key"),
                Some(",old-key , old-key"),
                KeyCheck::Previous,
            ),
            (None, Some(" , ,"), KeyCheck::Absent),
            (None, Some("new-key,old-key"), KeyCheck::Wrong),
            (Some("old-key"), Some("old-key,guess"), KeyCheck::Wrong),
            (None, Some("guess, new-key"), KeyCheck::Wrong),
            (None, Some("new-key;new-key"), KeyCheck::Wrong),
            (Some("a,b"), Some("a,b"), KeyCheck::Previous),
            (Some("a,b"), Some("a"), KeyCheck::Wrong),
        ] {
            let check = keys(previous).check_key(header.map(str::as_bytes));
            assert_eq!(check, expected, "{previous:?} {header:?}");
        }
        assert_eq!(keys(None).check_key(Some(b"\xFF")), KeyCheck::Wrong);
    }

    #[test]
    fn a_key_in_a_body_is_removed_before_the_body_is_kept() {
        let both = Keys {
            current: Secret::new("current-key"),
            previous: Some(Secret::new("previous-key")),
        };
        let redacted = |body: &'static str| both.redact(body.into());

        assert_eq!(redacted("{}"), "{}");
        assert_eq!(
            redacted("current-key previous-keycurrent-key current-ke"),
            "[redacted] [redacted][redacted] current-ke"
        );
        let short = Keys {
            current: Secret::new("key"),
            previous: None,
        };
        assert_eq!(short.redact("a monkey".into()), "a monkey");
    }

    #[test]
    fn a_webhook_url_proves_its_own_order_alone() {
        let id = "677e4327-4d7c-4b1e-9f00-0123456789ab";
        let token = PathToken::read(&format!("{id}.s.e-cret")).unwrap();

        assert_eq!(token.order_id.to_string(), id);
        assert!(token.matches(&Secret::new("s.e-cret")));
        for other in ["", "s.e-cre", "s.e-cret2", "S.E-CRET"] {
            assert!(!token.matches(&Secret::new(other)), "{other}");
        }
    }

    #[test]
    fn a_text_of_another_form_is_no_token() {
        let id = "677e4327-4d7c-4b1e-9f00-0123456789ab";
        for text in [
            "",
            ".",
            id,
            &format!("{id}."),
            "x.secret",
            &format!(".{id}"),
        ] {
            assert!(PathToken::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn neither_keys_nor_tokens_can_be_printed() {
        let token = PathToken::read("677e4327-4d7c-4b1e-9f00-0123456789ab.hush").unwrap();
        let printed = format!("{:?} {token:?}", keys(Some("old-key")));

        assert!(
            !printed.contains("key\"") && !printed.contains("hush"),
            "{printed}"
        );
    }
}

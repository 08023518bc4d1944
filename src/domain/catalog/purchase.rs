//! A request to buy, as parsed by the edge.

use sha2::{Digest, Sha256};

use super::Tzs;
use crate::domain::access::DeviceMac;
use crate::domain::people::{Language, Personal, Phone};

/// The most characters of a package's code.
const CODE_MAX: usize = 64;

/// A package's number or code. Codes begin with a letter, so the two cannot be confused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageRef {
    /// By number.
    Id(i64),
    /// By code.
    Code(String),
}

impl PackageRef {
    /// Reads `1`, `"1"` or `"daily"`; `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(id) = text.parse() {
            return Some(Self::Id(id));
        }
        let is_code = text.len() <= CODE_MAX
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        is_code.then(|| Self::Code(text.to_owned()))
    }
}

/// The client's key for one attempt to buy: 8 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The header is not 8 to 255 visible ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Idempotency-Key must be 8 to 255 visible ASCII characters")]
pub struct NotAnIdempotencyKey;

impl IdempotencyKey {
    /// Reads the header's value.
    ///
    /// # Errors
    /// [`NotAnIdempotencyKey`] if it is too short, too long or has another character.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAnIdempotencyKey> {
        let fits = (8..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(bytes).map_err(|_| NotAnIdempotencyKey)?;
        fits.then(|| Self(text.to_owned()))
            .ok_or(NotAnIdempotencyKey)
    }

    /// The key of a purchase by a page's form: a hash of the form's own key, the package and the phone. So
    /// pressing twice makes one order, and going back to choose something else makes another. The key is
    /// stored, and a hash does not show the phone.
    pub fn of_form(key: &str, package: &str, phone: &Phone) -> Self {
        Self::hashed(&format!("{key}.{package}.{}", phone.national()))
    }

    /// The key of another attempt by the same form, after the order of this key has ended.
    #[must_use]
    pub fn next(&self) -> Self {
        Self::hashed(&self.0)
    }

    fn hashed(text: &str) -> Self {
        Self(format!("form-{}", hex::encode(Sha256::digest(text))))
    }

    /// The key as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a prompt may be sent while another is open on the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondPrompt {
    /// It may not.
    NotAllowed,
    /// It may: the client has confirmed it.
    Allowed,
}

/// A request to buy.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// The package.
    pub package: PackageRef,
    /// The phone that pays.
    pub phone: Phone,
    /// The customer's name, if given.
    pub customer_name: Option<Personal>,
    /// The device in the guest's hand, if the router named it.
    pub device: Option<DeviceMac>,
    /// The price that the client expects; if ours differs, the request is refused.
    pub expected_price: Option<Tzs>,
    /// The language of the SMS.
    pub language: Language,
    /// Makes it safe to repeat the request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What to do if a prompt is open.
    pub second_prompt: SecondPrompt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_by_number_or_by_code() {
        let code = |text: &str| Some(PackageRef::Code(text.to_owned()));
        let longest = "a".repeat(CODE_MAX);
        for (text, named) in [
            ("1", Some(PackageRef::Id(1))),
            (" 42 ", Some(PackageRef::Id(42))),
            ("daily", code("daily")),
            ("half-day", code("half-day")),
            ("half_day_2", code("half_day_2")),
            (&longest, code(&longest)),
            (&format!("{longest}a"), None),
            ("", None),
            ("-daily", None),
            ("2daily", None),
            ("da ily", None),
            ("siku.moja", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(PackageRef::read(text), named, "{text:?}");
        }
    }

    #[test]
    fn a_key_is_8_to_255_visible_characters() {
        for (key, fits) in [
            ("1234567".to_owned(), false),
            ("12345678".to_owned(), true),
            ("k".repeat(255), true),
            ("k".repeat(256), false),
            ("1234 5678".to_owned(), false),
            ("1234567\u{7f}8".to_owned(), false),
            ("12345678é".to_owned(), false),
        ] {
            let read = IdempotencyKey::read(key.as_bytes());
            assert_eq!(read.is_ok(), fits, "{key:?}");
            if let Ok(read) = read {
                assert_eq!(read.as_str(), key);
            }
        }
        assert!(IdempotencyKey::read(b"1234567\xff8").is_err());
    }
}

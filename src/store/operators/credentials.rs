//! Tokens and cookies, and what is kept of them.
//!
//! A token is 256 bits from the operating system's random source, and the database has its
//! SHA-256 alone. A hash that is quick is right here: no attacker can list the tokens that there
//! may be, so there is nothing to slow down, while a slow hash would hold up every request. It
//! also makes the lookup safe: how long an index takes to find a hash says nothing about the
//! token.

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::people::secret::Secret;

/// What is kept of a token or cookie: its SHA-256, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a token as it was sent.
    pub fn of(sent: &str) -> Self {
        Self(hexadecimal(&Sha256::digest(sent.as_bytes())))
    }

    /// As the column holds it.
    pub(in crate::store) fn as_str(&self) -> &str {
        &self.0
    }

    /// Trusts what the column holds.
    pub(in crate::store) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Whether both are of one token, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// A token that cannot be guessed: 64 hexadecimal digits.
pub fn fresh_token() -> Secret {
    let mut bytes = [0_u8; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system has random bytes");
    Secret::new(hexadecimal(&bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_sha_256_of_the_token() {
        // FIPS 180-4's example.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

        assert_eq!(Fingerprint::of("abc").as_str(), abc);
        assert!(Fingerprint::of("abc").matches(&Fingerprint::from_stored(abc.to_owned())));
        assert!(!Fingerprint::of("abc").matches(&Fingerprint::of("abd")));
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, other) = (fresh_token(), fresh_token());

        assert_eq!(one.expose().len(), 64);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }
}

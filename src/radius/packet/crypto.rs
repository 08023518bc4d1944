//! The cryptography of RADIUS: hiding a password, digests and signatures with the shared secret.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use crate::domain::people::Secret;

/// Bytes of a digest; a password is hidden in blocks of this length.
pub(super) const BLOCK: usize = 16;

/// RFC 2865, section 5.2: each block is hidden by a digest of the secret and the one before.
pub(super) fn hide_password(password: &[u8], random: &[u8; BLOCK], secret: &Secret) -> Vec<u8> {
    // At most 128 bytes; a code has eight.
    let password = &password[..password.len().min(128)];
    let mut hidden = password.to_vec();
    hidden.resize(password.len().next_multiple_of(BLOCK).max(BLOCK), 0);
    let mut before = random.to_vec();
    for block in hidden.chunks_mut(BLOCK) {
        let mut hash = Md5::new();
        hash.update(secret.expose().as_bytes());
        hash.update(&before);
        for (byte, mask) in block.iter_mut().zip(hash.finalize()) {
            *byte ^= mask;
        }
        before = block.to_vec();
    }
    hidden
}

/// RFC 1994, section 4.1. Without CHAP-Challenge the request's authenticator is the challenge (RFC 2865,
/// section 5.40).
pub(super) fn chap_digest(identifier: u8, password: &[u8], challenge: &[u8]) -> [u8; BLOCK] {
    let mut hash = Md5::new();
    hash.update([identifier]);
    hash.update(password);
    hash.update(challenge);
    hash.finalize().into()
}

/// MD5 over the parts and the secret.
pub(super) fn digest(parts: &[&[u8]], secret: &Secret) -> [u8; BLOCK] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.update(secret.expose().as_bytes());
    hash.finalize().into()
}

/// The Message-Authenticator of a packet that has zeros in its place (RFC 3579, section 3.2).
pub(super) fn sign(packet: &[u8], secret: &Secret) -> [u8; BLOCK] {
    let mut mac = Hmac::<Md5>::new_from_slice(secret.expose().as_bytes())
        .expect("a key of HMAC may have any length");
    mac.update(packet);
    mac.finalize().into_bytes().into()
}

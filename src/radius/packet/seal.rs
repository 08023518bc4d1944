//! What the shared secret does to a packet: hides a password, vouches for the whole.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::{AUTHENTICATOR, BLOCK, Found, HEADER, NotTheAnswer, number};
use crate::domain::people::secret::Secret;

/// Where a valid Message-Authenticator stands in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// It is the first attribute, so that no attacker can put bytes of their choice before it.
    First,
    /// Other attributes come before it.
    NotFirst,
    /// There is none.
    Absent,
}

/// Finds and checks the Message-Authenticator of an answer to a request with this
/// authenticator. A second one is refused (RFC 3579, section 3.2: one at most).
pub(super) fn find(
    packet: &[u8],
    asked: &[u8],
    attributes: &[Found<'_>],
    secret: &Secret,
) -> Result<Seal, NotTheAnswer> {
    let mut seals = attributes
        .iter()
        .enumerate()
        .filter(|(_, found)| found.number == number::MESSAGE_AUTHENTICATOR);
    let Some((index, found)) = seals.next() else {
        return Ok(Seal::Absent);
    };
    if seals.next().is_some() || found.value.len() != BLOCK {
        return Err(NotTheAnswer::NotAuthentic);
    }
    let mut unsigned = packet.to_vec();
    unsigned[AUTHENTICATOR..HEADER].copy_from_slice(asked);
    unsigned[found.at..found.at + BLOCK].fill(0);
    if !bool::from(sign(&unsigned, secret).ct_eq(found.value)) {
        return Err(NotTheAnswer::NotAuthentic);
    }
    Ok(if index == 0 {
        Seal::First
    } else {
        Seal::NotFirst
    })
}

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

pub(super) fn digest(parts: &[&[u8]], secret: &Secret) -> [u8; BLOCK] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.update(secret.expose().as_bytes());
    hash.finalize().into()
}

pub(super) fn sign(packet: &[u8], secret: &Secret) -> [u8; BLOCK] {
    let mut mac = Hmac::<Md5>::new_from_slice(secret.expose().as_bytes())
        .expect("a key of HMAC may have any length");
    mac.update(packet);
    mac.finalize().into_bytes().into()
}

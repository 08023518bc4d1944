//! What FreeRADIUS and routers are told, and asked.
//!
//! `attributes` makes the rows by which FreeRADIUS lets a voucher in; `packet` is what goes
//! over the wire, signed and checked; `client` sends it and waits for an answer;
//! `mikrotik` is what an owner tells a router.

pub mod attributes;
pub mod client;
pub mod mikrotik;
pub mod packet;

use crate::domain::people::secret::Secret;

/// A secret to share with a router: 128 random bits, as hexadecimal digits.
pub fn fresh_secret() -> Secret {
    Secret::new(hex::encode(client::random_bytes::<16>()))
}

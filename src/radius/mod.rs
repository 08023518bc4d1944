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
    let bytes: [u8; 16] = client::random_bytes();
    Secret::new(bytes.map(|byte| format!("{byte:02x}")).concat())
}

//! RADIUS: `attributes` makes the rows by which FreeRADIUS accepts a voucher; `packet` writes and
//! checks packets; `client` sends them and waits for answers; `mikrotik` configures a router,
//! and `wireguard` a tunnel to it.

pub mod attributes;
pub mod client;
pub mod mikrotik;
pub mod packet;
pub mod wireguard;

use crate::domain::people::Secret;

/// A secret to share with a router: 128 random bits, as hexadecimal digits.
pub fn fresh_secret() -> Secret {
    Secret::new(hex::encode(client::random_bytes::<16>()))
}

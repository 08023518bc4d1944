//! What a decision needs from outside: clock, randomness and shop.

use chrono::Offset;
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;

use crate::domain::access::VoucherCode;
use crate::domain::order::Facts;
use crate::store::Clock;

/// The source of the facts of a decision.
#[derive(Clone, Debug)]
pub struct FactSource {
    /// The database's clock, which all processes share.
    pub clock: Clock,
    /// The shop's time zone.
    pub timezone: chrono_tz::Tz,
    /// The shop's name.
    pub brand: String,
    /// What an owner link begins with.
    pub link_base: String,
}

impl FactSource {
    /// The facts of this moment, with a fresh voucher code.
    pub fn now(&self) -> Facts {
        let now = self.clock.now();
        Facts {
            now,
            fresh_code: fresh_code(),
            shop_offset: now.with_timezone(&self.timezone).offset().fix(),
            brand: self.brand.clone(),
            link_base: self.link_base.clone(),
        }
    }
}

/// A code from the system's random source.
pub fn fresh_code() -> VoucherCode {
    loop {
        // Four times as many bytes as symbols: fewer than one byte in thirty is skipped.
        let bytes: [u8; 32] = UnwrapErr(SysRng).random();
        if let Some(code) = VoucherCode::from_random_bytes(bytes) {
            return code;
        }
    }
}

//! What webhooks without the key may write about one order. An order's secret never expires, so a
//! webhook URL that got out could otherwise fill the disk, and the reports.
//!
//! ZenoPay sends a handful of copies of a few hundred bytes: all of this is far above them. A webhook with
//! the key is not limited.

use std::time::{Duration, Instant};

use crate::domain::order::OrderId;
use crate::domain::pacing::{ClientId, RateLimit};

/// Webhooks to one order's own URL that are taken at once; then one a second. A drill sends 1,000 copies of
/// a webhook, half of them there.
const AT_ONCE: u32 = 1_000;
/// Bytes of bodies that are kept although they change nothing, for one order in an hour: two of the
/// longest, hundreds of ZenoPay's.
const BODIES: u32 = 128 * 1_024;
const HOUR: Duration = Duration::from_secs(3_600);

/// The limits of webhooks without the key, by order.
pub(in crate::actors) struct WithoutKey {
    webhooks: RateLimit,
    bodies: RateLimit,
}

impl Default for WithoutKey {
    fn default() -> Self {
        Self {
            webhooks: RateLimit::new(AT_ONCE, Duration::from_secs(u64::from(AT_ONCE))),
            bodies: RateLimit::new(BODIES, HOUR),
        }
    }
}

impl WithoutKey {
    /// Counts a webhook to the order's own URL; `false` if there are too many.
    pub fn takes(&self, order_id: OrderId, now: Instant) -> bool {
        self.webhooks.take(client(order_id), now).is_ok()
    }

    /// Counts a body; `false` if it is not kept unless it changes the order.
    pub fn keeps(&self, order_id: OrderId, body: &[u8], now: Instant) -> bool {
        let bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let taken = self.bodies.take_many(client(order_id), bytes, now);
        taken.is_ok()
    }
}

/// The sender that is limited: all that use this order's URL, or name it.
fn client(order_id: OrderId) -> ClientId {
    ClientId(order_id.0.as_u128())
}

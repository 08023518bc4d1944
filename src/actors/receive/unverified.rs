//! Webhooks without proof about orders of ours. A stranger can send any number of them, so all that
//! come at the same moment share one status check, whose answer serves further ones for a while;
//! then no webhook causes another check of this order for some seconds. Those that come too fast
//! are refused like everything else that a stranger sends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, Shared};

use crate::domain::order::{GatewayReport, OrderId};

/// The largest number of webhooks that share one answer; ZenoPay sends a handful of copies.
const FOLLOWERS: usize = 32;
/// How long an answer serves further webhooks.
const FRESH: Duration = Duration::from_secs(2);
/// The shortest time between two checks of one order that unverified webhooks cause.
const PER_ORDER: Duration = Duration::from_secs(15);

/// Resolves to the report if ZenoPay says "paid", and to the time of the answer. Any other report
/// is applied by the task itself.
pub(super) type FollowUp = Shared<BoxFuture<'static, (Option<GatewayReport>, Instant)>>;

struct Recent {
    follow_up: FollowUp,
    followers: usize,
    began: Instant,
}

/// The orders whose unverified webhooks are being followed up, or were a short while ago.
#[derive(Default)]
pub(in crate::actors) struct UnverifiedWebhooks {
    recent: Mutex<HashMap<OrderId, Recent>>,
}

impl UnverifiedWebhooks {
    /// Joins the follow-up of this order, or starts it. `None` when too many share it already,
    /// when the last one was a short while ago, or when it cannot be started.
    pub fn join(
        &self,
        order_id: OrderId,
        now: Instant,
        start: impl FnOnce() -> Option<FollowUp>,
    ) -> Option<FollowUp> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // A full scan is cheap: the map is small, because few checks are admitted.
        recent.retain(|_, it| now.saturating_duration_since(it.began) < PER_ORDER);
        let recent = match recent.entry(order_id) {
            Entry::Occupied(recent) => recent.into_mut(),
            Entry::Vacant(place) => place.insert(Recent {
                follow_up: start()?,
                followers: 0,
                began: now,
            }),
        };
        let ended = recent.follow_up.peek().map(|(_, ended)| *ended);
        let is_stale = ended.is_some_and(|at| now.saturating_duration_since(at) >= FRESH);
        if recent.followers >= FOLLOWERS || is_stale {
            return None;
        }
        recent.followers += 1;
        Some(recent.follow_up.clone())
    }
}

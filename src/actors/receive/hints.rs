//! Hints that are being followed up, and those just followed up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use crate::domain::order::{GatewayReport, OrderId};
use crate::timekeeper::Timekeeper;

/// Hints that share one answer at most; ZenoPay sends a handful of copies.
const FOLLOWERS: usize = 32;
/// For so long an answer serves further hints.
const FRESH: Duration = Duration::from_secs(2);
/// Between two asks about one order that hints lead to.
const PER_ORDER: Duration = Duration::from_secs(15);

/// What became of a hint.
#[derive(Clone)]
pub(in crate::actors) enum Verdict {
    /// ZenoPay says that it is paid: this is the evidence.
    Paid(GatewayReport),
    /// Not paid, or nothing was found out. What was found out is applied.
    NotPaid,
}

type Shares = Shared<BoxFuture<'static, Verdict>>;

struct Hint {
    verdict: Shares,
    followers: usize,
    asked: Instant,
    landed: Arc<OnceLock<Instant>>,
}

impl Hint {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.asked) >= PER_ORDER
    }

    fn is_stale(&self, now: Instant) -> bool {
        let landed = self.landed.get();
        landed.is_some_and(|landed| now.saturating_duration_since(*landed) >= FRESH)
    }
}

/// Hints that are being followed up, and those just followed up.
#[derive(Default)]
pub(in crate::actors) struct UnverifiedWebhooks {
    recent: Mutex<HashMap<OrderId, Hint>>,
}

impl UnverifiedWebhooks {
    /// Joins the follow-up of this order's hints, or starts it. `None` when too many share
    /// it already, when the last one was a short while ago, or when it cannot be started.
    pub fn join(
        &self,
        order_id: OrderId,
        timekeeper: &Timekeeper,
        start: impl FnOnce() -> Option<BoxFuture<'static, Verdict>>,
    ) -> Option<Shares> {
        let now = timekeeper.now();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // Short, because hints lead to few asks.
        recent.retain(|_, hint| !hint.is_forgotten(now));
        let hint = match recent.entry(order_id) {
            Entry::Occupied(hint) => hint.into_mut(),
            Entry::Vacant(place) => {
                let landed = Arc::new(OnceLock::new());
                let (work, when, timekeeper) = (start()?, landed.clone(), timekeeper.clone());
                let verdict = async move {
                    let verdict = work.await;
                    // Set once: a shared future runs once.
                    let _ = when.set(timekeeper.now());
                    verdict
                };
                place.insert(Hint {
                    verdict: verdict.boxed().shared(),
                    followers: 0,
                    asked: now,
                    landed,
                })
            }
        };
        if hint.followers >= FOLLOWERS || hint.is_stale(now) {
            return None;
        }
        hint.followers += 1;
        Some(hint.verdict.clone())
    }
}

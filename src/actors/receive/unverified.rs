//! Deliveries without proof about orders of ours. A stranger can send any number of them, so
//! they are followed up once for all that come at the same moment, a fresh answer serves for
//! a while, and then no hint leads to another ask about this order for some seconds. Hints
//! that come too fast are refused like everything else that a stranger sends.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tracing::warn;

use crate::actors::Orders;
use crate::actors::order::Command;
use crate::actors::status_checks::{Asker, Flight};
use crate::domain::order::evidence::{Evidence, GatewayReport, Word};
use crate::domain::order::ids::OrderId;
use crate::domain::pacing::check_schedule;
use crate::gateways::zenopay::wire::StatusAnswer;
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
pub(in crate::actors) struct Hints {
    recent: Mutex<HashMap<OrderId, Hint>>,
}

impl Hints {
    /// Joins the follow-up of this order's hints, or starts it. `None` when too many share
    /// it already, when the last one was a short while ago, or when it cannot be started.
    fn join(
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

impl Orders {
    /// What became of the hint; `None` when hints come too fast, for this order or in all.
    pub(in crate::actors) async fn follow_hint(&self, order_id: OrderId) -> Option<Verdict> {
        let asks = &self.inner.asks;
        let start = || {
            let flight = asks.begin(order_id, Asker::Stranger)?;
            let orders = self.clone();
            // A task of its own: a follower that dies must not take the others along.
            let look = async move { orders.look_into(order_id, flight).await };
            let task = self.inner.background.spawn(look);
            Some(async move { task.await.unwrap_or(Verdict::NotPaid) }.boxed())
        };
        let shares = self.inner.hints.join(order_id, asks.timekeeper(), start)?;
        Some(shares.await)
    }

    async fn look_into(&self, order_id: OrderId, flight: Flight) -> Verdict {
        if let Some(StatusAnswer::Known(report)) = flight.await {
            if report.word == Word::Paid {
                return Verdict::Paid(report);
            }
            let command = Command::of(Evidence::OrderStatus(report));
            if let Err(error) = self.inner.registry.send(order_id, command).await {
                warn!(order = %order_id.order_ref(), %error, "what a hint led to could not be applied");
            }
        }
        // Something may have happened that ZenoPay does not show yet.
        self.ask_again_soon(order_id).await;
        Verdict::NotPaid
    }

    /// Has the schedule ask once more, because of a hint that led to an ask.
    pub(in crate::actors) async fn ask_again_soon(&self, order_id: OrderId) {
        let soon = check_schedule::ask_soon(self.inner.store.clock().now());
        if let Err(error) = self.inner.store.ask_by(order_id, soon).await {
            warn!(order = %order_id.order_ref(), %error, "the next ask could not be brought forward");
        }
    }
}

//! Deliveries without proof about orders of ours. A stranger can send any number of them,
//! so they are followed up once for all who come at the same moment, and a fresh answer
//! serves for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tracing::warn;

use super::Orders;
use super::asks::Asker;
use super::order::Case;
use crate::domain::ask_schedule;
use crate::domain::evidence::{Evidence, GatewayReport, Word};
use crate::domain::ids::OrderId;
use crate::zenopay::wire::StatusAnswer;

/// Hints that share one answer at most; ZenoPay sends a handful of copies.
const FOLLOWERS: usize = 32;
/// For so long an answer serves further hints.
const FRESH: Duration = Duration::from_secs(2);

/// What became of a hint.
#[derive(Clone)]
pub(super) enum Verdict {
    /// ZenoPay says that it is paid: this is the evidence.
    Paid(GatewayReport),
    /// Not paid, or nothing was found out. What was found out is applied.
    NotPaid,
}

type Shares = Shared<BoxFuture<'static, Verdict>>;

struct Hint {
    verdict: Shares,
    followers: usize,
    landed: Arc<OnceLock<Instant>>,
}

/// Hints that are being followed up, and those just followed up.
#[derive(Default)]
pub(super) struct Hints {
    recent: Mutex<HashMap<OrderId, Hint>>,
}

impl Hints {
    /// Joins the follow-up of this order's hints, or starts it. `None` when too many share
    /// it already.
    fn join(
        &self,
        order_id: OrderId,
        start: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Option<Shares> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, hint| {
            hint.landed
                .get()
                .is_none_or(|landed| landed.elapsed() < FRESH)
        });
        let hint = recent.entry(order_id).or_insert_with(|| {
            let landed = Arc::new(OnceLock::new());
            let (work, when) = (start(), landed.clone());
            let verdict = async move {
                let verdict = work.await;
                // Set once: a shared future runs once.
                let _ = when.set(Instant::now());
                verdict
            };
            Hint {
                verdict: verdict.boxed().shared(),
                followers: 0,
                landed,
            }
        });
        hint.followers += 1;
        (hint.followers <= FOLLOWERS).then(|| hint.verdict.clone())
    }
}

impl Orders {
    /// What became of the hint; `None` when too many come for this order.
    pub(super) async fn follow_hint(&self, order_id: OrderId) -> Option<Verdict> {
        let orders = self.clone();
        let shares = self.inner.hints.join(order_id, move || {
            // A task of its own: a follower that dies must not take the others along.
            let background = orders.inner.background.clone();
            let task = background.spawn(async move { orders.look_into(order_id).await });
            async move { task.await.unwrap_or(Verdict::NotPaid) }.boxed()
        })?;
        Some(shares.await)
    }

    async fn look_into(&self, order_id: OrderId) -> Verdict {
        if let Some(StatusAnswer::Known(report)) =
            self.inner.asks.ask(order_id, Asker::Stranger).await
        {
            if report.word == Word::Paid {
                return Verdict::Paid(report);
            }
            let case = Case::of(Evidence::OrderStatus(report));
            if let Err(error) = self.inner.registry.send(order_id, case).await {
                warn!(%order_id, %error, "what a hint led to could not be applied");
            }
        }
        // Something may have happened that ZenoPay does not show yet.
        let soon = ask_schedule::ask_soon(self.inner.store.clock().now());
        if let Err(error) = self.inner.store.ask_by(order_id, soon).await {
            warn!(%order_id, %error, "the next ask could not be brought forward");
        }
        Verdict::NotPaid
    }
}

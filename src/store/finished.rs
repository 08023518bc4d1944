//! Finished orders, kept in memory so that a look at one needs no question.
//!
//! Nouns: an order is *finished* when it is COMPLETED or REFUNDED. From then on only a refund, or
//! a voucher that is revoked or replaced, changes what is shown of it, here or in another process.
//! Each of these counts itself in the one row of `finished_changes`, in its own transaction.
//!
//! The rule that must not be broken: what is kept is shown only while that count is known not to
//! have moved since before it was read, and known so lately ([`CONFIRMED_WITHIN`]). So no notice
//! needs to arrive: the answer was true in the books at most so long ago, and when the books do
//! not answer nothing is shown from memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use entities::finished_changes;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{DatabaseTransaction, EntityTrait, QuerySelect};
use tokio::sync::Semaphore;
use tracing::debug;

use super::{Store, StoreError};
use crate::domain::ids::OrderId;
use crate::domain::payment::Payment;

/// How old what is shown from memory may be. Far less than the second within which a guest is
/// told by another process.
const CONFIRMED_WITHIN: Duration = Duration::from_millis(100);
/// Asked anew before that, so that nobody waits for the answer.
const ASK_AFTER: Duration = Duration::from_millis(50);
/// Orders that are kept, of about a kilobyte each. More than these are forgotten together: who
/// looks again is read again.
const KEPT: usize = 10_000;

/// Finished orders, and what is known of their count of changes.
pub(super) struct Finished {
    kept: DashMap<OrderId, Kept>,
    standing: Mutex<Standing>,
    /// One question about the count at a time.
    asking: Arc<Semaphore>,
}

#[derive(Clone)]
struct Kept {
    payment: Arc<Payment>,
    /// When it was about to be read.
    read_at: Instant,
}

/// What is known of the count.
#[derive(Clone, Copy)]
struct Standing {
    /// As it was last read; `None` before the first time.
    count: Option<i64>,
    /// Whatever was read later than this was read after the last change that is known.
    unmoved_since: Instant,
    /// When it was last about to be read.
    confirmed_at: Option<Instant>,
}

impl Standing {
    /// Takes an answer in; whether the count has moved.
    fn answered(&mut self, count: i64, asked_at: Instant, now: Instant) -> bool {
        let has_moved = self.count != Some(count);
        if has_moved {
            self.count = Some(count);
            // What was read since the question may have been read before the change.
            self.unmoved_since = now;
        }
        self.confirmed_at = Some(asked_at);
        has_moved
    }

    fn changed_here(&mut self, now: Instant) {
        self.unmoved_since = now;
    }

    fn is_confirmed(&self, within: Duration, now: Instant) -> bool {
        self.confirmed_at
            .is_some_and(|at| now.saturating_duration_since(at) < within)
    }

    fn holds(&self, read_at: Instant, now: Instant) -> bool {
        read_at >= self.unmoved_since && self.is_confirmed(CONFIRMED_WITHIN, now)
    }
}

impl Finished {
    pub fn none() -> Self {
        let standing = Standing {
            count: None,
            unmoved_since: Instant::now(),
            confirmed_at: None,
        };
        Self {
            kept: DashMap::new(),
            standing: Mutex::new(standing),
            asking: Arc::new(Semaphore::new(1)),
        }
    }

    /// A finished order has just been changed here. Invariant: called after the commit and before
    /// anybody is told of it.
    pub fn changed_here(&self) {
        self.standing().changed_here(Instant::now());
        self.kept.clear();
    }

    fn answered(&self, count: i64, asked_at: Instant) {
        let has_moved = self.standing().answered(count, asked_at, Instant::now());
        if has_moved {
            self.kept.clear();
        }
    }

    fn keep(&self, payment: Arc<Payment>, read_at: Instant) {
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        self.kept
            .insert(payment.order_id, Kept { payment, read_at });
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// One order for who looks at it without waiting. A finished one may come from memory, and was
    /// so in the books at most a tenth of a second ago; a change that was made in this process is
    /// seen at once. `None` if there is none of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn look_at(&self, order_id: OrderId) -> Result<Option<Arc<Payment>>, StoreError> {
        if let Some(payment) = self.kept(order_id) {
            return Ok(Some(payment));
        }
        let read_at = Instant::now();
        let Some(payment) = self.load(order_id).await?.map(Arc::new) else {
            return Ok(None);
        };
        if payment.status.is_finished() {
            self.inner.finished.keep(payment.clone(), read_at);
        }
        Ok(Some(payment))
    }

    /// What is kept of the order, if it still holds. Whoever finds that this is not known any
    /// more has it asked for those who come next, and reads.
    fn kept(&self, order_id: OrderId) -> Option<Arc<Payment>> {
        let finished = &self.inner.finished;
        let Kept { payment, read_at } = finished.kept.get(&order_id)?.clone();
        let now = Instant::now();
        let standing = *finished.standing();
        if !standing.is_confirmed(ASK_AFTER, now) {
            self.ask_for_the_count();
        }
        standing.holds(read_at, now).then_some(payment)
    }

    fn ask_for_the_count(&self) {
        let Ok(asking) = self.inner.finished.asking.clone().try_acquire_owned() else {
            return;
        };
        let store = self.clone();
        self.inner.runtime.reads().spawn(async move {
            let asked_at = Instant::now();
            match store.count_of_changes().await {
                Ok(Some(count)) => store.inner.finished.answered(count, asked_at),
                Ok(None) => {}
                Err(error) => debug!(%error, "finished orders are read, not remembered"),
            }
            drop(asking);
        });
    }

    async fn count_of_changes(&self) -> Result<Option<i64>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let count = finished_changes::Entity::find()
                .select_only()
                .column(finished_changes::Column::Changes)
                .into_tuple::<i64>()
                .one(&store.inner.reader)
                .await?;
            Ok(count)
        })
        .await
    }
}

/// Counts a change of a finished order, in the transaction that makes it. The last statement of it,
/// for until its end all others of the kind wait.
pub(super) async fn count_change(txn: &DatabaseTransaction) -> Result<(), StoreError> {
    let changes = finished_changes::Column::Changes;
    finished_changes::Entity::update_many()
        .col_expr(changes, Expr::col(changes).add(1))
        .exec(txn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moments a millisecond apart.
    fn moments() -> impl Fn(u64) -> Instant {
        let began = Instant::now();
        move |millis| began + Duration::from_millis(millis)
    }

    fn standing(at: Instant) -> Standing {
        Standing {
            count: None,
            unmoved_since: at,
            confirmed_at: None,
        }
    }

    #[test]
    fn what_was_read_before_the_count_is_known_is_not_shown() {
        let at = moments();
        let mut standing = standing(at(0));

        assert!(!standing.holds(at(5), at(6)));

        standing.answered(7, at(4), at(8));
        assert!(!standing.holds(at(5), at(9)));
        assert!(standing.holds(at(8), at(9)));
    }

    #[test]
    fn what_was_read_before_a_change_is_not_shown_again() {
        let at = moments();
        let mut standing = standing(at(0));
        standing.answered(7, at(1), at(2));
        assert!(standing.holds(at(3), at(10)));

        // Read while the question was under way: it may have been before the change.
        standing.answered(8, at(20), at(24));

        assert!(!standing.holds(at(3), at(25)));
        assert!(!standing.holds(at(22), at(25)));
        assert!(standing.holds(at(24), at(25)));
    }

    #[test]
    fn a_change_made_here_is_seen_at_once() {
        let at = moments();
        let mut standing = standing(at(0));
        standing.answered(7, at(1), at(2));

        standing.changed_here(at(5));

        assert!(!standing.holds(at(4), at(5)));
        assert!(standing.holds(at(6), at(7)));
    }

    #[test]
    fn nothing_is_shown_from_memory_when_the_books_have_not_answered_lately() {
        let at = moments();
        let mut standing = standing(at(0));
        standing.answered(7, at(10), at(80));

        assert!(standing.holds(at(90), at(109)));
        assert!(!standing.holds(at(90), at(110)));

        standing.answered(7, at(100), at(120));
        assert!(standing.holds(at(90), at(150)));
    }
}

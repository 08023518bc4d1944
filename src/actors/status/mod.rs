//! Notifies long polls of committed changes, through the status actor.
//!
//! Nouns: a *waiter* is a parked poll and holds a *seat*. A commit of this process is *published* with
//! the order as it is now, so that its waiters need not read it. Of a commit elsewhere they get the
//! version, and each compares it with the one that it has read itself.
//!
//! An actor that panics is replaced: its waiters are answered from the database, and the next ones
//! wait at the new one.
//!
//! # Invariants
//! Subscribe, then read, then wait: a commit between the first two is read, and a later one is
//! notified. A lost notification costs latency, never truth.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::{Addr, ArbiterHandle};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::info_span;

// `waiters.rs` uses `super::sync`, which `tests/schedules` replaces.
use super::registry::sync;
use crate::domain::order::{OrderId, Payment};
use crate::observability::metrics::Metrics;
use crate::store::{Store, StoreError};
use crate::supervisor::{Supervisor, Task};
use actor::{Publish, StatusActor, Versions, Watch, WhatIsWatched};
use seats::Seats;

pub use actor::Source;
pub use seats::NotHeld;
pub use watching::Subscription;

mod actor;
mod seats;
mod waiters;
mod watching;

/// Only waits of at least this length get jitter.
const JITTER_FROM: Duration = Duration::from_secs(20);
/// The largest part of a long wait that jitter removes.
const JITTER_MAX: f64 = 0.1;

/// The handle for the rest of the program.
#[derive(Clone)]
pub struct StatusBoard {
    address: Arc<RwLock<Addr<StatusActor>>>,
    seats: Seats,
    watched_count: Arc<AtomicUsize>,
    draining: CancellationToken,
    /// To other processes.
    outgoing: mpsc::Sender<(OrderId, i32)>,
    metrics: Arc<Metrics>,
}

/// The answer to a poll.
pub struct PollAnswer {
    /// The order as it is now.
    pub payment: Arc<Payment>,
    /// Why it was not held, for one that had to wait: the client should not repeat the request at once.
    pub not_held: Option<NotHeld>,
}

impl StatusBoard {
    /// Starts the actor on an arbiter of its own, and another one when it has ended. `draining`
    /// answers all polls.
    pub fn start(
        arbiter: ArbiterHandle,
        supervisor: &Supervisor,
        background: &Handle,
        waiters_max: usize,
        draining: CancellationToken,
        outgoing: mpsc::Sender<(OrderId, i32)>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let watched_count = Arc::new(AtomicUsize::new(0));
        let (count, for_actor) = (watched_count.clone(), supervisor.clone());
        let start = move || StatusActor::start_on(&arbiter, count.clone(), for_actor.clone());
        let (address, ended) = start();
        let board = Self {
            address: Arc::new(RwLock::new(address)),
            seats: Seats::new(waiters_max),
            watched_count,
            draining,
            outgoing,
            metrics,
        };
        let (current, mut first) = (board.address.clone(), Some(ended));
        supervisor.run_droppable(background, Task::StatusActor, move || {
            let ended = first.take().unwrap_or_else(|| {
                let (address, ended) = start();
                *current.write().unwrap_or_else(PoisonError::into_inner) = address;
                ended
            });
            async move {
                // Nothing is ever sent: the channel closes when the actor ends.
                let _ = ended.await;
            }
        });
        board
    }

    fn address(&self) -> Addr<StatusActor> {
        let address = self.address.read();
        address.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notifies the waiters of an order that was just committed, here and in other processes.
    pub fn publish(&self, payment: Arc<Payment>) {
        self.metrics.notices.inc();
        // Fails if the queue is full or not read: other processes find out by themselves.
        let _ = self.outgoing.try_send((payment.order_id, payment.version));
        self.publish_here(payment);
    }

    /// Notifies the waiters in this process.
    pub fn publish_here(&self, payment: Arc<Payment>) {
        // Never waits and never drops a notice. The number of notices is bounded by that of the commits.
        self.address().do_send(Publish {
            span: info_span!("notice", version = payment.version),
            payment,
            committed: std::time::Instant::now(),
        });
    }

    /// Notifies the waiters in this process of versions that may be new to them. Returns when the
    /// actor has handled them, so that a flood of announcements waits outside its mailbox.
    pub async fn publish_versions(&self, versions: Vec<(OrderId, i32)>, source: Source) {
        // Fails if the actor has just ended; then its waiters read the database.
        let _ = self.address().send(Versions(versions, source)).await;
    }

    /// The orders that have waiters.
    pub async fn watched(&self) -> Vec<OrderId> {
        // Fails if the actor has just ended; then it has no waiters.
        self.address().send(WhatIsWatched).await.unwrap_or_default()
    }

    /// Takes a seat and subscribes. `None` when there is no seat, when the order has its eight waiters,
    /// or when the actor has just ended. The order is read next; then the seat is kept, or given up.
    pub async fn watch(&self, store: &Store, order_id: OrderId) -> Option<Subscription> {
        let seat = self.seats.take()?;
        let receiver = self.address().send(Watch(order_id)).await.ok()??;
        Some(Subscription {
            order_id,
            store: store.clone(),
            receiver,
            draining: self.draining.clone(),
            metrics: self.metrics.clone(),
            seat,
        })
    }

    /// Waits until the order's version differs from `since`, at most for `wait`, and returns the order
    /// as it is then. A long wait may end up to a tenth earlier. Without `since` a final order is
    /// returned at once and any other when it changes. An order that ended long ago is returned at once.
    /// `None` if there is no such order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn wait(
        &self,
        store: &Store,
        order_id: OrderId,
        since: Option<i64>,
        wait: Duration,
    ) -> Result<Option<PollAnswer>, StoreError> {
        let deadline = Instant::now() + with_jitter(wait, rand::random());
        let watching = match wait {
            Duration::ZERO => None,
            _ => self.watch(store, order_id).await,
        };
        let Some(mut payment) = store.load_for_guest(order_id).await? else {
            return Ok(None);
        };
        let not_held = (watching.is_none() && !wait.is_zero()).then_some(NotHeld::NoSeat);
        let is_answer = match since {
            Some(since) => i64::from(payment.version) != since,
            None => payment.status.ends_poll(),
        };
        if let Some(mut watching) = watching.filter(|_| !is_answer) {
            if let Err(why) = watching.keep_seat(&payment) {
                let not_held = Some(why);
                return Ok(Some(PollAnswer { payment, not_held }));
            }
            let newer = timeout_at(deadline, watching.newer_than(payment.version)).await;
            payment = match newer {
                Ok(Some(newer)) => newer,
                Ok(None) | Err(_) => read_again(store, payment).await,
            };
        }
        Ok(Some(PollAnswer { payment, not_held }))
    }

    /// Parked polls.
    pub fn waiters(&self) -> usize {
        self.seats.taken()
    }

    /// How many orders have waiters.
    pub fn orders_watched(&self) -> usize {
        self.watched_count.load(Ordering::Relaxed)
    }

    /// The limit of parked polls.
    pub fn waiters_max(&self) -> usize {
        self.seats.max
    }
}

/// The order when a wait ends without a notice: another process may have committed. If the database
/// cannot be read, the order as it was known.
async fn read_again(store: &Store, known: Arc<Payment>) -> Arc<Payment> {
    match store.load_for_guest(known.order_id).await {
        Ok(Some(payment)) => payment,
        Ok(None) | Err(_) => known,
    }
}

/// `wait` with jitter; `dice` is between 0 and 1.
///
/// Polls that begin together, as after a restart, would all end and return together each minute, and a
/// sale at that moment would wait for thousands of answers. So each long wait is shortened by a random
/// part.
fn with_jitter(wait: Duration, dice: f64) -> Duration {
    if wait < JITTER_FROM {
        wait
    } else {
        wait.mul_f64(1.0 - JITTER_MAX * dice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_that_begin_together_do_not_end_together() {
        let ends = |secs, dice| with_jitter(Duration::from_secs(secs), dice).as_secs_f64();

        assert_eq!((ends(55, 0.0), ends(55, 1.0)), (55.0, 49.5));
        assert_eq!((ends(20, 0.5), ends(19, 0.5)), (19.0, 19.0));
        assert_eq!((ends(5, 1.0), ends(0, 1.0)), (5.0, 0.0));
    }
}

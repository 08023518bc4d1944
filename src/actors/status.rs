//! The status actor: pushes completion notices to the long polls that wait for them.
//!
//! Nouns: a *waiter* is a parked poll and holds a [`Seat`]; a [`Notice`] is an order as it
//! is after a commit, so that nobody who is woken needs to read.
//!
//! The rule that must not be broken: register interest before you look. A waiter subscribes
//! first and reads the committed order second, so that a commit between the two is seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Arbiter, AsyncContext, Context, Handler, Message};
use tokio::sync::watch;
use tokio::time::{Instant as Deadline, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::domain::ids::OrderId;
use crate::domain::payment::Payment;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// Waiters of one order at most; a family looks at one phone, not at nine.
const WAITERS_PER_ORDER: usize = 8;
/// How often orders that nobody watches any more are forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// An order as it is after a commit.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The order.
    pub payment: Arc<Payment>,
    /// When the commit was done.
    pub committed: Instant,
}

type News = Option<Notice>;

/// The actor: who watches what.
struct StatusActor {
    watched: HashMap<OrderId, watch::Sender<News>>,
    watched_count: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Actor for StatusActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(SWEEP, |actor, _| {
            actor.watched.retain(|_, news| news.receiver_count() > 0);
            actor.count();
        });
    }
}

impl StatusActor {
    fn count(&self) {
        self.watched_count
            .store(self.watched.len(), Ordering::Relaxed);
    }
}

struct Watch(OrderId);

impl Message for Watch {
    type Result = Option<watch::Receiver<News>>;
}

impl Handler<Watch> for StatusActor {
    type Result = Option<watch::Receiver<News>>;

    fn handle(&mut self, Watch(order_id): Watch, _: &mut Context<Self>) -> Self::Result {
        let news = self
            .watched
            .entry(order_id)
            .or_insert_with(|| watch::Sender::new(None));
        let receiver = (news.receiver_count() < WAITERS_PER_ORDER).then(|| news.subscribe());
        self.count();
        receiver
    }
}

struct Publish(Notice);

impl Message for Publish {
    type Result = ();
}

impl Handler<Publish> for StatusActor {
    type Result = ();

    fn handle(&mut self, Publish(notice): Publish, _: &mut Context<Self>) {
        self.metrics.notices.inc();
        if let Some(news) = self.watched.get(&notice.payment.order_id) {
            // Fails only when nobody listens any more.
            let _ = news.send(Some(notice));
        }
    }
}

/// The handle that everybody else sees.
#[derive(Clone)]
pub struct StatusBoard {
    address: Addr<StatusActor>,
    waiters: Arc<AtomicUsize>,
    watched_count: Arc<AtomicUsize>,
    waiters_max: usize,
    draining: CancellationToken,
    metrics: Arc<Metrics>,
}

/// A place among the waiters, given back on drop.
struct Seat {
    waiters: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        self.metrics.waiters.dec();
    }
}

/// Interest in one order.
pub struct Watching {
    receiver: watch::Receiver<News>,
    draining: CancellationToken,
    metrics: Arc<Metrics>,
    _seat: Seat,
}

/// What a poll is answered with.
pub struct Answered {
    /// The order as it is now.
    pub payment: Arc<Payment>,
    /// There was no seat: the client should not come back at once.
    pub crowded: bool,
}

impl StatusBoard {
    /// Starts the actor on an arbiter of its own. `draining` answers everybody.
    pub fn start(
        arbiter: &Arbiter,
        waiters_max: usize,
        draining: CancellationToken,
        metrics: Arc<Metrics>,
    ) -> Self {
        let watched_count = Arc::new(AtomicUsize::new(0));
        let actor = StatusActor {
            watched: HashMap::new(),
            watched_count: watched_count.clone(),
            metrics: metrics.clone(),
        };
        let address = StatusActor::start_in_arbiter(&arbiter.handle(), move |_| actor);
        let waiters = Arc::new(AtomicUsize::new(0));
        Self {
            address,
            waiters,
            watched_count,
            waiters_max,
            draining,
            metrics,
        }
    }

    /// Tells everybody who waits for this order. Called only after a commit.
    pub fn publish(&self, notice: Notice) {
        // Never waits and is never dropped, which is what a notice needs; how many there
        // are is bounded by the commits.
        self.address.do_send(Publish(notice));
    }

    /// Takes a seat and subscribes; `None` when there is no seat.
    pub async fn watch(&self, order_id: OrderId) -> Option<Watching> {
        let seat = self.seat()?;
        let receiver = self.address.send(Watch(order_id)).await.ok()??;
        Some(Watching {
            receiver,
            draining: self.draining.clone(),
            metrics: self.metrics.clone(),
            _seat: seat,
        })
    }

    fn seat(&self) -> Option<Seat> {
        let taken = self.waiters.fetch_add(1, Ordering::SeqCst);
        self.metrics.waiters.inc();
        let seat = Seat {
            waiters: self.waiters.clone(),
            metrics: self.metrics.clone(),
        };
        (taken < self.waiters_max).then_some(seat)
    }

    /// Waits until the order's version differs from `since`, at most for `wait`, and answers
    /// with what is then true. Without `since` a final order is answered at once and any
    /// other when it changes. `None` if there is no such order.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn wait(
        &self,
        store: &Store,
        order_id: OrderId,
        since: Option<i64>,
        wait: Duration,
    ) -> Result<Option<Answered>, StoreError> {
        let deadline = Deadline::now() + wait;
        let watching = if wait.is_zero() {
            None
        } else {
            self.watch(order_id).await
        };
        let Some(payment) = store.load(order_id).await? else {
            return Ok(None);
        };
        let mut payment = Arc::new(payment);
        let Some(mut watching) = watching else {
            return Ok(Some(Answered {
                payment,
                crowded: !wait.is_zero(),
            }));
        };

        let since = match since {
            Some(since) => since,
            None if payment.status.is_final() => {
                return Ok(Some(Answered {
                    payment,
                    crowded: false,
                }));
            }
            None => i64::from(payment.version),
        };
        while i64::from(payment.version) == since {
            match timeout_at(deadline, watching.next()).await {
                Ok(Some(news)) if news.version > payment.version => payment = news,
                // Older news: the read was newer than the notice.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    payment = read_again(store, payment).await;
                    break;
                }
            }
        }
        Ok(Some(Answered {
            payment,
            crowded: false,
        }))
    }

    /// Parked polls.
    pub fn waiters(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    /// Orders that somebody waits for.
    pub fn orders_watched(&self) -> usize {
        self.watched_count.load(Ordering::Relaxed)
    }

    /// Parked polls at most.
    pub fn waiters_max(&self) -> usize {
        self.waiters_max
    }
}

/// What is true when a wait ends without news: another process may have committed. If the
/// database does not say, what was known.
async fn read_again(store: &Store, known: Arc<Payment>) -> Arc<Payment> {
    match store.load(known.order_id).await {
        Ok(Some(payment)) => Arc::new(payment),
        Ok(None) | Err(_) => known,
    }
}

impl Watching {
    /// The order after its next commit; `None` when the server stops.
    pub async fn next(&mut self) -> Option<Arc<Payment>> {
        tokio::select! {
            biased;
            changed = self.receiver.changed() => {
                changed.ok()?;
                let notice = self.receiver.borrow_and_update().clone()?;
                self.metrics.wakeups.inc();
                self.metrics.notice.observe(notice.committed.elapsed());
                Some(notice.payment)
            }
            () = self.draining.cancelled() => None,
        }
    }
}

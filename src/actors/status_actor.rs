//! The actor behind the status board: who watches what. It only keeps the list and passes
//! news on; it never reads the database and never waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Message, MessageResult};
use tokio::sync::watch;

use crate::domain::ids::OrderId;
use crate::domain::payment::Payment;

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

pub(super) type News = Option<Notice>;

/// One order that somebody waits for.
struct Watched {
    news: watch::Sender<News>,
    /// The newest version that was published here; 0 is none. What one waiter has read does
    /// not count: another one may have read before it.
    published: i32,
}

/// The actor: who watches what.
pub(super) struct StatusActor {
    watched: HashMap<OrderId, Watched>,
    watched_count: Arc<AtomicUsize>,
}

impl Actor for StatusActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(SWEEP, |actor, _| {
            actor
                .watched
                .retain(|_, watched| watched.news.receiver_count() > 0);
            actor.count();
        });
    }
}

impl StatusActor {
    pub fn new(watched_count: Arc<AtomicUsize>) -> Self {
        Self {
            watched: HashMap::new(),
            watched_count,
        }
    }

    fn count(&self) {
        self.watched_count
            .store(self.watched.len(), Ordering::Relaxed);
    }
}

pub(super) struct Watch(pub OrderId);

impl Message for Watch {
    type Result = Option<watch::Receiver<News>>;
}

impl Handler<Watch> for StatusActor {
    type Result = Option<watch::Receiver<News>>;

    fn handle(&mut self, Watch(order_id): Watch, _: &mut Context<Self>) -> Self::Result {
        let watched = self.watched.entry(order_id).or_insert_with(|| Watched {
            news: watch::Sender::new(None),
            published: 0,
        });
        let free = watched.news.receiver_count() < WAITERS_PER_ORDER;
        let subscribed = free.then(|| watched.news.subscribe());
        self.count();
        subscribed
    }
}

pub(super) struct WhatIsWatched;

impl Message for WhatIsWatched {
    type Result = HashMap<OrderId, i32>;
}

impl Handler<WhatIsWatched> for StatusActor {
    type Result = MessageResult<WhatIsWatched>;

    fn handle(&mut self, _: WhatIsWatched, _: &mut Context<Self>) -> Self::Result {
        let watched = self
            .watched
            .iter()
            .filter(|(_, watched)| watched.news.receiver_count() > 0)
            .map(|(order_id, watched)| (*order_id, watched.published));
        MessageResult(watched.collect())
    }
}

pub(super) struct Publish(pub Notice);

impl Message for Publish {
    type Result = ();
}

impl Handler<Publish> for StatusActor {
    type Result = ();

    fn handle(&mut self, Publish(notice): Publish, _: &mut Context<Self>) {
        // Read by the neighbours' loop, it may be older than what an actor here published.
        if let Some(watched) = self.watched.get_mut(&notice.payment.order_id)
            && notice.payment.version > watched.published
        {
            watched.published = notice.payment.version;
            // Fails only when nobody listens any more.
            let _ = watched.news.send(Some(notice));
        }
    }
}

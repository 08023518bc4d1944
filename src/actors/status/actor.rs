//! The actor behind the status board: which order has which waiters. It only keeps the table and
//! passes notices on; it never reads the database and never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message};
use tokio::sync::{oneshot, watch};
use tracing::Span;

use super::waiters::WaiterTable;
use crate::domain::order::{OrderId, Payment};
use crate::supervisor::{Supervisor, Task};

/// How often orders without waiters are forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// An order has a new version.
#[derive(Clone, Debug)]
pub(in crate::actors) struct Notice {
    pub version: i32,
    /// The order, if this process committed it; else the waiter reads it.
    pub payment: Option<Arc<Payment>>,
    /// When the commit was done, or became known here.
    pub committed: Instant,
}

pub(in crate::actors) type LatestNotice = Option<Notice>;

/// The actor: the waiters of each order.
pub(in crate::actors) struct StatusActor {
    table: WaiterTable<OrderId, Notice>,
    watched_count: Arc<AtomicUsize>,
    supervisor: Supervisor,
    /// Dropped with the actor, which ends the supervised task.
    _alive: oneshot::Sender<()>,
}

impl Actor for StatusActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(SWEEP, |actor, _| {
            actor.table.sweep();
            actor.count();
        });
    }
}

impl StatusActor {
    /// Starts an actor; the receiver ends with it.
    pub(in crate::actors) fn start_on(
        arbiter: &ArbiterHandle,
        watched_count: Arc<AtomicUsize>,
        supervisor: Supervisor,
    ) -> (Addr<Self>, oneshot::Receiver<()>) {
        let (alive, ended) = oneshot::channel();
        let actor = Self {
            table: WaiterTable::new(),
            watched_count,
            supervisor,
            _alive: alive,
        };
        (Self::start_in_arbiter(arbiter, move |_| actor), ended)
    }

    fn count(&self) {
        self.watched_count
            .store(self.table.len(), Ordering::Relaxed);
    }
}

#[derive(Message)]
#[rtype(result = "Option<watch::Receiver<LatestNotice>>")]
pub(in crate::actors) struct Watch(pub OrderId);

impl Handler<Watch> for StatusActor {
    type Result = Option<watch::Receiver<LatestNotice>>;

    fn handle(&mut self, Watch(order_id): Watch, _: &mut Context<Self>) -> Self::Result {
        let subscribed = self.table.watch(order_id);
        self.count();
        subscribed
    }
}

#[derive(Message)]
#[rtype(result = "Vec<OrderId>")]
pub(in crate::actors) struct WhatIsWatched;

impl Handler<WhatIsWatched> for StatusActor {
    type Result = Vec<OrderId>;

    fn handle(&mut self, _: WhatIsWatched, _: &mut Context<Self>) -> Self::Result {
        self.table.watched()
    }
}

/// How a new version became known.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// It was read.
    Database,
    /// Another process announced it. Not trusted: any database client can send on the channel.
    Announcement,
}

/// Orders that have these versions.
#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actors) struct Versions(pub Vec<(OrderId, i32)>, pub Source);

impl Handler<Versions> for StatusActor {
    type Result = ();

    fn handle(&mut self, Versions(versions, source): Versions, _: &mut Context<Self>) {
        let committed = Instant::now();
        for (order_id, version) in versions {
            let notice = Notice {
                version,
                payment: None,
                committed,
            };
            match source {
                Source::Database => self.table.publish(order_id, version, notice),
                Source::Announcement => self.table.publish_untrusted(order_id, version, notice),
            }
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub(in crate::actors) struct Publish {
    pub payment: Arc<Payment>,
    /// When the commit was done.
    pub committed: Instant,
    /// Its step in the trace, which ends when the waiters are notified.
    pub span: Span,
}

impl Handler<Publish> for StatusActor {
    type Result = ();

    fn handle(&mut self, message: Publish, _: &mut Context<Self>) {
        self.supervisor.panic_if_armed(Task::StatusActor);
        let _publishing = message.span.entered();
        let (order_id, version) = (message.payment.order_id, message.payment.version);
        let notice = Notice {
            version,
            payment: Some(message.payment),
            committed: message.committed,
        };
        self.table.publish(order_id, version, notice);
    }
}

//! The actor behind the status board: who watches what. It only keeps the list and passes
//! news on; it never reads the database and never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Arbiter, ArbiterHandle, AsyncContext, Context, Handler, Message};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tracing::Span;

use super::waiters::WaiterTable;
use crate::domain::order::{OrderId, Payment};
use crate::supervisor::{Supervisor, Task, UnderWay};

/// How often orders without waiters are forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// An order has another version.
#[derive(Clone, Debug)]
pub(in crate::actors) struct Notice {
    pub version: i32,
    /// The order, if this process committed it; else the waiter reads it.
    pub payment: Option<Arc<Payment>>,
    /// When the commit was done, or was heard of.
    pub committed: Instant,
}

pub(in crate::actors) type News = Option<Notice>;

/// The actor: who watches what.
pub(in crate::actors) struct StatusActor {
    table: WaiterTable<OrderId, Notice>,
    watched_count: Arc<AtomicUsize>,
    supervisor: Supervisor,
    /// Dropped with the actor, which tells the supervisor.
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
    fn count(&self) {
        self.watched_count
            .store(self.table.len(), Ordering::Relaxed);
    }
}

/// Where the actor lives, and who replaces it.
pub struct Home {
    arbiter: ArbiterHandle,
    pub(in crate::actors) supervisor: Supervisor,
    pub(in crate::actors) background: Handle,
}

impl Home {
    /// On an arbiter that is the actor's alone; its end is waited for in the background.
    pub fn on(arbiter: &Arbiter, supervisor: &Supervisor, background: &UnderWay) -> Self {
        Self {
            arbiter: arbiter.handle(),
            supervisor: supervisor.clone(),
            background: background.runtime(),
        }
    }

    /// Starts an actor; what is given back ends with it.
    pub(in crate::actors) fn start_actor(
        &self,
        watched_count: Arc<AtomicUsize>,
    ) -> (Addr<StatusActor>, oneshot::Receiver<()>) {
        let (alive, ended) = oneshot::channel();
        let actor = StatusActor {
            table: WaiterTable::new(),
            watched_count,
            supervisor: self.supervisor.clone(),
            _alive: alive,
        };
        let address = StatusActor::start_in_arbiter(&self.arbiter, move |_| actor);
        (address, ended)
    }
}

pub(in crate::actors) struct Watch(pub OrderId);

impl Message for Watch {
    type Result = Option<watch::Receiver<News>>;
}

impl Handler<Watch> for StatusActor {
    type Result = Option<watch::Receiver<News>>;

    fn handle(&mut self, Watch(order_id): Watch, _: &mut Context<Self>) -> Self::Result {
        let subscribed = self.table.watch(order_id);
        self.count();
        subscribed
    }
}

pub(in crate::actors) struct WhatIsWatched;

impl Message for WhatIsWatched {
    type Result = Vec<OrderId>;
}

impl Handler<WhatIsWatched> for StatusActor {
    type Result = Vec<OrderId>;

    fn handle(&mut self, _: WhatIsWatched, _: &mut Context<Self>) -> Self::Result {
        self.table.watched()
    }
}

/// How it is known that orders have other versions.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// The database says so.
    Database,
    /// Another process says so, or a stranger on its channel.
    Announcement,
}

/// Orders that have these versions.
pub(in crate::actors) struct Versions(pub Vec<(OrderId, i32)>, pub Source);

impl Message for Versions {
    type Result = ();
}

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
                Source::Announcement => self.table.nudge(order_id, version, notice),
            }
        }
    }
}

pub(in crate::actors) struct Publish {
    pub payment: Arc<Payment>,
    /// When the commit was done.
    pub committed: Instant,
    /// Its step in the trace, which ends when the waiters are notified.
    pub span: Span,
}

impl Message for Publish {
    type Result = ();
}

impl Handler<Publish> for StatusActor {
    type Result = ();

    fn handle(&mut self, message: Publish, _: &mut Context<Self>) {
        self.supervisor.spring(Task::StatusActor);
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

//! Other processes on the same PostgreSQL: what they commit wakes our waiters, and what we
//! commit wakes theirs.
//!
//! # Invariants
//! An announcement is never trusted: it only causes a read. LISTEN and NOTIFY are
//! fast but may lose it; so the version of each watched order is also read once a second, a *slice* of
//! the orders at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;
use uuid::Uuid;

use super::status::{Source, StatusBoard};
use crate::domain::order::OrderId;
use crate::store::{PeerEvent, Store};
use crate::supervisor::{Supervisor, Task};

/// How often the version of each watched order is read: the safety net.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Orders whose versions are read together. One query for ten thousand would delay sales by a tenth
/// of a second; in slices the work is spread over the whole second.
const SLICE: usize = 250;
/// How long notices are collected after an announcement: each announcement is a transaction of
/// PostgreSQL, which costs as much as half a sale.
const GATHER: Duration = Duration::from_millis(10);
/// The queue's capacity. Notices beyond it are dropped; other processes find the change when they poll.
pub const BACKLOG: usize = 10_000;

/// The queue of notices to other processes: order and committed version.
pub type Outgoing = mpsc::Receiver<(OrderId, i32)>;

/// The connection with the other processes.
pub struct Cluster {
    store: Store,
    board: StatusBoard,
    /// Names this process in its announcements.
    process: Uuid,
    outgoing: Mutex<Outgoing>,
    events: Mutex<mpsc::Receiver<PeerEvent>>,
}

impl Cluster {
    /// Starts to announce and to receive. No-op unless several processes share the database.
    pub fn start(
        store: Store,
        board: StatusBoard,
        outgoing: Outgoing,
        supervisor: &Supervisor,
        background: &Handle,
    ) {
        if !store.is_shared() {
            return;
        }
        let process = Uuid::new_v4();
        let cluster = Arc::new(Self {
            outgoing: Mutex::new(outgoing),
            events: Mutex::new(store.listen(process)),
            store,
            board,
            process,
        });
        let ours = cluster.clone();
        supervisor.run_droppable(background, Task::ClusterAnnounce, move || {
            ours.clone().announce()
        });
        let ours = cluster.clone();
        supervisor.run_droppable(background, Task::ClusterHear, move || {
            ours.clone().receive()
        });
        supervisor.run_droppable(background, Task::ClusterLooks, move || {
            cluster.clone().poll_versions()
        });
    }

    /// Announces all queued notices in one statement. A lone notice is sent at once.
    async fn announce(self: Arc<Self>) {
        let mut outgoing = self.outgoing.lock().await;
        let mut batch = Vec::new();
        while outgoing.recv_many(&mut batch, BACKLOG).await > 0 {
            let notices = std::mem::take(&mut batch);
            if let Err(error) = self.store.announce(self.process, notices).await {
                warn!(%error, "other processes were not notified; they read the change within a second");
            }
            sleep(GATHER).await;
        }
    }

    async fn receive(self: Arc<Self>) {
        let mut events = self.events.lock().await;
        while let Some(event) = events.recv().await {
            match event {
                PeerEvent::Changed(versions) => {
                    self.board
                        .publish_versions(versions, Source::Announcement)
                        .await;
                }
                PeerEvent::Lost => self.read_versions(Duration::ZERO).await,
            }
        }
    }

    async fn poll_versions(self: Arc<Self>) {
        loop {
            let next = Instant::now() + POLL_INTERVAL;
            self.read_versions(POLL_INTERVAL).await;
            sleep_until(next).await;
        }
    }

    /// Reads the version of each order that a poll waits for, slice by slice, spread over `time`.
    async fn read_versions(&self, time: Duration) {
        let began = Instant::now();
        let watched = self.board.watched().await;
        let slices = watched.len().div_ceil(SLICE) as u32;
        for (slice, number) in watched.chunks(SLICE).zip(0..) {
            // The first at once; a late slice does not wait.
            sleep_until(began + time * number / slices).await;
            match self.store.versions(slice.to_vec()).await {
                Ok(versions) => {
                    self.board
                        .publish_versions(versions, Source::Database)
                        .await
                }
                Err(error) => warn!(%error, "watched orders cannot be read; trying again"),
            }
        }
    }
}

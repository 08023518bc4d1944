//! The runtime that runs all database work, as tasks that their callers only await: a caller
//! that leaves or times out cancels nothing, a panic comes back as an error, and no
//! connection ever belongs to a runtime that ends (sqlx issue 4385).
//!
//! sqlx has no time limit for a statement on the client's side, and a connection whose statement was
//! given up must not be used as it is (the same issue). So a task that gives up records it in
//! [`Stalled`]. For a minute, the pools of PostgreSQL then test each connection before it is used,
//! clean it afterwards, and close it if it does not answer (`connect.rs`). A pool that may have
//! lost connections is replaced (`pool/mod.rs`).

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sea_orm::sqlx;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::Instrument;

use crate::store::StoreError;
use crate::store::error::Result;
use crate::supervisor::DroppableRuntime;

/// After this long a write is given up and its connection closed. Longer than the server's own
/// time-outs: those end a statement cleanly, this one is for a server that does not answer.
pub(in crate::store) const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// The same for reads. Shorter, because a read that is given up changes nothing.
pub(in crate::store) const READ_WITHIN: Duration = Duration::from_secs(4);
/// For how long after a task gave up each connection is tested: if one is dead, others may be too.
const WARY_FOR: Duration = Duration::from_secs(60);
/// A dead connection shows at once; a failure that took longer has another cause.
const DEAD_WITHIN: Duration = Duration::from_millis(500);
/// As many as the largest pool has connections.
const RETRIES_MAX: u32 = 12;

/// Runs database work as tasks. It has no limit of its own: the work is wrapped in
/// [`Stalled::write`] or [`Stalled::read`].
pub(in crate::store) struct DatabaseRuntime {
    /// All connections belong to it. Its threads only move bytes: PostgreSQL does its work in its own
    /// processes, SQLite on threads of sqlx.
    pub handle: Handle,
    _runtime: DroppableRuntime,
    pub stalled: Stalled,
}

impl DatabaseRuntime {
    /// Starts its threads.
    pub fn start() -> Result<Self> {
        let runtime = DroppableRuntime::start("malipo-store")
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            handle: runtime.handle.clone(),
            _runtime: runtime,
            stalled: Stalled::default(),
        })
    }

    /// Starts `work` at once. The future that is returned waits for the result; dropping it cancels
    /// nothing. It is small even if `work` is large, because thousands of callers wait at a time.
    pub fn run<T, W>(&self, work: W) -> impl Future<Output = Result<T>> + use<T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        // Boxed and without a result, all work is one type of task: tokio's code for a task is large.
        let work = async move { drop(sender.send(work.await)) };
        self.handle.spawn(work.boxed().in_current_span());
        // A panic drops the sender; its message is in the log.
        let lost = || StoreError::Panicked("the database work panicked; see the log".to_owned());
        receiver.map(move |done| done.unwrap_or_else(|_| Err(lost())))
    }
}

/// When a task last gave up waiting for the database, and whether its disk was full. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::store) struct Stalled {
    gave_up_at: watch::Sender<Option<Instant>>,
    is_full: watch::Sender<bool>,
}

impl Stalled {
    /// Waits for a write, or gives it up after its time.
    pub async fn write<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let lost = || StoreError::commit_unknown("no answer in time");
        let written = self.within(WRITE_WITHIN, work, lost).await;
        match &written {
            // After a fail-over old connections lead to a server that is only a copy now.
            Err(StoreError::ReadOnly(_)) => self.distrust(),
            Err(error) if error.is_full() => {
                self.is_full.send_replace(true);
            }
            Ok(_) | Err(_) => {}
        }
        written
    }

    /// Has each connection tested for a while before it is used.
    pub fn distrust(&self) {
        self.gave_up_at.send_replace(Some(Instant::now()));
    }

    /// Whether a write has found no room since there was last some.
    pub fn is_full(&self) -> bool {
        *self.is_full.borrow()
    }

    /// There is room again.
    pub fn has_room(&self) {
        self.is_full.send_replace(false);
    }

    /// Waits for a read, or gives it up after its time.
    pub async fn read<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let lost = || StoreError::Unavailable("no answer in time".to_owned());
        self.within(READ_WITHIN, work, lost).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T>>,
        lost: fn() -> StoreError,
    ) -> Result<T> {
        let mut work = pin!(work);
        let done = timeout(limit, &mut work).await;
        done.unwrap_or_else(|_| {
            // Before `work` is dropped, and its connection with it.
            self.distrust();
            Err(lost())
        })
    }

    /// Whether a connection must show that it is alive.
    pub fn is_wary(&self) -> bool {
        self.gave_up_at().is_some_and(|at| at.elapsed() < WARY_FOR)
    }

    pub fn gave_up_at(&self) -> Option<Instant> {
        *self.gave_up_at.borrow()
    }
}

/// Does `work` again as long as it meets a dead connection: after a restart of PostgreSQL every old
/// connection of a pool fails once.
pub(in crate::store) async fn retry_dead_connections<T, F>(mut work: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let began = Instant::now();
    for _ in 0..RETRIES_MAX {
        match work().await {
            Err(StoreError::Unavailable(_) | StoreError::ReadOnly(_))
                if began.elapsed() < DEAD_WITHIN => {}
            done => return done,
        }
    }
    work().await
}

/// Gives up `work` after `limit`; sqlx itself waits without one.
pub(in crate::store) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let done = timeout(limit, work).await;
    done.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))?
}

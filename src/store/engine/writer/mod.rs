//! The one write path: changes that wait at the same moment are one transaction.
//!
//! [`Writer::write`] puts a change into a bounded queue and waits for its result. A few *lanes*, each
//! with one connection, take what waits ([`batch`]), write it as one transaction and answer
//! each caller after its COMMIT ([`lane`]). There is no timer: an idle lane takes a single change at
//! once. What cannot share a transaction, or whose row another session has locked, is written
//! alone on other connections, so that a locked row stops a lane for its `lock_timeout` (100 ms) at most.
//!
//! # Invariants
//! Each caller is answered after the COMMIT. A batch that fails before COMMIT is sent is rolled back as a
//! whole. After a later failure, or if the lane ends without an answer, all its changes get
//! [`StoreError::CommitUnknown`].

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tracing::Span;

use super::connect::{POSTGRES_LANES, Pools};
use super::runtime::DatabaseRuntime;
use crate::failpoint::Failpoints;
use crate::store::StoreError;
use crate::store::error::Result;
use crate::supervisor::{Supervisor, Task};

mod batch;
mod job;
mod lane;
mod rows;
mod table;
#[cfg(test)]
mod tests;
mod update;

pub(in crate::store) use job::{Work, Write};
pub(in crate::store) use rows::Rows;
pub(in crate::store) use update::Guard;

use job::{Context, Job};

/// How many changes can be written alone at the same time.
const SINGLES_MAX: usize = 8;
/// The largest number of waiting changes: twice the default of `actors.in_flight_max`, so that the outbox
/// finds room too.
const QUEUE_MAX: usize = 8_192;

/// Handle to the queue of the lanes.
pub(in crate::store) struct Writer {
    jobs: mpsc::Sender<Job>,
    context: Arc<Context>,
}

impl Writer {
    /// Starts the lanes, on the runtime to which the connections belong.
    pub fn start(
        pools: &Pools,
        runtime: &DatabaseRuntime,
        failpoints: Failpoints,
        tasks: &Supervisor,
    ) -> Self {
        let count = match pools.lanes.get_database_backend() {
            DbBackend::Postgres => POSTGRES_LANES,
            _ => 1,
        };
        let context = Arc::new(Context {
            lanes: pools.lanes.clone(),
            singles: pools.writer.clone(),
            permits: Semaphore::new(SINGLES_MAX),
            runtime: runtime.handle.clone(),
            stalled: runtime.stalled.clone(),
            failpoints,
        });
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let (context, waiting) = (context.clone(), waiting.clone());
            tasks.run(&runtime.handle, Task::Writer, move || {
                keep_lane(context.clone(), waiting.clone())
            });
        }
        Self { jobs, context }
    }

    /// Writes a change and returns when it is durable. A caller that leaves cancels nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] and [`StoreError::CodeTaken`]: load and decide again.
    /// [`StoreError::CommitUnknown`]: it may be written or not. Any other: nothing was written.
    pub async fn write(&self, write: Write) -> Result<()> {
        // Work may wait for locks of other rows, and would stop the lane. SQLite has none.
        let has_locks = self.context.lanes.get_database_backend() == DbBackend::Postgres;
        let is_alone = write.work.is_some() && (write.guard.is_some() || has_locks);
        let (answer, answered) = oneshot::channel();
        let job = Job {
            write,
            span: Span::current(),
            answer,
        };
        if is_alone {
            lane::start_alone(&self.context, job);
        } else if self.jobs.try_send(job).is_err() {
            return Err(StoreError::Unavailable("too many changes wait".to_owned()));
        }
        let lost = |_| StoreError::commit_unknown("the lane that wrote it has ended");
        answered.await.map_err(lost)?
    }
}

/// Writes what waits, batch by batch, until the queue is closed.
async fn keep_lane(context: Arc<Context>, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    // A second change of a payment waits here for the next batch.
    let mut waiting = VecDeque::new();
    loop {
        let (mut fresh, room) = (Vec::new(), batch::BATCH_MAX - waiting.len());
        if waiting.is_empty() {
            if queue.lock().await.recv_many(&mut fresh, room).await == 0 {
                return;
            }
        } else if let Ok(mut queue) = queue.try_lock() {
            queue.recv_many(&mut fresh, room).now_or_never();
        }
        waiting.extend(fresh);
        lane::write(&context, batch::take(&mut waiting, Job::payment_id)).await;
    }
}

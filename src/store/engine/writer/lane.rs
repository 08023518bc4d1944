//! A lane writes a batch as one transaction, and answers each of its members after the COMMIT. A change
//! that cannot be written there gets a transaction of its own on another connection, which waits for
//! a locked row.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use sea_orm::DatabaseTransaction;
use tokio::time::timeout;
use tracing::{Instrument, Span, info_span};

use super::batch::halves;
use super::job::{Context, Job};
use super::rows::Rows;
use super::update;
use crate::failpoint::{Failpoints, Point};
use crate::store::StoreError;
use crate::store::engine::pool::{ACQUIRE_TIMEOUT, Pool, roll_back};
use crate::store::engine::runtime::retry_dead_connections;
use crate::store::error::Result;

/// The payments whose guards matched: they had the version decided on and were not skipped as locked.
type Written = Result<HashSet<i64>>;

/// Writes a batch and answers each of its members after the COMMIT.
pub(super) async fn write(context: &Arc<Context>, batch: Vec<Job>) {
    let mut batches = vec![batch];
    while let Some(batch) = batches.pop() {
        match attempt(context, &context.lanes, &batch).await {
            // The payments of the others have another version or are locked. Each is written alone:
            // that waits for the lock and then finds the conflict, if there is one.
            Ok(done) => batch.into_iter().for_each(|job| match job.is_done(&done) {
                true => job.answer(Ok(())),
                false => start_alone(context, job),
            }),
            Err(error) if error.is_of_a_change() && batch.len() > 1 => {
                batches.extend(halves(batch));
            }
            // Alone, it can wait until the other session releases the lock.
            Err(StoreError::Locked(_)) => {
                batch.into_iter().for_each(|job| start_alone(context, job));
            }
            Err(error) => {
                for job in batch {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }
}

/// Writes a change alone, in a task that no caller can cancel, and answers it.
pub(super) fn start_alone(context: &Arc<Context>, job: Job) {
    let context = context.clone();
    let span = job.span.clone();
    let runtime = context.runtime.clone();
    let work = async move {
        let written = match timeout(ACQUIRE_TIMEOUT, context.permits.acquire()).await {
            Ok(_permit) => attempt(&context, &context.singles, slice::from_ref(&job)).await,
            Err(_) => Err(StoreError::Unavailable(
                "too many changes wait for locked rows".to_owned(),
            )),
        };
        job.answer(written.map(drop));
    };
    runtime.spawn(work.instrument(span));
}

/// Writes a batch in one transaction, over another connection if one was dead.
async fn attempt(context: &Context, pool: &Pool, batch: &[Job]) -> Written {
    retry_dead_connections(|| attempt_once(context, pool, batch)).await
}

async fn attempt_once(context: &Context, pool: &Pool, batch: &[Job]) -> Written {
    let is_committing = AtomicBool::new(false);
    let work = transaction(context, pool, batch, &is_committing);
    // A bug in one change must not end the lane and fail the other changes.
    let work = AssertUnwindSafe(work).catch_unwind();
    let panicked = |_| {
        Err(if is_committing.load(Ordering::SeqCst) {
            StoreError::commit_unknown("a panic after the commit was sent")
        } else {
            StoreError::Panicked("a change could not be written".to_owned())
        })
    };
    let done = async { work.await.unwrap_or_else(panicked) };
    context.stalled.write(done).await
}

async fn transaction(
    context: &Context,
    pool: &Pool,
    batch: &[Job],
    is_committing: &AtomicBool,
) -> Written {
    // Only changes of orders reach failpoints.
    let failpoints = if batch.iter().any(|job| job.write.guard.is_some()) {
        context.failpoints.clone()
    } else {
        Failpoints::default()
    };
    failpoints.reach(Point::BeforeBegin)?;
    let txn = pool.begin().await?;
    let done = match write_all(&txn, &failpoints, batch).await {
        Ok(done) => done,
        Err(error) => {
            roll_back(txn).await;
            return Err(error);
        }
    };
    // From here on an error does not tell whether the changes were committed.
    is_committing.store(true, Ordering::SeqCst);
    let reach = |point| (failpoints.reach(point)).map_err(StoreError::commit_unknown);
    reach(Point::BeforeCommit)?;
    let commits: Vec<Span> = (batch.iter())
        .map(|job| info_span!(parent: &job.span, "commit"))
        .collect();
    txn.commit().await.map_err(StoreError::CommitUnknown)?;
    drop(commits);
    reach(Point::AfterCommit)?;
    Ok(done)
}

/// Changes the payments, then does the work and inserts the rows of the changes whose guards matched.
async fn write_all(txn: &DatabaseTransaction, failpoints: &Failpoints, batch: &[Job]) -> Written {
    failpoints.reach(Point::AfterBegin)?;
    let guards: Vec<_> = batch
        .iter()
        .filter_map(|job| job.write.guard.as_ref())
        .collect();
    // First, because it takes the row locks: a second session skips the row, or waits here if it
    // writes alone, and then finds another version.
    let done = match (batch, &guards[..]) {
        ([_], [guard]) => update::apply_alone(txn, guard).await?,
        _ => update::apply(txn, &guards).await?,
    };
    failpoints.reach(Point::AfterPayment)?;
    let mut rows = Rows::default();
    for job in batch.iter().filter(|job| job.is_done(&done)) {
        if let Some(work) = &job.write.work {
            work(txn).await?;
        }
        rows.append(job.write.rows.clone());
    }
    rows.write(txn).await?;
    failpoints.reach(Point::AfterRows)?;
    Ok(done)
}

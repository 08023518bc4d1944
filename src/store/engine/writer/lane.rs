//! A lane writes a batch, and answers each of its members after the COMMIT. What cannot be written
//! there is a transaction of its own on another connection, which waits for a locked row.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;
use tracing::Instrument;

use super::attempt::{Failure, STALE_WITHIN, attempt};
use super::batch::halves;
use super::{Context, Job};
use crate::store::StoreError;
use crate::store::engine::connect::{ACQUIRE_TIMEOUT, POSTGRES_LANES, POSTGRES_WRITERS};

/// Writes a batch and answers each of its members after the COMMIT.
pub(super) async fn write(context: &Arc<Context>, batch: Vec<Job>) {
    let began = Instant::now();
    let mut stale = POSTGRES_LANES;
    let mut batches = vec![batch];
    while let Some(batch) = batches.pop() {
        match attempt(context, &context.lanes, &batch).await {
            Ok(done) => answer(context, batch, &done),
            Err(Failure::OfAMember(_)) if batch.len() > 1 => batches.extend(halves(batch)),
            // Alone, it can wait until the other session releases the lock.
            Err(Failure::OfAMember(StoreError::Locked(_))) => {
                batch.into_iter().for_each(|job| start_alone(context, job));
            }
            Err(Failure::OfTheConnection(_)) if stale > 0 && began.elapsed() < STALE_WITHIN => {
                // After a restart of PostgreSQL every old connection of the pool fails once, before
                // anything is written.
                stale -= 1;
                batches.push(batch);
            }
            Err(failure) => {
                let error = failure.into_error();
                for job in batch {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }
}

/// Answers those that were written. The payments of the others have another version, or are
/// locked: alone, each waits for its row and finds out.
fn answer(context: &Arc<Context>, batch: Vec<Job>, done: &HashSet<i64>) {
    for job in batch {
        if job.is_done(done) {
            job.answer(Ok(()));
        } else {
            start_alone(context, job);
        }
    }
}

/// Writes a change alone, in a task that no caller can cancel, and answers it.
pub(super) fn start_alone(context: &Arc<Context>, job: Job) {
    let context = context.clone();
    let span = job.span.clone();
    let runtime = context.runtime.clone();
    let work = async move {
        let written = write_alone(&context, &job).await;
        job.answer(written);
    };
    runtime.spawn(work.instrument(span));
}

async fn write_alone(context: &Context, job: &Job) -> Result<(), StoreError> {
    let Ok(Ok(_place)) = timeout(ACQUIRE_TIMEOUT, context.places.acquire()).await else {
        let crowded = "too many changes wait for locked rows".to_owned();
        return Err(StoreError::Unavailable(crowded));
    };
    let began = Instant::now();
    let batch = std::slice::from_ref(job);
    let mut written = attempt(context, &context.singles, batch).await;
    for _ in 0..POSTGRES_WRITERS {
        // After a restart of PostgreSQL every old connection of the pool fails once.
        let is_stale = matches!(written, Err(Failure::OfTheConnection(_)));
        if !is_stale || began.elapsed() >= STALE_WITHIN {
            break;
        }
        written = attempt(context, &context.singles, batch).await;
    }
    written.map(drop).map_err(Failure::into_error)
}

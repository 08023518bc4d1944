//! A lane: writes a batch, and answers each of its members after the COMMIT.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::attempt::{Failure, STALE_WITHIN, attempt};
use super::batch::halves;
use super::single;
use super::{Context, Job, POSTGRES_LANES};
use crate::store::StoreError;

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
            Err(Failure::OfAMember(StoreError::Locked(_))) => write_alone(context, batch),
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
            single::start(context, job);
        }
    }
}

fn write_alone(context: &Arc<Context>, batch: Vec<Job>) {
    for job in batch {
        single::start(context, job);
    }
}

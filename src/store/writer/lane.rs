//! One batch as one transaction.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use tracing::{Span, info_span};

use super::batch::halves;
use super::rows::Rows;
use super::single::{self, write_one};
use super::{Context, Job, POSTGRES_LANES, update};
use crate::failpoint::{Failpoints, Point};
use crate::store::StoreError;
use crate::store::pool::Pool;
use crate::store::runtime::write_within;
use crate::store::transaction::{begin, roll_back};

/// A dead connection shows at once; what takes longer is a database that does not answer.
pub(super) const STALE_WITHIN: Duration = Duration::from_millis(500);

/// Why a batch was not written.
pub(super) enum Failure {
    /// One of its members may be the cause: a value, a constraint, a lock, a bug of ours.
    OfAMember(StoreError),
    /// Nothing to do with what was written.
    OfTheConnection(StoreError),
    /// COMMIT was sent, and its end is not known.
    Unknown(StoreError),
}

impl Failure {
    fn of(error: StoreError) -> Self {
        match error {
            StoreError::CommitUnknown(_) => Self::Unknown(error),
            _ if error.is_of_a_change() => Self::OfAMember(error),
            _ => Self::OfTheConnection(error),
        }
    }

    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::OfAMember(error) | Self::OfTheConnection(error) | Self::Unknown(error) => error,
        }
    }
}

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

/// One transaction, or what is known of it after its time; the payments that were as decided on.
pub(super) async fn attempt(
    context: &Context,
    pool: &Pool,
    batch: &[Job],
) -> Result<HashSet<i64>, Failure> {
    let is_committing = AtomicBool::new(false);
    let work = transaction(context, pool, batch, &is_committing);
    // A bug of ours in one of them must not take the lane and its neighbours along.
    let work = AssertUnwindSafe(work).catch_unwind();
    let done = write_within(&context.wedged, async { Ok(work.await) }).await;
    match done.map_err(Failure::of)? {
        Ok(done) => done,
        Err(_) if is_committing.load(Ordering::SeqCst) => {
            let lost = DbErr::Custom("a panic after the commit was sent".to_owned());
            Err(Failure::Unknown(StoreError::CommitUnknown(lost)))
        }
        Err(_) => Err(Failure::OfAMember(StoreError::Panicked(
            "a change could not be written".to_owned(),
        ))),
    }
}

async fn transaction(
    context: &Context,
    pool: &Pool,
    batch: &[Job],
    is_committing: &AtomicBool,
) -> Result<HashSet<i64>, Failure> {
    let failpoints = &context.failpoints_of(batch);
    let begun = async {
        failpoints.reach(Point::BeforeBegin)?;
        begin(pool).await
    };
    let txn = begun.await.map_err(Failure::of)?;
    let written = match batch {
        [job] => write_one(&txn, failpoints, job).await,
        batch => write_all(&txn, failpoints, batch).await,
    };
    let done = match written {
        Ok(done) => done,
        Err(error) => {
            roll_back(txn).await;
            return Err(Failure::of(error));
        }
    };
    // Nothing but the database was awaited since `begin`. From here on an error does not tell
    // whether the sales are there.
    is_committing.store(true, Ordering::SeqCst);
    let unknown = |error| Failure::Unknown(StoreError::CommitUnknown(error));
    let reach = |point| {
        let reached = failpoints.reach(point);
        reached.map_err(|wanted| unknown(DbErr::Custom(wanted.to_string())))
    };
    reach(Point::BeforeCommit)?;
    let commits: Vec<Span> = (batch.iter())
        .map(|job| info_span!(parent: &job.span, "commit"))
        .collect();
    txn.commit().await.map_err(unknown)?;
    drop(commits);
    reach(Point::AfterCommit)?;
    Ok(done)
}

/// The guards of all, and then the rows of those whose payment was as decided on.
async fn write_all(
    txn: &DatabaseTransaction,
    failpoints: &Failpoints,
    batch: &[Job],
) -> Result<HashSet<i64>, StoreError> {
    failpoints.reach(Point::AfterBegin)?;
    let guards: Vec<_> = batch.iter().filter_map(|job| job.guard.as_ref()).collect();
    let done = update::apply(txn, &guards).await?;
    failpoints.reach(Point::AfterPayment)?;
    let mut rows = Rows::default();
    for job in batch.iter().filter(|job| job.is_done(&done)) {
        rows.append(job.rows.clone());
    }
    for statement in rows.into_few(txn.get_database_backend()) {
        txn.execute_raw(statement).await?;
    }
    for work in batch.iter().filter_map(|job| job.shared.as_ref()) {
        work.run(txn).await?;
    }
    failpoints.reach(Point::AfterRows)?;
    Ok(done)
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

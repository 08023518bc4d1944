//! A batch as one transaction, or one change as one: begin, guard, rows, commit.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use tracing::{Span, info_span};

use super::rows::Rows;
use super::{Context, Job, update};
use crate::domain::order::decision::Effect;
use crate::failpoint::{Failpoints, Point};
use crate::store::engine::pool::Pool;
use crate::store::engine::runtime::write_within;
use crate::store::engine::transaction::{begin, roll_back};
use crate::store::orders::sale;
use crate::store::{Change, StoreError};

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
    let done = write_within(&context.stalled, async { Ok(work.await) }).await;
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
        work(txn).await?;
    }
    failpoints.reach(Point::AfterRows)?;
    Ok(done)
}

/// Guard and rows of one change, in the order of one that sells; the payment that was changed.
async fn write_one(
    txn: &DatabaseTransaction,
    failpoints: &Failpoints,
    job: &Job,
) -> Result<HashSet<i64>, StoreError> {
    failpoints.reach(Point::AfterBegin)?;
    // First, because it takes the row lock: a second session waits here and then finds another
    // version.
    if let Some(guard) = &job.guard {
        guard.apply(txn).await?;
        failpoints.reach(Point::AfterPayment)?;
    }
    if let Some(change) = &job.more {
        write_more(txn, change).await?;
    }
    job.rows.clone().write(txn).await?;
    if let Some(work) = &job.shared {
        work(txn).await?;
    }
    failpoints.reach(Point::AfterRows)?;
    Ok(job.guard.iter().map(|guard| guard.payment_id).collect())
}

/// What an act changes beside its payment.
async fn write_more(txn: &DatabaseTransaction, change: &Change) -> Result<(), StoreError> {
    match &change.decision.effect {
        Effect::Refund(next) => sale::revoke(txn, next, "refunded").await,
        Effect::Revoke(next) => sale::revoke(txn, next, "revoked").await,
        Effect::Replace(replacement) => sale::close_old_code(txn, replacement).await,
        Effect::Confirm(kept) => sale::correct_amount(txn, &change.before, kept).await,
        Effect::Sell(_)
        | Effect::Fail(_)
        | Effect::Hold(_)
        | Effect::Keep
        | Effect::Ask(_)
        | Effect::Refuse => Ok(()),
    }
}

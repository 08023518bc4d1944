//! One change as a transaction of its own, which waits for a locked row.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use sea_orm::DatabaseTransaction;
use tokio::time::timeout;
use tracing::Instrument;

use super::lane::{Failure, STALE_WITHIN, attempt};
use super::{Context, Job};
use crate::domain::decision::Effect;
use crate::failpoint::{Failpoints, Point};
use crate::store::connect::{ACQUIRE_TIMEOUT, POSTGRES_WRITERS};
use crate::store::{Change, StoreError, replacement, sale};

/// Writes a change alone, in a task that no caller can cancel, and answers it.
pub(super) fn start(context: &Arc<Context>, job: Job) {
    let context = context.clone();
    let span = job.span.clone();
    let runtime = context.runtime.clone();
    let work = async move {
        let written = write(&context, &job).await;
        job.answer(written);
    };
    runtime.spawn(work.instrument(span));
}

async fn write(context: &Context, job: &Job) -> Result<(), StoreError> {
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

/// Guard and rows of one change, in the order of one that sells; the payment that was changed.
pub(super) async fn write_one(
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
        work.run(txn).await?;
    }
    failpoints.reach(Point::AfterRows)?;
    Ok(job.guard.iter().map(|guard| guard.payment_id).collect())
}

/// What an act changes beside its payment.
async fn write_more(txn: &DatabaseTransaction, change: &Change) -> Result<(), StoreError> {
    match &change.decision.effect {
        Effect::Refund(next) => sale::revoke(txn, next, "refunded").await,
        Effect::Revoke(next) => sale::revoke(txn, next, "revoked").await,
        Effect::Replace(replacement) => replacement::close(txn, replacement).await,
        Effect::Confirm(kept) => sale::correct_amount(txn, &change.before, kept).await,
        Effect::Sell(_)
        | Effect::Fail(_)
        | Effect::Hold(_)
        | Effect::Keep
        | Effect::Ask(_)
        | Effect::Refuse => Ok(()),
    }
}

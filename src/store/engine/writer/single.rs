//! One change as a transaction of its own, which waits for a locked row.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;
use tracing::Instrument;

use super::attempt::{Failure, STALE_WITHIN, attempt};
use super::{Context, Job};
use crate::store::StoreError;
use crate::store::engine::connect::{ACQUIRE_TIMEOUT, POSTGRES_WRITERS};

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

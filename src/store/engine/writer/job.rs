//! A change on its way through the writer, and what lanes need to write it.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use sea_orm::DatabaseTransaction;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tracing::Span;

use super::rows::Rows;
use super::update::Guard;
use crate::failpoint::Failpoints;
use crate::store::engine::pool::Pool;
use crate::store::engine::runtime::Stalled;
use crate::store::error::Result;

/// Statements that are part of a transaction. They may run several times, as a batch is tried again,
/// and only the last run counts. An error fails the batch, whose other members are then written
/// without this one.
pub(in crate::store) type Work =
    Box<dyn for<'t> Fn(&'t DatabaseTransaction) -> BoxFuture<'t, Result<()>> + Send + Sync>;

/// What one change writes.
#[derive(Default)]
pub(in crate::store) struct Write {
    /// The payment that it changes or checks.
    pub guard: Option<Guard>,
    /// What it inserts.
    pub rows: Rows,
    /// What it does besides, before its rows are inserted.
    pub work: Option<Work>,
}

/// One queued change, and the channel for its result.
pub(in crate::store) struct Job {
    pub write: Write,
    /// The caller's span, for its trace.
    pub span: Span,
    pub answer: oneshot::Sender<Result<()>>,
}

/// What lanes need.
pub(super) struct Context {
    /// The connections of the lanes.
    pub lanes: Pool,
    /// The connections of changes that are written alone.
    pub singles: Pool,
    /// `SINGLES_MAX` permits for these changes.
    pub permits: Semaphore,
    pub runtime: Handle,
    pub stalled: Stalled,
    pub failpoints: Failpoints,
}

impl Job {
    pub fn payment_id(&self) -> Option<i64> {
        self.write.guard.as_ref().map(|guard| guard.payment_id)
    }

    /// Whether its batch has written it, given the payments whose guards matched.
    pub fn is_done(&self, done: &HashSet<i64>) -> bool {
        self.payment_id().is_none_or(|id| done.contains(&id))
    }

    pub fn answer(self, result: Result<()>) {
        // The caller may have left.
        drop(self.answer.send(result));
    }
}

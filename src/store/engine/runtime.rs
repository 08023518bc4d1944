//! The runtime that runs all database work, as tasks that their callers only await: a caller
//! that vanishes or times out cancels nothing, a panic comes back as an error, and no
//! connection ever belongs to a runtime that ends (sqlx issue 4385).

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument;

use super::stalled::Stalled;
use crate::store::StoreError;

/// They only move bytes: PostgreSQL does its work in its own processes, SQLite on threads of sqlx.
const THREADS: usize = 2;
/// After this long what writes is given up and its connection closed. Longer than the
/// server's own time-outs: those end a statement cleanly, this is for a server that is gone.
pub(in crate::store) const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// The same for what only reads: nothing is lost with it.
pub(in crate::store) const READ_WITHIN: Duration = Duration::from_secs(4);

/// Work that has begun. To drop this cancels nothing.
pub(in crate::store) struct Underway<T>(JoinHandle<Result<T, StoreError>>);

impl<T> Future for Underway<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|ended| ended.unwrap_or_else(|panic| Err(StoreError::Panicked(panic.to_string()))))
    }
}

/// Runs database work to its end, or gives it up after its time.
pub(in crate::store) struct DatabaseRuntime {
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    stalled: Stalled,
}

impl DatabaseRuntime {
    /// Starts its threads.
    pub fn start(stalled: Stalled) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("malipo-store")
            .enable_all()
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            stalled,
        })
    }

    /// Where all connections belong.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs what opens connections: they belong to the runtime that opens them.
    pub async fn open<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.handle.spawn(work).await {
            Ok(opened) => opened.map_err(|error| StoreError::Unavailable(error.to_string())),
            Err(panic) => Err(StoreError::Panicked(panic.to_string())),
        }
    }

    /// Runs what writes. It begins at once; what is awaited is only its end, and stays small
    /// however large the work is, because thousands of callers wait at a time.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        let stalled = self.stalled.clone();
        self.run(async move { write_within(&stalled, work).await })
    }

    /// Runs what only reads, in the same way.
    pub fn read<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        let stalled = self.stalled.clone();
        self.run(async move { read_within(&stalled, work).await })
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        Underway(self.handle.spawn(work.in_current_span()))
    }
}

/// Writes to the end, or gives it up after its time.
pub(in crate::store) async fn write_within<T>(
    stalled: &Stalled,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let lost = || StoreError::CommitUnknown(DbErr::Custom("no answer in time".to_owned()));
    within(WRITE_WITHIN, stalled, work, lost).await
}

/// Reads to the end, or gives it up after its time.
pub(in crate::store) async fn read_within<T>(
    stalled: &Stalled,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let lost = || StoreError::Unavailable("no answer in time".to_owned());
    within(READ_WITHIN, stalled, work, lost).await
}

async fn within<T>(
    limit: Duration,
    stalled: &Stalled,
    work: impl Future<Output = Result<T, StoreError>>,
    lost: fn() -> StoreError,
) -> Result<T, StoreError> {
    let mut work = pin!(work);
    match timeout(limit, &mut work).await {
        Ok(result) => result,
        Err(_) => {
            // Before `work` is dropped, and its connection with it.
            stalled.give_up();
            Err(lost())
        }
    }
}

impl Drop for DatabaseRuntime {
    fn drop(&mut self) {
        // A runtime must not be dropped where async code runs, and a store may be.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

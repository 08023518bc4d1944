//! The runtime that runs all database work, as tasks that their callers only await: a caller
//! that vanishes or times out cancels nothing, a panic comes back as an error, and no
//! connection ever belongs to a runtime that ends (sqlx issue 4385).

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use sea_orm::{DbBackend, DbErr};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument;

use super::StoreError;
use super::one_core::stay_on_one;
use super::wedged::Wedged;

/// Threads for PostgreSQL: they only move bytes, the database does the work.
const POSTGRES_THREADS: usize = 2;
/// After this long what writes is given up and its connection closed. Longer than the
/// server's own time-outs: those end a statement cleanly, this is for a server that is gone.
pub(super) const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// The same for what only reads: nothing is lost with it.
pub(super) const READ_WITHIN: Duration = Duration::from_secs(4);

/// Work that has begun, whoever awaits its end.
pub(super) struct Underway<T>(JoinHandle<Result<T, StoreError>>);

impl<T> Future for Underway<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|ended| ended.unwrap_or_else(|panic| Err(StoreError::Panicked(panic.to_string()))))
    }
}

/// Runs database work to its end, or gives it up after its time.
///
/// On PostgreSQL what writes and what reads share their threads. On SQLite what writes has one,
/// on one core with the driver's own: the two wake each other for each statement, and across
/// cores that costs more than the statement. What reads has another, so that it takes nothing
/// from that core.
pub(super) struct DatabaseRuntime {
    writes: Handle,
    reads: Handle,
    /// Taken when it is dropped.
    runtimes: Vec<Runtime>,
    wedged: Wedged,
}

impl DatabaseRuntime {
    /// For the one or the other.
    pub fn start(backend: DbBackend, wedged: Wedged) -> Result<Self, StoreError> {
        let start = |builder: &mut Builder| {
            let built = builder.thread_name("malipo-store").enable_all().build();
            built.map_err(|error| StoreError::Unavailable(error.to_string()))
        };
        let mut threads = Builder::new_multi_thread();
        let runtimes = if backend == DbBackend::Sqlite {
            let reads = start(threads.worker_threads(1))?;
            vec![start(threads.on_thread_start(stay_on_one))?, reads]
        } else {
            vec![start(threads.worker_threads(POSTGRES_THREADS))?]
        };
        Ok(Self {
            writes: runtimes[0].handle().clone(),
            reads: runtimes[runtimes.len() - 1].handle().clone(),
            runtimes,
            wedged,
        })
    }

    /// Where connections that write belong.
    pub fn writes(&self) -> &Handle {
        &self.writes
    }

    /// Where connections that only read belong.
    pub fn reads(&self) -> &Handle {
        &self.reads
    }

    /// Runs what opens connections that write: they belong to the runtime that opens them.
    pub async fn open<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, StoreError> {
        open(&self.writes, work).await
    }

    /// The same for connections that only read.
    pub async fn open_for_reading<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, StoreError> {
        open(&self.reads, work).await
    }

    /// Runs what writes. It begins at once; what is awaited is only its end, and stays small
    /// however large the work is, because thousands of callers wait at a time.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        let wedged = self.wedged.clone();
        run(
            &self.writes,
            async move { write_within(&wedged, work).await },
        )
    }

    /// Runs what only reads, in the same way.
    pub fn read<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Underway<T> {
        let wedged = self.wedged.clone();
        run(&self.reads, async move { read_within(&wedged, work).await })
    }
}

async fn open<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, StoreError> {
    match runtime.spawn(work).await {
        Ok(opened) => opened.map_err(|error| StoreError::Unavailable(error.to_string())),
        Err(panic) => Err(StoreError::Panicked(panic.to_string())),
    }
}

fn run<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Underway<T> {
    Underway(runtime.spawn(work.in_current_span()))
}

/// Writes to the end, or gives it up after its time.
pub(super) async fn write_within<T>(
    wedged: &Wedged,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let lost = || StoreError::CommitUnknown(DbErr::Custom("no answer in time".to_owned()));
    within(WRITE_WITHIN, wedged, work, lost).await
}

/// Reads to the end, or gives it up after its time.
pub(super) async fn read_within<T>(
    wedged: &Wedged,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let lost = || StoreError::Unavailable("no answer in time".to_owned());
    within(READ_WITHIN, wedged, work, lost).await
}

async fn within<T>(
    limit: Duration,
    wedged: &Wedged,
    work: impl Future<Output = Result<T, StoreError>>,
    lost: fn() -> StoreError,
) -> Result<T, StoreError> {
    let mut work = pin!(work);
    match timeout(limit, &mut work).await {
        Ok(result) => result,
        Err(_) => {
            // Before `work` is dropped, and its connection with it.
            wedged.give_up();
            Err(lost())
        }
    }
}

impl Drop for DatabaseRuntime {
    fn drop(&mut self) {
        // A runtime must not be dropped where async code runs, and a store may be.
        for runtime in self.runtimes.drain(..) {
            runtime.shutdown_background();
        }
    }
}

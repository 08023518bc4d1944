//! The runtimes of background work and of database work.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Threads of each runtime. They mostly wait.
const THREADS: usize = 2;

/// A runtime that may be dropped anywhere, also in async code, where tokio's own panics.
pub struct DroppableRuntime {
    /// `None` once it is dropped.
    runtime: Option<Runtime>,
    /// Starts tasks on it.
    pub handle: Handle,
}

impl DroppableRuntime {
    /// Starts its threads under this name.
    ///
    /// # Errors
    /// If the operating system gives no threads.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name(name)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }
}

impl Drop for DroppableRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

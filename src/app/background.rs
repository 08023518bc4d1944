//! The runtime of all work that no client may cancel.

use tokio::runtime::{Builder, Handle, Runtime};

/// Threads for webhooks, pushes, status checks and jobs; they mostly wait.
const THREADS: usize = 2;

/// A runtime that may be dropped anywhere, also where async code runs.
pub(super) struct Background {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Background {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("malipo-background")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self {
            runtime: Some(runtime),
            handle,
        })
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

//! Work that ends by itself and that no client cancels: deliveries being taken in, pushes, asks.
//! A stop waits for all of it, also for work whose client has left.

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Where such work runs. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct UnderWay {
    runtime: Handle,
    tracker: TaskTracker,
}

impl UnderWay {
    /// Runs work on this runtime.
    pub fn on(runtime: Handle) -> Self {
        Self {
            runtime,
            tracker: TaskTracker::new(),
        }
    }

    /// The runtime, for tasks that a stop need not wait for here.
    pub fn runtime(&self) -> Handle {
        self.runtime.clone()
    }

    /// Starts work. Its caller may await the end, and need not.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn_on(work, &self.runtime)
    }

    /// Returns when no work is left. Work that begins meanwhile is waited for too.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

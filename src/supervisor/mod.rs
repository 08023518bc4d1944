//! Runs the tasks that last as long as the server, and restarts the ones that fail.
//!
//! A [`Task`] is one of them, by name. It fails when it panics, or when it ends before the server
//! stops. A failure is logged and counted (`malipo_task_restarts_total`). Then the task is started
//! again after a pause, which doubles from one second to one minute while it keeps failing; the
//! supervisor never gives up. A task without which nothing can be sold is not restarted: the
//! process exits, and systemd restarts it. `task.rs` says for each task which of the two
//! applies, and why.
//!
//! # Invariants
//! - Every long-running task runs here. `tests/layers/spawns.rs` lists every other `spawn` of the
//!   source, each with the reason why it ends by itself.
//! - What must survive a restart is owned by the closure that makes the task's future, or is a
//!   lease in the database. The future itself is dropped with everything in it.

use std::any::Any;
use std::env;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use prometheus::{IntCounterVec, Opts};
use tokio::runtime::Handle;
use tokio::sync::SetOnce;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::failpoint::{Action, Failpoints};

mod runtime;
mod task;

pub use runtime::DroppableRuntime;
pub use task::{OnFailure, Task};

/// The pause before a restart, and what it doubles up to.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Runs long-running tasks. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
    /// Cancelled at shutdown. A task that ends before counts as failed.
    stop: CancellationToken,
    tracker: TaskTracker,
}

struct Shared {
    failures: IntCounterVec,
    last_failures: DashMap<Task, Instant>,
    /// The first task that ends the process.
    fatal: SetOnce<Task>,
    /// Failpoints of tests: an armed task panics at its next poll.
    failpoints: Failpoints,
}

impl Default for Supervisor {
    /// A supervisor without tasks.
    fn default() -> Self {
        let name = "malipo_task_restarts_total";
        let help = "Long-running tasks that panicked or ended too early.";
        let failures = IntCounterVec::new(Opts::new(name, help), &["task"])
            .expect("a constant name with one label");
        // A series that begins at its first event hides that event from `rate()`.
        for &task in Task::ALL {
            failures.with_label_values(&[task.name()]);
        }
        let shared = Shared {
            failures,
            last_failures: DashMap::new(),
            fatal: SetOnce::new(),
            failpoints: Failpoints::default(),
        };
        Self {
            shared: Arc::new(shared),
            stop: CancellationToken::new(),
            tracker: TaskTracker::new(),
        }
    }
}

impl Supervisor {
    /// The same supervisor for tasks that end with `owner`, and that a stop does not wait for.
    pub fn within(&self, owner: CancellationToken) -> Self {
        Self {
            shared: self.shared.clone(),
            stop: owner,
            tracker: TaskTracker::new(),
        }
    }

    /// Failures by task, to be registered with the other instruments.
    pub fn failures(&self) -> &IntCounterVec {
        &self.shared.failures
    }

    /// A token that is cancelled at shutdown.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells all tasks to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Returns when all tasks have ended.
    pub async fn stopped(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Returns when a task has failed whose failure ends the process.
    pub async fn fatal(&self) -> Task {
        *self.shared.fatal.wait().await
    }

    /// Tasks that have failed, and how long ago each failed last.
    pub fn failed(&self) -> Vec<(Task, Duration)> {
        let failures = &self.shared.last_failures;
        let tasks = Task::ALL.iter();
        tasks
            .filter_map(|task| Some((*task, failures.get(task)?.elapsed())))
            .collect()
    }

    /// Runs a task on `runtime` until the stop. `work` makes its future, and makes another one
    /// after each failure.
    pub fn run<F>(&self, runtime: &Handle, task: Task, mut work: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // Boxed, so that there is one type of supervised task, and its code is compiled once.
        let supervised = self
            .clone()
            .supervise(task, Box::new(move || work().boxed()));
        self.tracker.spawn_on(supervised, runtime);
    }

    /// The same for work that a stop may drop at any of its awaits.
    pub fn run_droppable<F>(
        &self,
        runtime: &Handle,
        task: Task,
        mut work: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.run(runtime, task, move || {
            let (stop, work) = (stop.clone(), work());
            async move {
                stop.run_until_cancelled(work).await;
            }
        });
    }

    async fn supervise(
        self,
        task: Task,
        mut work: Box<dyn FnMut() -> BoxFuture<'static, ()> + Send>,
    ) {
        let mut pause = Duration::ZERO;
        while !self.stop.is_cancelled() {
            let began = Instant::now();
            // `work()` runs inside the future, so that its panics are caught too.
            let polls = self.with_failpoint(task, async { work().await });
            let ended = AssertUnwindSafe(polls).catch_unwind().await;
            if ended.is_ok() && self.stop.is_cancelled() {
                return;
            }
            self.note(task, ended.err());
            if task.on_failure() == OnFailure::EndProcess {
                // Fails if another task was first.
                let _ = self.shared.fatal.set(task);
                return;
            }
            pause = next_pause(pause, began.elapsed());
            self.stop.run_until_cancelled(sleep(pause)).await;
        }
    }

    fn note(&self, task: Task, panic: Option<Box<dyn Any + Send>>) {
        let name = task.name();
        match panic {
            Some(panic) => error!(task = name, panic = message_of(&*panic), "a task panicked"),
            None => error!(task = name, "a task ended before the stop"),
        }
        self.shared.failures.with_label_values(&[name]).inc();
        self.shared.last_failures.insert(task, Instant::now());
    }

    /// Polls `work`, and panics first if a test has armed the task.
    async fn with_failpoint(&self, task: Task, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.panic_if_armed(task);
            work.as_mut().poll(context)
        })
        .await;
    }

    /// Has a task panic when it is polled next; for tests. Does nothing in an optimised build.
    pub fn arm_panic(&self, task: Task) {
        self.shared.failpoints.arm(task, Action::Panic);
    }

    /// The same for a task that `MALIPO_PANIC_TASK` names.
    pub fn arm_panic_from_environment(&self) {
        if cfg!(debug_assertions)
            && let Ok(task) = env::var("MALIPO_PANIC_TASK")
        {
            let task = task.parse();
            self.arm_panic(task.expect("MALIPO_PANIC_TASK is the name of a task"));
        }
    }

    /// Panics if a test has armed this task: for an actor, which the supervisor does not poll.
    pub fn panic_if_armed(&self, task: Task) {
        let reached = self.shared.failpoints.reach(task);
        reached.expect("an armed task only panics");
    }
}

/// The pause before a restart: twice the last one. It starts over if the task ran for longer than the
/// longest pause.
fn next_pause(last: Duration, ran_for: Duration) -> Duration {
    if ran_for > LONGEST_PAUSE {
        return FIRST_PAUSE;
    }
    (last * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

/// Runs work that ends by itself and that no client cancels: webhooks, pushes, status checks. A stop
/// waits for all of it. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct BackgroundTasks {
    runtime: Handle,
    tracker: TaskTracker,
}

impl BackgroundTasks {
    /// Runs work on this runtime.
    pub fn on(runtime: Handle) -> Self {
        Self {
            runtime,
            tracker: TaskTracker::new(),
        }
    }

    /// The runtime, for tasks that are not tracked here.
    pub fn runtime(&self) -> Handle {
        self.runtime.clone()
    }

    /// Starts work. The caller may await or drop the handle.
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

#[cfg(test)]
mod tests;

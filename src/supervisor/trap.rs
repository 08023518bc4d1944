//! Makes a task panic at its next turn, so that a test sees what follows. Like a failpoint it
//! hangs on debug assertions: an optimised build has nothing of it.

#[cfg(debug_assertions)]
use std::future::poll_fn;
#[cfg(debug_assertions)]
use std::pin::pin;
#[cfg(debug_assertions)]
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Task;

/// The tasks that panic next.
#[derive(Default)]
pub(super) struct Trap {
    #[cfg(debug_assertions)]
    set: Mutex<Vec<Task>>,
}

#[cfg(debug_assertions)]
impl Trap {
    /// The variable by which a test sets a trap in a process that it starts: `sqlite_writer`.
    const VARIABLE: &str = "MALIPO_TRAP";

    pub fn set(&self, task: Task) {
        self.traps().push(task);
    }

    pub fn set_from_environment(&self) {
        if let Ok(wish) = std::env::var(Self::VARIABLE) {
            let task = wish.parse();
            self.set(task.expect("MALIPO_TRAP is the name of a task"));
        }
    }

    pub fn spring(&self, task: Task) {
        let is_sprung = {
            let mut traps = self.traps();
            let found = traps.iter().position(|set| *set == task);
            found.map(|at| traps.swap_remove(at)).is_some()
        };
        assert!(!is_sprung, "trap for {}", task.name());
    }

    fn traps(&self) -> MutexGuard<'_, Vec<Task>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Springs before each poll of `work`.
    pub async fn on(&self, task: Task, work: impl Future<Output = ()>) {
        let mut work = pin!(work);
        poll_fn(|context| {
            self.spring(task);
            work.as_mut().poll(context)
        })
        .await;
    }
}

#[cfg(not(debug_assertions))]
impl Trap {
    pub fn set(&self, _: Task) {}

    pub fn set_from_environment(&self) {}

    #[inline(always)]
    pub fn spring(&self, _: Task) {}

    #[inline(always)]
    pub fn on<F: Future<Output = ()>>(&self, _: Task, work: F) -> F {
        work
    }
}

//! Points at which a test makes the server fail once: with an error, a panic or the end of the process.
//! A test can also only observe that a point was reached.
//!
//! # Invariants
//! Without debug assertions no point can be armed, and [`Failpoints::reach`] does nothing. This
//! depends on debug assertions and not on a Cargo feature, so that tests and development share one
//! build.

use std::env;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strum::{EnumString, IntoStaticStr, VariantArray};

/// A step in the handling of a webhook that makes a sale, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
pub enum Point {
    /// Nothing is done yet.
    BeforeBegin,
    /// The transaction is open and empty.
    AfterBegin,
    /// The payment's row is changed, and locked.
    AfterPayment,
    /// All rows are written, in the last statement: those of the sale and its line in the
    /// journal.
    AfterRows,
    /// COMMIT is never sent, and its outcome counts as unknown.
    BeforeCommit,
    /// The transaction is committed, and the answer to COMMIT is lost.
    AfterCommit,
    /// Committed; the guest is not notified.
    BeforeNotice,
    /// The guest is notified; ZenoPay is not answered.
    BeforeAnswer,
}

/// What happens at an armed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
pub enum Action {
    /// As if the database refuses, or its answer is lost.
    Error,
    /// As if malipo has a bug.
    Panic,
    /// As if the machine runs out of memory: nothing is finished.
    Exit,
    /// Nothing; the point is no longer armed.
    Pass,
}

/// The error that a test requested.
#[derive(Debug, thiserror::Error)]
#[error("failpoint {0}")]
pub struct Failure(&'static str);

/// The armed points of one server, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Failpoints {
    armed: Arc<Mutex<Vec<(&'static str, Action)>>>,
}

impl Failpoints {
    /// The point that `MALIPO_FAILPOINT` arms in a process that a test starts: `AfterRows=Exit`.
    ///
    /// # Panics
    /// If the variable has another form, because the test would then test nothing.
    pub fn from_environment() -> Self {
        let failpoints = Self::default();
        if cfg!(debug_assertions)
            && let Ok(armed) = env::var("MALIPO_FAILPOINT")
        {
            let parsed = armed.split_once('=');
            let parsed = parsed.map(|(point, action)| (point.parse(), action.parse()));
            let Some((Ok(point), Ok(action))) = parsed else {
                panic!("MALIPO_FAILPOINT is Point=Action")
            };
            failpoints.arm::<Point>(point, action);
        }
        failpoints
    }

    fn armed(&self) -> MutexGuard<'_, Vec<(&'static str, Action)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task that reaches the point fails, once.
    pub fn arm<P: Into<&'static str>>(&self, point: P, action: Action) {
        if cfg!(debug_assertions) {
            self.armed().push((point.into(), action));
        }
    }

    /// Whether a point was armed and not reached yet.
    pub fn is_armed(&self) -> bool {
        !self.armed().is_empty()
    }

    /// Reaches a point.
    ///
    /// # Errors
    /// If a test requested one here.
    ///
    /// # Panics
    /// If a test requested it.
    #[inline]
    pub fn reach(&self, point: impl Into<&'static str>) -> Result<(), Failure> {
        if !cfg!(debug_assertions) {
            return Ok(());
        }
        let point = point.into();
        let action = {
            let mut armed = self.armed();
            let found = armed.iter().position(|(at, _)| *at == point);
            found.map(|at| armed.swap_remove(at).1)
        };
        match action {
            None | Some(Action::Pass) => Ok(()),
            Some(Action::Error) => Err(Failure(point)),
            Some(Action::Panic) => panic!("failpoint {point}"),
            Some(Action::Exit) => std::process::abort(),
        }
    }
}

//! Places in the course of a sale at which a test has the server fail: by an error, by a panic,
//! or by the end of the process; or only learns that somebody came past.
//!
//! The rule that must not be broken: an optimised build has nothing of it. Without debug
//! assertions nobody can arm a point, and [`Failpoints::reach`] is an empty function. It hangs
//! on them and not on a feature, so that tests and development share one build.

#[cfg(debug_assertions)]
use std::sync::{Arc, Mutex, PoisonError};

/// Where, in the order in which one webhook that sells comes past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// A commit that is never sent, and whose end is not known.
    BeforeCommit,
    /// A commit that took place, and whose answer is lost.
    AfterCommit,
    /// Durable, and nobody is told.
    BeforeNotice,
    /// The guest is told, and ZenoPay is not.
    BeforeAnswer,
}

impl Point {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::BeforeBegin,
        Self::AfterBegin,
        Self::AfterPayment,
        Self::AfterRows,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeNotice,
        Self::BeforeAnswer,
    ];
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// As when the database refuses, or its answer is lost.
    Error,
    /// As by a bug of ours.
    Panic,
    /// As when the machine runs out of memory: nothing is finished.
    Exit,
    /// Nothing, but that the point is not armed any more.
    Pass,
}

/// A test wanted this.
#[derive(Debug, thiserror::Error)]
#[error("failpoint {0:?}")]
pub struct Failure(pub Point);

/// What is armed in one server. Cheap to clone.
#[derive(Clone, Default)]
pub struct Failpoints {
    #[cfg(debug_assertions)]
    armed: Arc<Mutex<Option<(Point, Action)>>>,
}

#[cfg(debug_assertions)]
impl Failpoints {
    /// The variable by which a test arms a process that it starts: `AfterRows=Exit`.
    const VARIABLE: &str = "MALIPO_FAILPOINT";

    /// What the environment asks for.
    ///
    /// # Panics
    /// If it asks for what there is not: a test would prove nothing.
    pub fn from_environment() -> Self {
        let failpoints = Self::default();
        if let Ok(wish) = std::env::var(Self::VARIABLE) {
            let (point, action) = wish.split_once('=').unwrap_or_default();
            let point = Point::ALL
                .into_iter()
                .find(|known| format!("{known:?}") == point);
            let action = [Action::Error, Action::Panic, Action::Exit]
                .into_iter()
                .find(|known| format!("{known:?}") == action);
            let armed = point.zip(action).expect("MALIPO_FAILPOINT is Point=Action");
            failpoints.arm(armed.0, armed.1);
        }
        failpoints
    }

    /// The next one who comes past fails, once.
    pub fn arm(&self, point: Point, action: Action) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some((point, action));
    }

    /// Whether nobody has come past yet.
    pub fn is_armed(&self) -> bool {
        self.armed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Somebody comes past.
    ///
    /// # Errors
    /// If a test wants one here.
    pub fn reach(&self, point: Point) -> Result<(), Failure> {
        let action = {
            let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
            armed.take_if(|(at, _)| *at == point)
        };
        match action {
            None | Some((_, Action::Pass)) => Ok(()),
            Some((_, Action::Error)) => Err(Failure(point)),
            Some((_, Action::Panic)) => panic!("failpoint {point:?}"),
            Some((_, Action::Exit)) => std::process::abort(),
        }
    }
}

#[cfg(not(debug_assertions))]
impl Failpoints {
    /// Nothing: this build cannot be made to fail.
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// Nothing happens.
    ///
    /// # Errors
    /// None.
    #[inline(always)]
    pub fn reach(&self, _: Point) -> Result<(), Failure> {
        Ok(())
    }
}

//! The exactly-once drill: a crowd of guests buys, and every webhook comes many times over,
//! in the wrong order and at the same moment. Then the database is looked at.
//!
//! Nouns: a [`Plan`] says how many, a [`Target`] against what; [`play`] does it, [`audit`]
//! reads what has become of it, and both together are [`Collected`]; [`check`] finds each
//! [`Violation`], and the [`Report`] tells them.
//!
//! # Invariants
//! `check` is a pure function of what was collected, so that it can itself be put to the test.

use url::Url;

use crate::domain::people::secret::Secret;
use crate::store::{Store, StoreError};

mod audit;
mod check;
mod collected;
mod fault;
mod guest;
mod play;
mod progress;
mod report;
mod sender;
mod server;

pub use audit::audit;
pub use check::{Violation, check};
pub use collected::{Answer, Collected, PlayedOrder, PollAnswer, Sent, Shown};
pub use fault::{Fault, Harm, Thing};
pub use play::play;
pub use progress::Progress;
pub use report::Report;

use server::Server;

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Orders in all.
    pub orders: u32,
    /// Copies of each COMPLETED, at the same moment.
    pub copies: u32,
}

/// Against what.
#[derive(Clone)]
pub struct Target {
    /// Base of the server's URLs.
    pub url: Url,
    /// The operator's token, for the server's own count.
    pub token: Option<Secret>,
    /// What the server expects in `x-api-key`.
    pub key: Secret,
    /// The server's database, if it can be reached.
    pub store: Option<Store>,
    /// Where this takes place, for the report.
    pub scene: String,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// No server answers.
    #[error("{url} does not answer: {why}")]
    Unreachable {
        /// Base of the server's URLs.
        url: Url,
        /// In the HTTP client's words.
        why: String,
    },
    /// A server answers, and is not ready or not ours.
    #[error("{url} is no malipo that is ready to serve: {why}")]
    NotReady {
        /// Base of the server's URLs.
        url: Url,
        /// What it answered.
        why: String,
    },
    /// The drill sells what was not paid for.
    #[error("the drill runs only against the sandbox, and {scene} is in {mode} mode")]
    NotSandbox {
        /// What was looked at.
        scene: String,
        /// The mode that it names.
        mode: String,
    },
    /// An order was refused.
    #[error("an order could not be placed: {0}")]
    NotPlaced(String),
    /// The database was named beside the URL.
    #[error("--database is not the database of the server at --url: it does not know the order")]
    OtherDatabase,
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// As on a machine without CA certificates.
    #[error("the HTTP client cannot be built: {0}")]
    Client(String),
}

/// Plays, audits, checks and reports.
///
/// # Errors
/// The [`DrillError`], when it cannot be told whether anything was violated.
pub async fn run(target: &Target, plan: Plan, progress: &Progress) -> Result<Report, DrillError> {
    let server = Server::of(target)?;
    server.must_be_sandbox().await?;
    let started = std::time::Instant::now();
    let counted_before = server.sales_counted().await;

    let played = play(target, plan, progress).await?;
    let counted_after = server.sales_counted().await;
    let took = started.elapsed();
    let collected = audit(target, played).await?;

    let violations = check(&collected);
    let counted = server::sales_between(counted_before, counted_after);
    let stage = report::Stage {
        scene: target.scene.clone(),
        plan,
        took,
        counted,
    };
    Ok(Report::of(stage, &collected, violations))
}

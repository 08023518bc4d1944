//! What a drill is asked to do, and why it may have no verdict.

use url::Url;

use crate::domain::people::Secret;
use crate::store::{Store, StoreError};

/// How much is played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Orders in all.
    pub orders: u32,
    /// Copies of each COMPLETED webhook, sent at the same moment.
    pub copies: u32,
}

/// The server that is drilled.
#[derive(Clone)]
pub struct Target {
    /// Base of the server's URLs.
    pub url: Url,
    /// The operator's token, for the server's own count of sales.
    pub token: Option<Secret>,
    /// What the server expects in `x-api-key`.
    pub key: Secret,
    /// The server's database, if it can be reached.
    pub store: Option<Store>,
    /// Names the server in the report.
    pub scene: String,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// No server answers at this URL, with the cause.
    #[error("{0} does not answer: {1}")]
    Unreachable(Url, String),
    /// A server answers at this URL, and is not ready or not ours.
    #[error("{0} is no malipo that is ready to serve: {1}")]
    NotReady(Url, String),
    /// The drill sells what was not paid for.
    #[error("the drill runs only against the sandbox, and {scene} is in {mode} mode")]
    NotSandbox {
        /// What was checked.
        scene: String,
        /// The mode that it names.
        mode: String,
    },
    /// An order was refused.
    #[error("an order could not be placed: {0}")]
    NotPlaced(String),
    /// `--database` and `--url` belong to different servers.
    #[error("--database is not the database of the server at --url: it does not know the order")]
    OtherDatabase,
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// For example on a machine without CA certificates.
    #[error("the HTTP client cannot be built: {0}")]
    Client(#[from] reqwest::Error),
}

//! The error of a start.

use crate::config::ConfigError;
use crate::gateways::zenopay::client::ClientError;
use crate::store::StoreError;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A value cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The schema cannot be brought up to date.
    #[error("the database cannot be migrated: {0}")]
    Migration(String),
    /// For example, the port is in use.
    #[error("server.bind: {0}")]
    Bind(std::io::Error),
    /// ZenoPay cannot be called with this configuration.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// For example on a machine without CA certificates.
    #[error("an HTTP client cannot be built: {0}")]
    HttpClient(#[from] reqwest::Error),
    /// The threads of the runtimes cannot be started.
    #[error("failed to spawn runtime threads: {0}")]
    Threads(std::io::Error),
}

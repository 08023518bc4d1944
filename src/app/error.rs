//! The error of a start.

use crate::config::ConfigError;
use crate::gateways::zenopay::client::ClientError;
use crate::sandbox::SandboxError;
use crate::sms::CarrierError;
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
    /// No SMS can be sent with this configuration.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// The simulated ZenoPay cannot be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The threads of the runtimes cannot be started.
    #[error("failed to spawn runtime threads: {0}")]
    Threads(std::io::Error),
}

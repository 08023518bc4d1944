//! The configuration: built-in defaults, then `config.toml`, then the environment
//! (`MALIPO__SECTION__KEY`).
//!
//! Each module is passed its own section and sees no other. What is checked here is never
//! checked again, and every error is one sentence that names the key.

use std::ffi::OsString;
use std::path::Path;

use crate::domain::people::Secret;

mod check;
mod load;
mod sections;
#[cfg(test)]
mod tests;
mod values;

pub use sections::{
    ActorsConfig, Config, DatabaseConfig, LimitsConfig, LogConfig, OperatorConfig, OrdersConfig,
    PortalConfig, RadiusConfig, RetentionConfig, SandboxConfig, ServerConfig, SmsConfig,
    TelemetryConfig, ZenopayConfig,
};
pub use values::{ConfigError, Confirm, Group, LogFormat, Mode, SmsProvider};

use check::check;
use load::load;

impl Config {
    /// Reads and checks the configuration; `path` is `--config`, and without it
    /// `config.toml` in the working directory counts if it is there.
    ///
    /// # Errors
    /// One sentence that names the key.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read_with(path, std::env::vars_os())
    }

    fn read_with(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let config = load(path, variables)?;
        check(&config)?;
        Ok(config)
    }

    /// The same with another database.
    ///
    /// # Errors
    /// One sentence, if no database can be there.
    pub fn with_database(mut self, url: Secret) -> Result<Self, ConfigError> {
        self.database.url = url;
        check(&self)?;
        Ok(self)
    }
}

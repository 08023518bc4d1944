//! The configuration: built-in defaults, then `config.toml`, then the environment
//! (`MALIPO__SECTION__KEY`).
//!
//! Each module is passed its own section and sees no other, and relies on what is checked here.
//! Every error is one sentence that names the key.

use std::ffi::OsString;
use std::path::Path;

mod check;
mod load;
mod sections;
#[cfg(test)]
mod tests;
mod values;

pub use check::check;
pub use sections::{
    ActorsConfig, Config, DatabaseConfig, LogConfig, PortalConfig, RetentionConfig, SandboxConfig,
    ServerConfig, SmsConfig, TelemetryConfig,
};
pub use values::{ConfigError, Confirm, Group, LogFormat, Mode, SmsProvider, usual_form};

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
}

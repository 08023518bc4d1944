//! The configuration: built-in defaults, then `config.toml`, then the environment
//! (`MALIPO__SECTION__KEY`).
//!
//! Each module is passed its own section and sees no other, and relies on what is checked here.
//! Every error is one sentence that names the key.

use std::ffi::OsString;
use std::path::Path;

mod check;
mod database_url;
mod load;
mod proxy_range;
mod reach;
mod sections;
mod shown;
#[cfg(test)]
mod tests;
mod values;

pub use check::check;
pub use database_url::usual_form;
pub use proxy_range::ProxyRange;
pub use reach::is_loopback;
pub use sections::{
    ActorsConfig, Config, DatabaseConfig, LimitsConfig, LogConfig, PortalConfig, RetentionConfig,
    SandboxConfig, ServerConfig, SmsConfig, TelemetryConfig,
};
pub use shown::{Origin, Setting};
pub use values::{ConfigError, Confirm, Group, LogFormat, Mode, SmsProvider};

use load::{load, origins};

impl Config {
    /// Reads and checks the configuration; `path` is `--config`, and without it
    /// `config.toml` in the working directory counts if it is there.
    ///
    /// # Errors
    /// One sentence that names the key.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read_with(path, std::env::vars_os())
    }

    /// Every key with its value and its origin; `path` as in [`Config::read`].
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn settings(&self, path: Option<&Path>) -> Result<Vec<Setting>, ConfigError> {
        self.settings_with(path, std::env::vars_os())
    }

    fn settings_with(
        &self,
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<Setting>, ConfigError> {
        let origins = origins(path, variables)?;
        let rows = Self::keys().into_iter().zip(self.values()).zip(origins);
        let setting = |((key, value), origin): ((String, _), _)| {
            let value = match key.as_str() {
                "database.url" => Some(shown::database(&self.database.url)),
                _ => value,
            };
            Setting { key, value, origin }
        };
        Ok(rows.map(setting).collect())
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

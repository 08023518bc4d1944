//! The configuration: built-in defaults, then `config.toml`, then the environment
//! (`MALIPO__SECTION__KEY`).
//!
//! Each module is handed its own section and sees no other. What is checked here is never
//! checked again, and every complaint is one sentence that names the key.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::domain::people::secret::Secret;

mod check;
mod group;
mod load;
mod sections;
#[cfg(test)]
mod tests;

pub use group::Group;
pub use sections::{
    ActorsConfig, Config, DatabaseConfig, LimitsConfig, LogConfig, OperatorConfig, OrdersConfig,
    PortalConfig, RadiusConfig, RetentionConfig, SandboxConfig, ServerConfig, SmsConfig,
    TelemetryConfig, ZenopayConfig,
};

/// What is wrong with the configuration, in one sentence that names the key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// How we reach ZenoPay.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Mode {
    /// Simulated in the process.
    Sandbox,
    /// The real one.
    Live,
}

/// When order-status is asked before a webhook is believed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Never; what is not proven is refused.
    Never,
    /// For deliveries without proof.
    Unproven,
    /// For every delivery.
    Always,
}

/// The service that delivers SMS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SmsProvider {
    /// Written to the log; for the sandbox.
    Log,
    /// NextSMS.
    Nextsms,
    /// Beem.
    Beem,
    /// Africa's Talking.
    Africastalking,
    /// ZenoPay's own SMS.
    Zenopay,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines, a line each.
    Json,
}

impl Mode {
    /// `sandbox` or `live`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl ZenopayConfig {
    /// The key: in the sandbox there is one from the start; live mode is refused without.
    pub fn key(&self) -> Secret {
        self.api_key
            .clone()
            .unwrap_or_else(|| Secret::new("sandbox-key"))
    }

    /// How long a push may take.
    pub fn create_timeout(&self) -> Duration {
        Duration::from_millis(self.create_timeout_ms)
    }
}

impl SmsConfig {
    /// How long the provider may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

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
        let config = load::load(path, variables)?;
        check::check(&config)?;
        Ok(config)
    }

    /// The same with another database.
    ///
    /// # Errors
    /// One sentence, if no database can be there.
    pub fn with_database(mut self, url: Secret) -> Result<Self, ConfigError> {
        self.database.url = url;
        check::check(&self)?;
        Ok(self)
    }
}

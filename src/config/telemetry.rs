//! `[log]` and `[telemetry]`: what the process tells of itself.

use serde::Deserialize;
use url::Url;

use super::check::complain;
use super::{Config, ConfigError};

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines, a line each.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// For people or for machines.
    #[serde(deserialize_with = "super::load::word")]
    pub format: LogFormat,
    /// A `tracing` filter, as in `info` or `malipo=debug`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            filter: "info,actix_server=warn,actix_http=off,sea_orm_migration=warn".into(),
        }
    }
}

/// `[telemetry]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// A collector of OpenTelemetry traces, by OTLP over HTTP; unset is no traces.
    pub otlp_endpoint: Option<Url>,
    /// How many webhooks in a hundred are traced, of those whose sender does not say.
    pub sample_percent: u8,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            sample_percent: 100,
        }
    }
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let telemetry = &config.telemetry;
    if let Some(url) = &telemetry.otlp_endpoint {
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return complain(
                "telemetry.otlp_endpoint",
                "must begin with http:// or https://",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return complain(
                "telemetry.otlp_endpoint",
                "cannot hold a password; a collector beside this server needs none",
            );
        }
    }
    if telemetry.sample_percent > 100 {
        return complain("telemetry.sample_percent", "must be at most 100");
    }
    Ok(())
}

//! The configuration: built-in defaults, then `config.toml`, then the environment
//! (`MALIPO__SECTION__KEY`).
//!
//! Each module is handed its own section and sees no other. What is checked here is never
//! checked again, and every complaint is one sentence that names the key.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::domain::people::secret::Secret;

mod check;
mod defaults;
mod group;
mod keys;
mod load;
mod sms;
mod telemetry;
#[cfg(test)]
mod tests;

pub use group::Group;
pub use sms::{SmsConfig, SmsProvider};
pub use telemetry::{LogConfig, LogFormat, TelemetryConfig};

/// What is wrong with the configuration, in one sentence that names the key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Config {
    /// Where we listen and what we are called.
    pub server: ServerConfig,
    /// Where the books are kept.
    pub database: DatabaseConfig,
    /// How ZenoPay is reached and believed.
    pub zenopay: ZenopayConfig,
    /// The simulated ZenoPay.
    pub sandbox: SandboxConfig,
    /// The life of an order.
    pub orders: OrdersConfig,
    /// The captive portal.
    pub portal: PortalConfig,
    /// The machinery.
    pub actors: ActorsConfig,
    /// What one phone may do.
    pub limits: LimitsConfig,
    /// What is forgotten, and when.
    pub retention: RetentionConfig,
    /// The operator's bootstrap token.
    pub operator: OperatorConfig,
    /// How the voucher is told.
    pub sms: SmsConfig,
    /// FreeRADIUS.
    pub radius: RadiusConfig,
    /// What is logged and how.
    pub log: LogConfig,
    /// Where traces go.
    pub telemetry: TelemetryConfig,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port; port 0 picks one.
    pub bind: SocketAddr,
    /// Base of webhook URLs and of links in SMS; unset is `http://` and the bound address.
    pub public_url: Option<Url>,
    /// Whose X-Forwarded-For counts.
    #[serde(deserialize_with = "load::list")]
    pub trusted_proxies: Vec<IpAddr>,
    /// Our certificate and those that vouch for it, as PEM; with it we speak TLS ourselves.
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    pub tls_key: Option<PathBuf>,
    /// Days of reports and times in texts; storage is UTC.
    pub timezone: chrono_tz::Tz,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite://…` or `postgres://…`; may hold a password.
    #[serde(deserialize_with = "load::secret")]
    pub url: Secret,
    /// Migrate when the server starts.
    pub auto_migrate: bool,
    /// May read and write SQLite's files beside their owner.
    pub group: Option<Group>,
}

/// How we reach ZenoPay.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Simulated in the process.
    Sandbox,
    /// The real one.
    Live,
}

impl Mode {
    /// `sandbox` or `live`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
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

/// `[zenopay]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZenopayConfig {
    /// Simulated or real.
    #[serde(deserialize_with = "load::word")]
    pub mode: Mode,
    /// Live mode only.
    pub base_url: Url,
    /// Sent to ZenoPay and expected back.
    #[serde(deserialize_with = "load::optional_secret")]
    pub api_key: Option<Secret>,
    /// Still accepted during a rotation.
    #[serde(deserialize_with = "load::optional_secret")]
    pub previous_api_key: Option<Secret>,
    /// When order-status is asked before a webhook is believed.
    #[serde(deserialize_with = "load::word")]
    pub confirm: Confirm,
    /// How long a push may take, in milliseconds.
    pub create_timeout_ms: u64,
    /// Order-status asks of the reconciler a second.
    pub asks_per_sec: u32,
}

/// `[sandbox]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxConfig {
    /// How long the simulated subscriber thinks, in milliseconds; 0 is by hand.
    pub approve_after_ms: u64,
    /// Allow a bind or public URL that others can reach.
    pub allow_remote: bool,
}

/// `[orders]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrdersConfig {
    /// After this many seconds PENDING shows EXPIRED.
    pub expire_after_secs: u32,
}

/// `[portal]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortalConfig {
    /// The longest wait of one poll, in seconds.
    pub wait_max_secs: u32,
    /// Parked polls at most; unset is the smaller of 20000 and three quarters of the limit
    /// of open files.
    pub waiters_max: Option<usize>,
    /// How long a prompt is taken to be open, in seconds.
    pub resume_secs: u32,
    /// CORS.
    #[serde(deserialize_with = "load::list")]
    pub allowed_origins: Vec<String>,
    /// The router hosts to which a code may be sent.
    #[serde(deserialize_with = "load::list")]
    pub login_hosts: Vec<String>,
    /// Whether we run inside the hotspot and may answer RFC 8908.
    pub on_site: bool,
    /// The shop's name.
    pub brand: String,
    /// A number to call for help.
    pub support_phone: Option<String>,
}

/// `[actors]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActorsConfig {
    /// Messages waiting per order, beside the one being handled.
    pub mailbox_capacity: usize,
    /// Messages in the whole process.
    pub in_flight_max: usize,
    /// An actor that is idle for this many seconds leaves memory.
    pub idle_secs: u32,
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Prompts to one phone in ten minutes.
    pub prompts_per_phone: u32,
    /// Unpaid orders of one phone in 24 hours.
    pub unpaid_per_phone_day: u32,
    /// Prompts of the whole shop in a second.
    pub prompts_per_sec: u32,
    /// Purchases that one client address may ask for in a minute.
    pub purchases_per_client_min: u32,
}

/// `[retention]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Bodies of webhooks leave the journal after this many days; 0 keeps them.
    pub bodies_days: u32,
    /// Where bodies are kept that leave the journal; unset is nowhere.
    pub archive_dir: Option<PathBuf>,
}

/// `[operator]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperatorConfig {
    /// Bootstrap admin token.
    #[serde(deserialize_with = "load::optional_secret")]
    pub token: Option<Secret>,
}

/// `[radius]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RadiusConfig {
    /// Where FreeRADIUS answers, for the proof of access.
    pub server: Option<SocketAddr>,
    /// Its shared secret.
    #[serde(deserialize_with = "load::optional_secret")]
    pub secret: Option<Secret>,
    /// The shared secret of Disconnect-Requests, for routers that have no row in `nas`.
    #[serde(deserialize_with = "load::optional_secret")]
    pub coa_secret: Option<Secret>,
    /// Sold vouchers that are tested a minute; 0 is none.
    pub proofs_per_min: u32,
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
}

//! What the values mean together. Fails closed: a live server without a key, or a sandbox
//! that strangers can reach, does not start.

use std::collections::HashSet;

use url::Url;

use super::{Config, ConfigError, Mode, sms, telemetry};
use crate::domain::people::secret::Secret;

/// A shorter token, or one of fewer different characters, can be guessed.
const TOKEN_MIN: usize = 16;
const TOKEN_DIFFERENT_MIN: usize = 6;

impl Config {
    /// The same with the books elsewhere.
    ///
    /// # Errors
    /// One sentence, if books cannot be there.
    pub fn with_database(mut self, url: Secret) -> Result<Self, ConfigError> {
        self.database.url = url;
        check(&self)?;
        Ok(self)
    }
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    database(config)?;
    tls(config)?;
    match config.zenopay.mode {
        Mode::Live => live(config)?,
        Mode::Sandbox => sandbox(config)?,
    }
    numbers(config)?;
    retention(config)?;
    radius(config)?;
    telemetry::check(config)?;
    texts(config)
}

pub(super) fn complain(key: &str, what: &str) -> Result<(), ConfigError> {
    Err(ConfigError(format!("configuration key `{key}`: {what}")))
}

fn database(config: &Config) -> Result<(), ConfigError> {
    let url = config.database.url.expose();
    if url.contains(":memory:") || url.contains("mode=memory") {
        return complain(
            "database.url",
            "a database in memory loses every sale; name a file",
        );
    }
    let known = ["sqlite:", "postgres:"];
    if !known.iter().any(|scheme| url.starts_with(scheme)) {
        return complain("database.url", "must begin with sqlite:// or postgres://");
    }
    if url.starts_with("postgres:") && Url::parse(url).is_err() {
        return complain("database.url", "is not a URL");
    }
    let path = url.trim_start_matches("sqlite:").trim_start_matches('/');
    if url.starts_with("sqlite:") && path.split('?').next().is_none_or(str::is_empty) {
        return complain("database.url", "names no file");
    }
    Ok(())
}

fn tls(config: &Config) -> Result<(), ConfigError> {
    match (&config.server.tls_cert, &config.server.tls_key) {
        (None, None) => Ok(()),
        (Some(_), None) => complain("server.tls_key", "is required beside server.tls_cert"),
        (None, Some(_)) => complain("server.tls_cert", "is required beside server.tls_key"),
        (Some(_), Some(_)) if config.zenopay.mode == Mode::Sandbox => complain(
            "server.tls_cert",
            "the simulated ZenoPay calls this server by plain HTTP; TLS is for live mode",
        ),
        (Some(_), Some(_)) => Ok(()),
    }
}

fn live(config: &Config) -> Result<(), ConfigError> {
    if config.zenopay.api_key.is_none() {
        return complain(
            "zenopay.api_key",
            "is required in live mode: without it no webhook could be believed",
        );
    }
    if !matches!(config.zenopay.base_url.scheme(), "http" | "https") {
        return complain("zenopay.base_url", "must begin with http:// or https://");
    }
    if config.server.public_url.is_none() {
        return complain(
            "server.public_url",
            "is required in live mode: ZenoPay must be able to reach the webhook",
        );
    }
    match &config.operator.token {
        Some(token) => token_of_ours(token),
        None => Ok(()),
    }
}

/// The one secret that a person makes up; the others are a provider's and are taken as they are.
fn token_of_ours(token: &Secret) -> Result<(), ConfigError> {
    let different: HashSet<char> = token.expose().chars().collect();
    if token.expose().chars().count() < TOKEN_MIN {
        return complain(
            "operator.token",
            "must have at least 16 characters in live mode; `openssl rand -hex 16` makes a good one",
        );
    }
    if different.len() < TOKEN_DIFFERENT_MIN {
        return complain(
            "operator.token",
            "must have at least 6 different characters in live mode; `openssl rand -hex 16` makes a good one",
        );
    }
    Ok(())
}

fn sandbox(config: &Config) -> Result<(), ConfigError> {
    if config.sandbox.allow_remote {
        return Ok(());
    }
    if !config.server.bind.ip().is_loopback() {
        return complain(
            "server.bind",
            "the sandbox gives vouchers away, so it listens on loopback only; set zenopay.mode = \"live\" or sandbox.allow_remote = true",
        );
    }
    if config
        .server
        .public_url
        .as_ref()
        .is_some_and(|url| !is_loopback(url))
    {
        return complain(
            "server.public_url",
            "the sandbox gives vouchers away, so its URL must be a loopback one; set zenopay.mode = \"live\" or sandbox.allow_remote = true",
        );
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn numbers(config: &Config) -> Result<(), ConfigError> {
    let at_least_one = [
        (
            "zenopay.create_timeout_ms",
            config.zenopay.create_timeout_ms,
        ),
        (
            "zenopay.asks_per_sec",
            u64::from(config.zenopay.asks_per_sec),
        ),
        (
            "orders.expire_after_secs",
            u64::from(config.orders.expire_after_secs),
        ),
        (
            "portal.wait_max_secs",
            u64::from(config.portal.wait_max_secs),
        ),
        (
            "actors.mailbox_capacity",
            config.actors.mailbox_capacity as u64,
        ),
        ("actors.in_flight_max", config.actors.in_flight_max as u64),
        ("actors.idle_secs", u64::from(config.actors.idle_secs)),
        (
            "limits.prompts_per_phone",
            u64::from(config.limits.prompts_per_phone),
        ),
        (
            "limits.unpaid_per_phone_day",
            u64::from(config.limits.unpaid_per_phone_day),
        ),
        (
            "limits.prompts_per_sec",
            u64::from(config.limits.prompts_per_sec),
        ),
        (
            "limits.purchases_per_client_min",
            u64::from(config.limits.purchases_per_client_min),
        ),
    ];
    match at_least_one.iter().find(|(_, value)| *value == 0) {
        Some((key, _)) => complain(key, "must be at least 1"),
        None => Ok(()),
    }
}

/// An archive that nothing enters is not what was meant.
fn retention(config: &Config) -> Result<(), ConfigError> {
    if config.retention.archive_dir.is_some() && config.retention.bodies_days == 0 {
        return complain(
            "retention.bodies_days",
            "is required where retention.archive_dir is set: 0 keeps every body in the journal",
        );
    }
    Ok(())
}

fn radius(config: &Config) -> Result<(), ConfigError> {
    if config.radius.server.is_some() && config.radius.secret.is_none() {
        return complain("radius.secret", "is required where radius.server is set");
    }
    if config.radius.proofs_per_min > 600 {
        return complain("radius.proofs_per_min", "must be at most 600");
    }
    Ok(())
}

fn texts(config: &Config) -> Result<(), ConfigError> {
    if config
        .portal
        .allowed_origins
        .iter()
        .any(|origin| !is_origin(origin))
    {
        return complain(
            "portal.allowed_origins",
            "each must be an origin, as in https://wifi.example: scheme, host and port alone",
        );
    }
    if config.portal.login_hosts.iter().any(|host| !is_host(host)) {
        return complain(
            "portal.login_hosts",
            "each must be a host alone, with its port if that is not the usual one, as in wifi.example or 10.5.50.1:8080",
        );
    }
    if let Some(url) = &config.server.public_url
        && !(matches!(url.scheme(), "http" | "https") && url.host().is_some())
    {
        return complain("server.public_url", "must begin with http:// or https://");
    }
    sms::check(config)
}

/// A host, perhaps with a port, and nothing around it.
fn is_host(text: &str) -> bool {
    let is_bare = !text.is_empty() && !text.contains(['/', '@', '?', '#', '\\', ' ']);
    is_bare && Url::parse(&format!("http://{text}/")).is_ok_and(|url| url.has_host())
}

/// RFC 6454: scheme, host and port, and nothing after them.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}

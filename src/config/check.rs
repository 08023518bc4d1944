//! Checks the values together: a live server without a key, or a sandbox that strangers can reach,
//! does not start.

use std::collections::HashSet;

use url::{Position, Url};

use super::reach::{has_password, is_loopback, is_private, is_web};
use super::sections::Config;
use super::values::{ConfigError, Mode, SmsProvider};
use crate::domain::people::Secret;

/// A shorter token, or one of fewer different characters, can be guessed.
const TOKEN_MIN: usize = 16;
const TOKEN_DIFFERENT_MIN: usize = 6;
/// Bytes of an SSID, by IEEE 802.11.
const WIFI_NAME_MAX: usize = 32;
/// An alphanumeric sender is ten octets of seven-bit characters (GSM 03.40).
const SENDER_ID_MAX: usize = 11;
/// An SMS is leased for two minutes while it is sent.
const SMS_TIMEOUT_MAX_MS: u64 = 60_000;

/// Whether something is wrong, with which key, and what the error says.
type Rule = (bool, &'static str, &'static str);

/// Checks the limits of values, and values that depend on each other.
///
/// # Errors
/// One sentence about the first rule that is broken.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let rules = [
        &database(config.database.url.expose())[..],
        &mode(config),
        &numbers(config),
        &services(config),
        &sms_provider(config),
    ];
    let broken = rules.concat().into_iter().find(|(is_wrong, ..)| *is_wrong);
    broken.map_or(Ok(()), |(_, key, what)| Err(ConfigError::of(key, what)))
}

#[rustfmt::skip] // A table is read by its columns.
fn database(url: &str) -> [Rule; 4] {
    const KEY: &str = "database.url";
    let (is_sqlite, is_postgres) = (url.starts_with("sqlite:"), url.starts_with("postgres:"));
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let path = url.trim_start_matches("sqlite:").trim_start_matches('/');
    let no_file = path.split('?').next().is_none_or(str::is_empty);
    [
        (in_memory, KEY, "a database in memory loses every sale; name a file"),
        (!is_sqlite && !is_postgres, KEY, "must begin with sqlite://, postgres:// or postgresql://"),
        (is_postgres && Url::parse(url).is_err(), KEY, "is not a URL as in postgres://USER:PASSWORD@HOST/DATABASE; write other characters of the password in percent"),
        (is_sqlite && no_file, KEY, "names no file"),
    ]
}

#[rustfmt::skip] // A table is read by its columns.
fn mode(config: &Config) -> [Rule; 15] {
    let Config { server, zenopay, sandbox, operator, sms, portal, .. } = config;
    let (is_live, is_sandbox) = (zenopay.mode == Mode::Live, zenopay.mode == Mode::Sandbox);
    let (cert, key) = (server.tls_cert.is_some(), server.tls_key.is_some());
    // The one secret that a person invents; the others are a provider's and are used as they are.
    let token = operator.token.as_ref().filter(|_| is_live).map(Secret::expose);
    let is_short = token.is_some_and(|token| token.chars().count() < TOKEN_MIN);
    let different = token.map(|token| token.chars().collect::<HashSet<_>>().len());
    let is_monotonous = different.is_some_and(|count| count < TOKEN_DIFFERENT_MIN);
    let is_plain = |url: &Url| url.scheme() == "http";
    let is_exposed = |url: &Url| is_live && is_plain(url) && !is_loopback(url);
    let is_exposed_origin = |origin: &String| Url::parse(origin).as_ref().is_ok_and(is_exposed);
    let is_out_of_reach = |url: &Url| is_live && is_private(url);
    let is_guarded = is_sandbox && !sandbox.allow_remote;
    let is_public = server.public_url.as_ref().is_some_and(|url| !is_loopback(url));
    [
        (cert && !key, "server.tls_key", "is required beside server.tls_cert"),
        (key && !cert, "server.tls_cert", "is required beside server.tls_key"),
        (cert && is_sandbox, "server.tls_cert", "the simulated ZenoPay calls this server by plain HTTP; TLS is for live mode"),
        (is_live && zenopay.api_key.is_none(), "zenopay.api_key", "is required in live mode: without it no webhook could be proven"),
        (is_live && !is_web(&zenopay.base_url), "zenopay.base_url", "must begin with http:// or https://"),
        (is_exposed(&zenopay.base_url), "zenopay.base_url", "must begin with https:// in live mode, unless it is a loopback address: each call sends the key"),
        (sms.base_url.as_ref().is_some_and(is_exposed), "sms.base_url", "must begin with https:// in live mode, unless it is a loopback address: each call sends a password or a key, and guests' codes"),
        (is_live && server.public_url.as_ref().is_some_and(is_plain), "server.public_url", "must begin with https:// in live mode: anybody on the way could read guests' codes; put a proxy with a certificate in front (deploy/nginx)"),
        (server.public_url.as_ref().is_some_and(is_out_of_reach), "server.public_url", "is of this machine or of a private network: in live mode it must be the name that ZenoPay and guests' phones reach from the Internet"),
        (portal.allowed_origins.iter().any(is_exposed_origin), "portal.allowed_origins", "must begin with https:// in live mode, unless it is a loopback address: anybody on the way could change such a page and read guests' codes"),
        (is_live && server.public_url.is_none(), "server.public_url", "is required in live mode: ZenoPay must be able to reach the webhook"),
        (is_short, "operator.token", "must have at least 16 characters in live mode; `openssl rand -hex 16` makes a good one"),
        (is_monotonous, "operator.token", "must have at least 6 different characters in live mode; `openssl rand -hex 16` makes a good one"),
        (is_guarded && !server.bind.ip().is_loopback(), "server.bind", "the sandbox gives vouchers away, so it listens on loopback only; set zenopay.mode = \"live\" or sandbox.allow_remote = true"),
        (is_guarded && is_public, "server.public_url", "the sandbox gives vouchers away, so its URL must be a loopback one; set zenopay.mode = \"live\" or sandbox.allow_remote = true"),
    ]
}

#[rustfmt::skip] // A table is read by its columns.
fn numbers(config: &Config) -> [Rule; 12] {
    let Config { zenopay, orders, portal, actors, limits, .. } = config;
    [
        ("zenopay.create_timeout_ms", zenopay.create_timeout_ms == 0),
        ("zenopay.asks_per_sec", zenopay.asks_per_sec == 0),
        ("orders.expire_after_secs", orders.expire_after_secs == 0),
        ("portal.wait_max_secs", portal.wait_max_secs == 0),
        ("actors.mailbox_capacity", actors.mailbox_capacity == 0),
        ("actors.in_flight_max", actors.in_flight_max == 0),
        ("actors.idle_secs", actors.idle_secs == 0),
        ("limits.prompts_per_phone", limits.prompts_per_phone == 0),
        ("limits.unpaid_per_phone_day", limits.unpaid_per_phone_day == 0),
        ("limits.prompts_per_sec", limits.prompts_per_sec == 0),
        ("limits.purchases_per_client_min", limits.purchases_per_client_min == 0),
        ("limits.refusals_per_client_min", limits.refusals_per_client_min == 0),
    ]
    .map(|(key, is_zero)| (is_zero, key, "must be at least 1"))
}

#[rustfmt::skip] // A table is read by its columns.
fn services(config: &Config) -> [Rule; 18] {
    let Config { server, zenopay, portal, retention, sms, radius, telemetry, .. } = config;
    let is_live = zenopay.mode == Mode::Live;
    let archives_nothing = retention.archive_dir.is_some() && retention.bodies_days == 0;
    let collector = telemetry.otlp_endpoint.as_ref();
    let is_no_url = |url: &Url| !is_web(url);
    let is_no_base = |url: &Url| is_no_url(url) || has_password(url) || url[Position::BeforePath..] != *"/";
    [
        (archives_nothing, "retention.bodies_days", "is required where retention.archive_dir is set: 0 keeps every body in the journal"),
        (radius.server.is_some() && radius.secret.is_none(), "radius.secret", "is required where radius.server is set"),
        (radius.proofs_per_min > 600, "radius.proofs_per_min", "must be at most 600"),
        (collector.is_some_and(is_no_url), "telemetry.otlp_endpoint", "must begin with http:// or https://"),
        (collector.is_some_and(has_password), "telemetry.otlp_endpoint", "cannot hold a password; a collector beside this server needs none"),
        (telemetry.sample_percent > 100, "telemetry.sample_percent", "must be at most 100"),
        (!portal.allowed_origins.iter().all(|it| is_origin(it)), "portal.allowed_origins", "each must be an origin, as in https://wifi.example: scheme, host and port alone"),
        (!portal.login_hosts.iter().all(|it| is_host(it)), "portal.login_hosts", "each must be a host alone, with its port if that is not the usual one, as in wifi.example or 10.5.50.1:8080"),
        (portal.fas_key.as_ref().is_some_and(|key| !is_fas_key(key.expose())), "portal.fas_key", "must be 12 to 16 letters and digits, as openNDS takes them; `openssl rand -hex 8` makes a good one"),
        (portal.fas_key.is_some() && radius.server.is_none(), "radius.server", "is required where portal.fas_key is set: openNDS asks no FreeRADIUS, so this server does"),
        (portal.wifi_name.as_ref().is_some_and(|name| name.len() > WIFI_NAME_MAX), "portal.wifi_name", "must have at most 32 bytes, as every Wi-Fi name"),
        (server.public_url.as_ref().is_some_and(is_no_base), "server.public_url", "must be an origin, as in https://wifi.example: http:// or https://, host and port, without a path, query or fragment"),
        (sms.sender_id.as_ref().is_some_and(|id| !is_sender_id(id)), "sms.sender_id", "must have 1 to 11 characters: letters, digits, spaces and .-_& in ASCII"),
        (is_live && has_password(&zenopay.base_url), "zenopay.base_url", "cannot hold a user or a password; the key is zenopay.api_key"),
        (is_live && sms.base_url.as_ref().is_some_and(has_password), "sms.base_url", "cannot hold a user or a password; sms.username, sms.password and sms.api_key are for that"),
        (sms.base_url.as_ref().is_some_and(is_no_url), "sms.base_url", "must begin with http:// or https://"),
        (!(1..=SMS_TIMEOUT_MAX_MS).contains(&sms.timeout_ms), "sms.timeout_ms", "must be from 1 to 60000"),
        (!(1..=100).contains(&sms.attempts_max), "sms.attempts_max", "must be from 1 to 100"),
    ]
}

#[rustfmt::skip] // A table is read by its columns.
fn sms_provider(config: &Config) -> [Rule; 6] {
    use SmsProvider::{Africastalking, Beem, Log, Nextsms, Zenopay};
    let sms = &config.sms;
    let required = match sms.provider {
        Log => "is required by the log",
        Nextsms => "is required by NextSMS",
        Beem => "is required by Beem",
        Africastalking => "is required by Africa's Talking",
        Zenopay => "is required by ZenoPay SMS",
    };
    let is = |providers: &[SmsProvider]| providers.contains(&sms.provider);
    let has_key = sms.api_key.is_some();
    let has_any_key = has_key || config.zenopay.api_key.is_some();
    [
        (is(&[Nextsms, Beem, Zenopay]) && sms.sender_id.is_none(), "sms.sender_id", required),
        (is(&[Nextsms, Africastalking]) && sms.username.is_none(), "sms.username", required),
        (is(&[Nextsms]) && sms.password.is_none(), "sms.password", required),
        (is(&[Beem, Africastalking]) && !has_key, "sms.api_key", required),
        (is(&[Zenopay]) && !has_any_key, "sms.api_key", "is required by ZenoPay SMS, unless zenopay.api_key is set"),
        (is(&[Beem]) && sms.secret_key.is_none(), "sms.secret_key", required),
    ]
}

/// A link to log in has a hash of it, so a short one could be guessed.
fn is_fas_key(text: &str) -> bool {
    (12..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
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

fn is_sender_id(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || " .-_&".contains(c);
    (1..=SENDER_ID_MAX).contains(&text.len()) && text.chars().all(is_allowed)
}

//! `[sms]`: who carries the SMS, and what each carrier needs.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::check::complain;
use super::{Config, ConfigError};
use crate::domain::people::secret::Secret;

/// GSM 03.38 gives an alphanumeric sender seven bits in ten octets.
const SENDER_ID_MAX: usize = 11;
/// An SMS is leased for two minutes while it is sent.
const TIMEOUT_MAX_MS: u64 = 60_000;

/// Who carries the SMS.
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

/// `[sms]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmsConfig {
    /// Who carries the SMS.
    #[serde(deserialize_with = "super::load::word")]
    pub provider: SmsProvider,
    /// The name that the handset shows, at most 11 characters.
    pub sender_id: Option<String>,
    /// NextSMS and Africa's Talking: the account.
    pub username: Option<String>,
    /// NextSMS.
    #[serde(deserialize_with = "super::load::optional_secret")]
    pub password: Option<Secret>,
    /// Beem, Africa's Talking and ZenoPay SMS.
    #[serde(deserialize_with = "super::load::optional_secret")]
    pub api_key: Option<Secret>,
    /// Beem.
    #[serde(deserialize_with = "super::load::optional_secret")]
    pub secret_key: Option<Secret>,
    /// Where the provider is; unset is where it says itself.
    pub base_url: Option<Url>,
    /// How long the provider may take, in milliseconds.
    pub timeout_ms: u64,
    /// After so many failed attempts a message is given up.
    pub attempts_max: u32,
}

impl Default for SmsConfig {
    fn default() -> Self {
        Self {
            provider: SmsProvider::Log,
            sender_id: None,
            username: None,
            password: None,
            api_key: None,
            secret_key: None,
            base_url: None,
            timeout_ms: 10_000,
            attempts_max: 10,
        }
    }
}

impl SmsConfig {
    /// How long the provider may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let sms = &config.sms;
    if sms.sender_id.as_ref().is_some_and(|id| !is_sender_id(id)) {
        return complain(
            "sms.sender_id",
            "must have 1 to 11 characters: letters, digits, spaces and .-_& in ASCII",
        );
    }
    if sms
        .base_url
        .as_ref()
        .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || url.host().is_none())
    {
        return complain("sms.base_url", "must begin with http:// or https://");
    }
    if !(1..=TIMEOUT_MAX_MS).contains(&sms.timeout_ms) {
        return complain("sms.timeout_ms", "must be from 1 to 60000");
    }
    if !(1..=100).contains(&sms.attempts_max) {
        return complain("sms.attempts_max", "must be from 1 to 100");
    }
    match missing(config) {
        Some(key) => complain(key, &format!("is required by {}", name(sms))),
        None => Ok(()),
    }
}

/// The first key that the provider needs and has not got.
fn missing(config: &Config) -> Option<&'static str> {
    let sms = &config.sms;
    let sender_id = ("sms.sender_id", sms.sender_id.is_some());
    let username = (
        "sms.username",
        sms.username.as_ref().is_some_and(|it| !it.is_empty()),
    );
    let password = ("sms.password", sms.password.is_some());
    let api_key = ("sms.api_key", sms.api_key.is_some());
    let secret_key = ("sms.secret_key", sms.secret_key.is_some());
    let zenopay_key = (
        "sms.api_key",
        sms.api_key.is_some() || config.zenopay.api_key.is_some(),
    );
    let needed = match sms.provider {
        SmsProvider::Log => vec![],
        SmsProvider::Nextsms => vec![sender_id, username, password],
        SmsProvider::Beem => vec![sender_id, api_key, secret_key],
        SmsProvider::Africastalking => vec![username, api_key],
        SmsProvider::Zenopay => vec![sender_id, zenopay_key],
    };
    let lacking = needed.into_iter().find(|(_, is_there)| !is_there);
    lacking.map(|(key, _)| key)
}

fn name(sms: &SmsConfig) -> &'static str {
    match sms.provider {
        SmsProvider::Log => "the log",
        SmsProvider::Nextsms => "NextSMS",
        SmsProvider::Beem => "Beem",
        SmsProvider::Africastalking => "Africa's Talking",
        SmsProvider::Zenopay => "ZenoPay SMS, unless zenopay.api_key is set",
    }
}

fn is_sender_id(text: &str) -> bool {
    (1..=SENDER_ID_MAX).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " .-_&".contains(c))
}

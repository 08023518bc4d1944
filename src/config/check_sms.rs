//! What a provider of SMS needs from the configuration.

use super::check::complain;
use super::{Config, ConfigError, SmsConfig, SmsProvider};

/// GSM 03.38 gives an alphanumeric sender seven bits in ten octets.
const SENDER_ID_MAX: usize = 11;
/// An SMS is leased for two minutes while it is sent.
const TIMEOUT_MAX_MS: u64 = 60_000;

pub(super) fn sms(config: &Config) -> Result<(), ConfigError> {
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

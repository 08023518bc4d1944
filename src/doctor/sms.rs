//! SMS: the provider, and what is held back.

use chrono::SecondsFormat;

use super::front::LOOK_AT_DATABASE;
use crate::config::{Config, Mode, SmsProvider};
use crate::domain::health::Finding;
use crate::sms;
use crate::store::Store;

/// Sends nothing: asks for the balance where the provider has such a call.
pub(super) async fn provider(config: &Config) -> Finding {
    const CHECK: &str = "sms";
    let carrier = match sms::carrier(&config.sms, config.zenopay.key(), config.zenopay.mode) {
        Ok(carrier) => carrier,
        Err(error) => return Finding::failed(CHECK, error.to_string(), ""),
    };
    match carrier.check().await {
        Ok(detail) if !carrier.is_ready() => {
            let hint = "Set sms.provider to the one with which the shop has an account";
            Finding::warning(CHECK, detail, hint)
        }
        Ok(detail) => Finding::ok(CHECK, detail),
        Err(detail) => Finding::failed(CHECK, detail, hint(config)),
    }
}

/// The keys that the provider's account is made of.
fn hint(config: &Config) -> &'static str {
    match (config.sms.provider, config.zenopay.mode) {
        (SmsProvider::Log, Mode::Sandbox | Mode::Live) => "",
        (SmsProvider::Nextsms, _) => "Compare sms.username and sms.password with the account",
        (SmsProvider::Beem, _) => "Compare sms.api_key and sms.secret_key with the account",
        (SmsProvider::Africastalking, _) => "Compare sms.username and sms.api_key with the account",
        (SmsProvider::Zenopay, _) => "Compare sms.api_key with the account",
    }
}

/// Held messages are no fault: they wait for an admin's decision.
pub(super) async fn outbox(store: &Store) -> Finding {
    const CHECK: &str = "outbox";
    match store.outbox_hold().await {
        Err(error) => {
            let detail = format!("it cannot be read whether messages are held back: {error}");
            Finding::failed(CHECK, detail, LOOK_AT_DATABASE)
        }
        Ok(None) => Finding::ok(CHECK, "nothing is held back"),
        Ok(Some(hold)) => {
            let since = hold.since.to_rfc3339_opts(SecondsFormat::Secs, true);
            let held = hold.describe();
            let detail = format!("{held} are held back since the backup was restored at {since}");
            Finding::warning(CHECK, detail, "Send or drop them in the console")
        }
    }
}

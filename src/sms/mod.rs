//! Hands an SMS to the service that delivers it. The relay decides when; this is only how.
//!
//! Nouns: a [`Provider`] takes messages; what it has [`Taken`] is not yet delivered; a
//! [`Receipt`] is its report of what became of one, where it gives any. One file a provider,
//! each to the letter of its documentation.
//!
//! # Invariants
//! No error holds a phone, a text, a key or anything else that was sent, because errors are
//! stored, logged and shown.

use std::sync::Arc;

use async_trait::async_trait;

use crate::config::{Mode, SmsConfig, SmsProvider};
use crate::domain::people::phone::Phone;
use crate::domain::people::secret::Secret;

mod africastalking;
mod beem;
mod http;
mod log;
mod nextsms;
mod zenopay;

#[cfg(test)]
mod tests;

/// The configured provider. Cheap to clone.
pub type Carrier = Arc<dyn Provider>;

/// One message. `Debug` is not derived: the text holds the voucher code.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// To whom.
    pub phone: &'a Phone,
    /// What.
    pub text: &'a str,
    /// The same at every attempt, where the provider has a place for it.
    pub reference: &'a str,
}

/// What the provider said when it took a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Its name for the message, to ask about it later.
    pub message_id: Option<String>,
    /// How many parts it counts and charges.
    pub parts: Option<u32>,
    /// Why it is not certain that it was taken: the HTTP status says so, and the body says
    /// nothing that we know. Such a message is not sent again by itself, because each copy is
    /// paid for; a person decides.
    pub unclear: Option<String>,
}

/// What became of a message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// On the handset.
    Delivered,
    /// It will not arrive, in the provider's word.
    Undelivered(String),
    /// Not known yet.
    Underway,
}

/// The provider did not take the message, as far as we know. After a 2xx only a clear no is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmsError {
    /// Not this message's fault, as far as we know: later may be better.
    #[error("{0}")]
    Later(String),
    /// This message will never be taken: a phone that does not exist or wants none.
    #[error("{0}")]
    Never(String),
}

/// Nothing can be sent with this configuration.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// A check of the configuration finds these first.
    #[error("configuration key `{0}` is missing")]
    Missing(&'static str),
    /// As on a machine without CA certificates.
    #[error("the HTTP client for SMS cannot be built")]
    Build(#[source] reqwest::Error),
}

/// A service that takes messages.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name, for the database.
    fn name(&self) -> &'static str;

    /// Whether messages go anywhere at all; if not they wait in the outbox.
    fn is_ready(&self) -> bool {
        true
    }

    /// Hands one message over. At least once: after a time-out it may have been taken.
    async fn send(&self, message: Message<'_>) -> Result<Taken, SmsError>;

    /// Whether [`receipt`](Self::receipt) ever tells anything.
    fn gives_receipts(&self) -> bool {
        false
    }

    /// What became of a message, by the provider's name for it.
    async fn receipt(&self, _message_id: &str) -> Result<Receipt, SmsError> {
        Ok(Receipt::Underway)
    }

    /// Looks, without sending anything, whether the provider would take messages: a sentence
    /// for `malipo check`, or what is wrong.
    async fn check(&self) -> Result<String, String>;
}

/// The configured provider. `zenopay_key` is for ZenoPay's own SMS, which may have none
/// of its own.
///
/// # Errors
/// The [`CarrierError`], for what the check of the configuration has let through.
pub fn carrier(
    config: &SmsConfig,
    zenopay_key: Secret,
    mode: Mode,
) -> Result<Carrier, CarrierError> {
    Ok(match config.provider {
        SmsProvider::Log => Arc::new(log::Log(mode)),
        SmsProvider::Nextsms => Arc::new(nextsms::NextSms::new(config)?),
        SmsProvider::Beem => Arc::new(beem::Beem::new(config)?),
        SmsProvider::Africastalking => Arc::new(africastalking::AfricasTalking::new(config)?),
        SmsProvider::Zenopay => Arc::new(zenopay::ZenoPay::new(config, zenopay_key)?),
    })
}

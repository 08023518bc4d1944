//! Sends an SMS through a provider. The relay decides when.
//!
//! A [`Carrier`] is the configured provider, with one file each that follows the provider's
//! documentation. What it has [`Accepted`] is not yet delivered; a [`Receipt`] reports the delivery,
//! where the provider has such reports.
//!
//! # Invariants
//! No error contains a phone, a text, a key or anything else that was sent, because errors are
//! stored, logged and shown.

use std::sync::Arc;

use tracing::info;

use crate::config::{Mode, SmsConfig, SmsProvider};
use crate::domain::people::Secret;

mod africastalking;
mod beem;
mod http;
mod message;
mod nextsms;
mod zenopay;

#[cfg(test)]
mod tests;

use http::Account;
pub use message::{Accepted, Message, Receipt, SmsError};

/// The configured provider, which accepts messages. Cheap to clone.
#[derive(Clone, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Carrier {
    /// Writes to the log, in the sandbox only. In live mode messages stay in the outbox until
    /// there is a provider: the log reaches no guest, and must not contain real codes.
    Log(Mode),
    /// NextSMS.
    Nextsms(Arc<Account>),
    /// Beem.
    Beem(Arc<Account>),
    /// Africa's Talking.
    Africastalking(Arc<Account>),
    /// ZenoPay's own SMS.
    Zenopay(Arc<Account>),
}

/// The configured provider. `zenopay_key` is for ZenoPay's own SMS, which needs no key of its own.
///
/// # Errors
/// If the HTTP client cannot be built, for example without CA certificates.
pub fn carrier(config: &SmsConfig, zenopay_key: Secret, mode: Mode) -> reqwest::Result<Carrier> {
    Ok(match config.provider {
        SmsProvider::Log => Carrier::Log(mode),
        SmsProvider::Nextsms => Carrier::Nextsms(nextsms::account(config)?),
        SmsProvider::Beem => Carrier::Beem(beem::account(config)?),
        SmsProvider::Africastalking => Carrier::Africastalking(africastalking::account(config)?),
        SmsProvider::Zenopay => Carrier::Zenopay(zenopay::account(config, zenopay_key)?),
    })
}

impl Carrier {
    /// Its name in the database.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Whether messages go anywhere at all; if not they wait in the outbox.
    pub fn is_ready(&self) -> bool {
        !matches!(self, Self::Log(Mode::Live))
    }

    /// Sends one message. At least once: after a time-out it may have been taken.
    ///
    /// # Errors
    /// The [`SmsError`].
    pub async fn send(&self, message: Message<'_>) -> Result<Accepted, SmsError> {
        match self {
            Self::Log(Mode::Live) => {
                let why = "sms.provider is `log`, which reaches no guest";
                Err(SmsError::Later(why.to_owned()))
            }
            Self::Log(Mode::Sandbox) => {
                let (to, text) = (message.phone.international(), message.text);
                // The one place that may write a phone and a code to the log.
                info!(to, text, reference = message.reference, "sms");
                Ok(Accepted::default())
            }
            Self::Nextsms(account) => nextsms::send(account, message).await,
            Self::Beem(account) => beem::send(account, message).await,
            Self::Africastalking(account) => africastalking::send(account, message).await,
            Self::Zenopay(account) => zenopay::send(account, message).await,
        }
    }

    /// Whether [`receipt`](Self::receipt) ever knows anything.
    pub fn gives_receipts(&self) -> bool {
        matches!(self, Self::Nextsms(_))
    }

    /// The state of a message, by the provider's name for it.
    ///
    /// # Errors
    /// [`SmsError::Later`].
    pub async fn receipt(&self, message_id: &str) -> Result<Receipt, SmsError> {
        match self {
            Self::Nextsms(account) => nextsms::receipt(account, message_id).await,
            Self::Log(_) | Self::Beem(_) | Self::Africastalking(_) | Self::Zenopay(_) => {
                Ok(Receipt::Underway)
            }
        }
    }

    /// Finds out, without sending anything, whether the provider would take messages: a sentence
    /// for `malipo check`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub async fn check(&self) -> Result<String, String> {
        match self {
            Self::Log(Mode::Sandbox) => Ok("written to the log".to_owned()),
            Self::Log(Mode::Live) => Ok(
                "`log` sends nothing: messages wait in the outbox and guests see their code on the portal alone"
                    .to_owned(),
            ),
            Self::Nextsms(account) => nextsms::check(account).await,
            Self::Beem(account) => beem::check(account).await,
            Self::Africastalking(account) => africastalking::check(account).await,
            Self::Zenopay(_) => Ok(zenopay::NOT_CHECKED.to_owned()),
        }
    }
}

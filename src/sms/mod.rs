//! Carrying an SMS to whoever delivers it. The relay decides when; this is only how.

use tracing::info;

use crate::config::{Mode, SmsProvider};
use crate::domain::phone::Phone;

/// The provider did not take the message.
#[derive(Debug, thiserror::Error)]
pub enum SmsError {
    /// Trying again may help.
    #[error("{0}")]
    Later(String),
}

/// Whom the configuration names.
#[derive(Clone, Copy, Debug)]
pub struct Carrier {
    provider: SmsProvider,
    mode: Mode,
}

impl Carrier {
    /// Carries by `provider`; to the log only in the sandbox.
    pub fn new(provider: SmsProvider, mode: Mode) -> Self {
        Self { provider, mode }
    }

    /// The provider's name, for the books.
    pub fn name(self) -> &'static str {
        match self.provider {
            SmsProvider::Log => "log",
            SmsProvider::Nextsms => "nextsms",
            SmsProvider::Beem => "beem",
            SmsProvider::Africastalking => "africastalking",
            SmsProvider::Zenopay => "zenopay",
        }
    }

    /// Hands one message over. "Taken" is not "delivered".
    ///
    /// # Errors
    /// [`SmsError::Later`] if the provider did not take it.
    pub async fn send(self, phone: &Phone, text: &str, reference: &str) -> Result<(), SmsError> {
        match (self.provider, self.mode) {
            (SmsProvider::Log, Mode::Sandbox) => {
                // The one place that may write a phone and a code to the log: it stands in
                // for the handset of the sandbox.
                info!(to = phone.international(), text, reference, "sms");
                Ok(())
            }
            // Kept in the outbox until somebody is there who carries it.
            (SmsProvider::Log, Mode::Live) => Err(SmsError::Later(
                "sms.provider is `log`, which tells no guest".to_owned(),
            )),
            // Refused when the configuration is checked.
            (
                SmsProvider::Nextsms
                | SmsProvider::Beem
                | SmsProvider::Africastalking
                | SmsProvider::Zenopay,
                _,
            ) => Err(SmsError::Later(format!("{} is not built", self.name()))),
        }
    }
}

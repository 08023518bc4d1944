//! Carrying an SMS to whoever delivers it. The relay decides when; this is only how.

use tracing::info;

use crate::config::SmsProvider;
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
}

impl Carrier {
    /// Carries by `provider`.
    pub fn new(provider: SmsProvider) -> Self {
        Self { provider }
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
        match self.provider {
            SmsProvider::Log => {
                // The one place that may write a phone and a code to the log: it stands in
                // for the handset of the sandbox.
                info!(to = phone.international(), text, reference, "sms");
                Ok(())
            }
            // Refused when the configuration is checked.
            SmsProvider::Nextsms
            | SmsProvider::Beem
            | SmsProvider::Africastalking
            | SmsProvider::Zenopay => Err(SmsError::Later(format!("{} is not built", self.name()))),
        }
    }
}

//! The provider of the sandbox: messages go to the log, which stands in for the handset.

use async_trait::async_trait;
use tracing::info;

use super::{Message, Provider, SmsError, Taken};
use crate::config::Mode;

/// Writes to the log, in the sandbox only. In live mode messages are kept in the outbox until
/// there is a provider: the log tells no guest, and must not hold what is true.
pub(super) struct Log(pub Mode);

#[async_trait]
impl Provider for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn is_ready(&self) -> bool {
        self.0 == Mode::Sandbox
    }

    async fn send(&self, message: Message<'_>) -> Result<Taken, SmsError> {
        if !self.is_ready() {
            let why = "sms.provider is `log`, which tells no guest";
            return Err(SmsError::Later(why.to_owned()));
        }
        let Message {
            phone,
            text,
            reference,
        } = message;
        // The one place that may write a phone and a code to the log.
        info!(to = phone.international(), text, reference, "sms");
        Ok(Taken::default())
    }

    async fn check(&self) -> Result<String, String> {
        let finding = match self.0 {
            Mode::Sandbox => "written to the log",
            Mode::Live => {
                "`log` sends nothing: messages wait in the outbox and guests see their code on the portal alone"
            }
        };
        Ok(finding.to_owned())
    }
}

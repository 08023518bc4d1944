//! The provider of the sandbox: messages go to the log, which stands in for the handset.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tracing::info;

use super::{Message, Provider, SmsError, Taken};
use crate::config::Mode;

/// Writes to the log, in the sandbox only.
pub(super) struct Log {
    mode: Mode,
}

impl Log {
    pub(super) fn new(mode: Mode) -> Self {
        Self { mode }
    }
}

impl Provider for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn is_ready(&self) -> bool {
        match self.mode {
            Mode::Sandbox => true,
            // Kept in the outbox until somebody is there who carries it: the log tells no
            // guest, and must not hold what is true.
            Mode::Live => false,
        }
    }

    fn send<'a>(&'a self, message: Message<'a>) -> BoxFuture<'a, Result<Taken, SmsError>> {
        async move {
            if !self.is_ready() {
                return Err(SmsError::Later(
                    "sms.provider is `log`, which tells no guest".to_owned(),
                ));
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
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        let finding = match self.mode {
            Mode::Sandbox => "written to the log",
            Mode::Live => {
                "`log` sends nothing: messages wait in the outbox and guests see their code on the portal alone"
            }
        };
        async move { Ok(finding.to_owned()) }.boxed()
    }
}

//! The messages that a database restored from a backup holds back: SMS and Disconnect-Requests.
//!
//! A backup may be days old, and its queue with it: messages sent since would be sent again, also
//! with codes that were replaced since.

use chrono::{DateTime, Utc};
use strum::{EnumString, IntoStaticStr};

/// The messages held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxHold {
    /// When the backup was restored.
    pub since: DateTime<Utc>,
    /// SMS that wait.
    pub sms: Waiting,
    /// Disconnect-Requests that wait.
    pub disconnects: Waiting,
}

/// How many messages of a kind wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// All of them, also those of sales since the restore.
    pub all: u64,
    /// Those that came with the backup.
    pub old: u64,
}

impl OutboxHold {
    /// The number of waiting messages, in words.
    pub fn describe(&self) -> String {
        let (sms, disconnects) = (self.sms.all, self.disconnects.all);
        let plural = if disconnects == 1 { "" } else { "s" };
        format!("{sms} SMS and {disconnects} Disconnect-Request{plural}")
    }
}

/// What becomes of the messages that came with the backup. Newer ones are sent in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum Queued {
    /// They are sent.
    Send,
    /// They are given up.
    Drop,
}

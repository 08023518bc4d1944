//! A message to a provider, and what the provider says of it.

use crate::domain::people::Phone;

/// One message. `Debug` is not derived: the text contains the voucher code.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The receiver.
    pub phone: &'a Phone,
    /// What the receiver reads.
    pub text: &'a str,
    /// The same at every attempt; not every provider has a field for it.
    pub reference: &'a str,
}

/// The provider's answer to a message that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The provider's name for the message, to ask about it later.
    pub message_id: Option<String>,
    /// How many parts it counts and charges.
    pub parts: Option<u32>,
    /// Why it is not certain that the message was taken: the HTTP status means success, but the
    /// body is not understood. Such a message is not sent again automatically, because each copy is
    /// paid for; a person decides.
    pub unclear: Option<String>,
}

/// The state of a message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// On the handset.
    Delivered,
    /// It will not arrive, in the provider's word.
    Undelivered(String),
    /// Not known yet.
    Underway,
}

/// The provider did not take the message, as far as we know. After a 2xx only an explicit refusal
/// counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmsError {
    /// Another attempt may succeed.
    #[error("{0}")]
    Later(String),
    /// This message will never be taken: a phone that does not exist or wants no messages.
    #[error("{0}")]
    Never(String),
}

//! What ZenoPay sends, and why it may be answered with an error.

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::task::JoinError;

use crate::domain::order::{OrderId, Outcome};
use crate::gateways::zenopay::proof::{Keys, PathToken};
use crate::gateways::zenopay::wire::{Notification, Unreadable, read_webhook};
use crate::store::{DeliveryRecord, StoreError};

/// One POST from ZenoPay, or from a sender that claims to be ZenoPay.
pub struct Delivery {
    /// As sent; at most 64 KiB.
    pub body: Bytes,
    /// `x-api-key`, if there is one.
    pub key: Option<Vec<u8>>,
    /// What follows `webhook/zenopay/` in the URL, if anything.
    pub path_token: Option<String>,
    /// As sent; the body decides.
    pub content_type: Option<String>,
    /// When its last byte was here.
    pub received_at: DateTime<Utc>,
    /// The same moment, for measuring.
    pub received: Instant,
}

/// A delivery that was read. Nothing later looks at its JSON.
pub(in crate::actors) struct ParsedWebhook {
    /// The order that it is about: the one in the body, else the one in the URL.
    pub named: Option<OrderId>,
    /// What the body says.
    pub said: Result<Notification, Unreadable>,
    /// `x-api-key`, if there is one.
    pub key: Option<Vec<u8>>,
    pub token: Token,
    /// What the journal gets; without proof until there is one.
    pub record: DeliveryRecord,
}

/// What stands in the place of a token.
pub(in crate::actors) enum Token {
    Absent,
    /// Something, but no token.
    Garbage,
    Present(PathToken),
}

impl ParsedWebhook {
    pub fn read(delivery: Delivery) -> Self {
        let said = read_webhook(&delivery.body);
        let token = match delivery.path_token.as_deref().map(PathToken::read) {
            None => Token::Absent,
            Some(None) => Token::Garbage,
            Some(Some(token)) => Token::Present(token),
        };
        let readable = said.as_ref().ok();
        let in_url = match &token {
            Token::Present(token) => Some(token.order_id),
            Token::Absent | Token::Garbage => None,
        };
        let named = readable.and_then(|said| said.names).or(in_url);
        // One spelling an order, so that the journal's own unique key sees copies.
        let spelled = named.map(|order_id| order_id.to_string());
        let report = readable.map(|said| &said.report);
        let record = DeliveryRecord {
            order_id: spelled.or_else(|| readable.map(|said| said.order_id.clone())),
            proof: None,
            source: "webhook",
            word: report.map(|report| report.raw_word.clone()),
            reference: report.and_then(|report| report.reference.clone()),
            amount: report.and_then(|report| report.amount.whole()),
            received_at: delivery.received_at,
            received: delivery.received,
            content_type: delivery.content_type,
            body: delivery.body,
        };
        Self {
            named,
            said,
            key: delivery.key,
            token,
            record,
        }
    }

    /// The same to be kept: its body without our keys, should it carry one.
    pub fn redacted(mut self, keys: &Keys) -> Self {
        self.record.body = keys.redact(self.record.body);
        self
    }

    /// The order that the body names, if it names one.
    pub fn in_body(&self) -> Option<OrderId> {
        self.said.as_ref().ok()?.names
    }
}

/// Why a delivery is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Not proven: a stranger learns nothing.
    #[error("not authentic")]
    NotAuthentic,
    /// Proven and journalled, but no order of ours.
    #[error("no order of ours")]
    UnknownOrder,
    /// Proven and journalled, but not readable.
    #[error("{0}")]
    Malformed(Unreadable),
    /// Too many messages wait; another copy succeeds.
    #[error("too busy")]
    Busy,
    /// The database cannot be reached; another copy succeeds.
    #[error("the database is not available")]
    Unavailable,
    /// The answer could not wait for the database; another copy finds out.
    #[error("it is not known whether the commit took place")]
    CommitUnknown,
    /// Our own failure, journalled; nothing was changed.
    #[error("our own failure")]
    Internal,
}

impl Rejection {
    /// The label of `malipo_webhooks_total`: all that is answered 503 is `busy`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotAuthentic => "unauthenticated",
            Self::UnknownOrder => Outcome::UnknownOrder.as_str(),
            Self::Malformed(_) => Outcome::Malformed.as_str(),
            Self::Busy | Self::Unavailable | Self::CommitUnknown => "busy",
            Self::Internal => Outcome::Error.as_str(),
        }
    }
}

impl From<JoinError> for Rejection {
    fn from(_: JoinError) -> Self {
        Self::Internal
    }
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        match error {
            // Three other writers in a row: another copy will find it quiet.
            StoreError::Conflict | StoreError::CodeTaken => Self::Busy,
            StoreError::Unavailable(_) | StoreError::Locked(_) | StoreError::InUse(_) => {
                Self::Unavailable
            }
            StoreError::CommitUnknown(_) => Self::CommitUnknown,
            StoreError::Aborted(_) | StoreError::Corrupt(_) | StoreError::Panicked(_) => {
                Self::Internal
            }
        }
    }
}

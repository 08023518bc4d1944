//! A webhook as it was received and parsed, its claim to be genuine, and the reasons to refuse it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::domain::order::{OrderId, Outcome};
use crate::gateways::zenopay::proof::{Keys, PathToken, Proof};
use crate::gateways::zenopay::wire::{Notification, Unreadable, read_webhook};
use crate::store::{DeliveryRecord, StoreError};

/// Unverified webhooks in the process: eight status checks, each shared by 32 (`unverified.rs`).
const UNVERIFIED_MAX: usize = 256;
/// Webhooks to an order's own URL whose secret is looked up. A read takes milliseconds, so this
/// many wait only for a database that does not answer.
const LOOKUPS_MAX: usize = 1_024;

/// One POST from ZenoPay, or from a sender that claims to be ZenoPay.
pub struct Delivery {
    /// As sent; at most 64 KiB.
    pub body: Bytes,
    /// `x-api-key`, if there is one.
    pub key: Option<Vec<u8>>,
    /// What follows `webhook/zenopay/` in the URL, if anything.
    pub path_token: Option<String>,
    /// As sent. Only recorded: the format is detected from the body.
    pub content_type: Option<String>,
    /// When its last byte was received, by the database's clock.
    pub received_at: DateTime<Utc>,
    /// The same moment on the monotonic clock.
    pub received: Instant,
}

/// A parsed webhook. Nothing later looks at its JSON.
pub(in crate::actors) struct ParsedWebhook {
    /// The order that it is about: the one in the body, else the one in the URL.
    pub named: Option<OrderId>,
    /// What the body says.
    pub said: Result<Notification, Unreadable>,
    /// `x-api-key`, if there is one.
    pub key: Option<Vec<u8>>,
    pub token: Token,
    /// The row for the journal; without proof until there is one.
    pub record: DeliveryRecord,
}

/// The token in the URL.
pub(in crate::actors) enum Token {
    Absent,
    /// Not of the form `ORDER_ID.SECRET`.
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
        // One spelling per order, so that the journal's unique key finds copies.
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

    /// Removes our keys from the body that is kept, should it contain one.
    pub fn redacted(mut self, keys: &Keys) -> Self {
        self.record.body = keys.redact(self.record.body);
        self
    }

    /// The order that the body names, if it names one.
    pub fn in_body(&self) -> Option<OrderId> {
        self.said.as_ref().ok()?.names
    }
}

/// What a webhook offers as its proof.
pub(in crate::actors) enum Claim {
    /// No proof. It is about this order.
    Unverified(OrderId),
    /// The secret of an order's own URL, which is to be compared.
    Token {
        by_key: Option<Proof>,
        token: PathToken,
    },
    /// It is proven.
    Proven(Proof),
}

/// Places of webhooks that are not proven yet. A proven one takes the place that its message has
/// in the process (`actors.in_flight_max`).
pub(in crate::actors) struct Unproven {
    pub lookups: Arc<Semaphore>,
    pub unverified: Arc<Semaphore>,
}

impl Default for Unproven {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            unverified: Arc::new(Semaphore::new(UNVERIFIED_MAX)),
        }
    }
}

/// Why a webhook is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Not proven. The sender learns nothing more.
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
    /// The outcome of the COMMIT is not known; another copy finds out.
    #[error("it is not known whether the commit took place")]
    CommitUnknown,
    /// An internal failure. It is journalled, unless the task of a replay panicked.
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
            // Three conflicts in a row; another copy succeeds.
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

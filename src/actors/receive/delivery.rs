//! A webhook as it was received and parsed, its claim to be genuine, and the reasons to refuse it.

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::domain::order::{OrderId, Outcome};
use crate::gateways::zenopay::proof::{Keys, PathToken, Proof};
use crate::gateways::zenopay::wire::{Notification, Unreadable, read_webhook};
use crate::store::{DeliveryRecord, StoreError};

/// One POST from ZenoPay, or from a sender that claims to be ZenoPay.
pub struct Delivery {
    /// As sent; at most 64 KiB.
    pub body: Bytes,
    /// `x-api-key`, if there is one; several lines are joined by commas.
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
    pub order_id: Option<OrderId>,
    /// What the body says.
    pub notification: Result<Notification, Unreadable>,
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
    /// Parses a delivery. `keys` are redacted from the body that is kept.
    pub fn read(delivery: Delivery, keys: &Keys) -> Self {
        let notification = read_webhook(&delivery.body);
        let token = match delivery.path_token.as_deref().map(PathToken::read) {
            None => Token::Absent,
            Some(None) => Token::Garbage,
            Some(Some(token)) => Token::Present(token),
        };
        let readable = notification.as_ref().ok();
        let in_url = match &token {
            Token::Present(token) => Some(token.order_id),
            Token::Absent | Token::Garbage => None,
        };
        let order_id = readable.and_then(|it| it.order_id).or(in_url);
        // One spelling per order, so that the journal's unique key finds copies.
        let spelled = order_id.map(|order_id| order_id.to_string());
        let report = readable.map(|it| &it.report);
        let record = DeliveryRecord {
            order_id: spelled.or_else(|| readable.map(|it| it.raw_order_id.clone())),
            proof: None,
            source: "webhook",
            word: report.map(|report| report.raw_word.clone()),
            reference: report.and_then(|report| report.reference.clone()),
            amount: report.and_then(|report| report.amount.whole()),
            received_at: delivery.received_at,
            received: delivery.received,
            content_type: delivery.content_type,
            body: keys.redact(delivery.body),
            is_surplus: false,
        };
        let webhook = Self {
            order_id,
            notification,
            key: delivery.key,
            token,
            record,
        };
        match webhook.token {
            Token::Present(_) => webhook.at_own_url(),
            Token::Absent | Token::Garbage => webhook,
        }
    }

    /// At an order's own URL, a body that names no order cannot be read: ZenoPay knows what it meant.
    pub fn at_own_url(mut self) -> Self {
        let read = self.notification;
        self.notification = read.and_then(|it| match it.order_id {
            Some(_) => Ok(it),
            None => Err(Unreadable::OtherOrderId),
        });
        self
    }

    /// The order that the body names, if it names one.
    pub fn in_body(&self) -> Option<OrderId> {
        self.notification.as_ref().ok()?.order_id
    }
}

/// What a webhook offers as its proof.
pub(in crate::actors) enum Claim {
    /// No proof. It is about this order.
    Unverified(OrderId),
    /// The secret of an order's own URL, not compared yet. It must match even if the key is right
    /// (`by_key`).
    Token {
        by_key: Option<Proof>,
        token: PathToken,
    },
    /// It is proven.
    Proven(Proof),
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
    /// Nothing may be sold by the server's clock; another copy succeeds when it is right.
    #[error("the clock is wrong")]
    WrongClock,
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
        match self.outcome() {
            Some(outcome) => outcome.as_str(),
            None if matches!(self, Self::NotAuthentic) => "unauthenticated",
            None => "busy",
        }
    }

    /// The outcome in the journal; `None` if such webhooks are not journalled.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::UnknownOrder => Some(Outcome::UnknownOrder),
            Self::Malformed(_) => Some(Outcome::Malformed),
            Self::Internal => Some(Outcome::Error),
            Self::NotAuthentic
            | Self::Busy
            | Self::Unavailable
            | Self::WrongClock
            | Self::CommitUnknown => None,
        }
    }
}

impl From<StoreError> for Rejection {
    fn from(error: StoreError) -> Self {
        match error {
            // Three conflicts in a row; another copy succeeds.
            StoreError::Conflict | StoreError::CodeTaken => Self::Busy,
            StoreError::WrongClock(_) => Self::WrongClock,
            StoreError::Unavailable(_)
            | StoreError::Locked(_)
            | StoreError::Full(_)
            | StoreError::ReadOnly(_)
            | StoreError::Unusable(_) => Self::Unavailable,
            StoreError::CommitUnknown(_) => Self::CommitUnknown,
            StoreError::Aborted(_) | StoreError::Corrupt(_) | StoreError::Panicked(_) => {
                Self::Internal
            }
        }
    }
}

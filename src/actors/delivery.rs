//! What ZenoPay sends and what it is told.

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::order::Weighed;
use crate::domain::ids::OrderId;
use crate::domain::outcome::Outcome;
use crate::domain::payment::Status;
use crate::store::{DeliveryRecord, StoreError};
use crate::zenopay::proof::{Keys, PathToken, Proof};
use crate::zenopay::wire::{Notification, Unreadable, read_webhook};

/// One POST from ZenoPay, or from somebody who says so.
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

/// A delivery that has been read. Nothing later looks at JSON.
pub(super) struct Letter {
    pub delivery: Delivery,
    pub told: Result<Notification, Unreadable>,
    /// The order that the body names, if it names one.
    pub in_body: Option<OrderId>,
    pub token: Token,
}

/// What stands in the place of a token.
pub(super) enum Token {
    Absent,
    /// Something, but no token.
    Garbage,
    Present(PathToken),
}

impl Letter {
    pub fn open(delivery: Delivery) -> Self {
        let told = read_webhook(&delivery.body);
        let token = match delivery.path_token.as_deref().map(PathToken::read) {
            None => Token::Absent,
            Some(None) => Token::Garbage,
            Some(Some(token)) => Token::Present(token),
        };
        let in_body = told.as_ref().ok().and_then(|told| told.names);
        Self {
            delivery,
            told,
            in_body,
            token,
        }
    }

    /// The same to be kept: its body without our keys, should it carry one.
    pub fn redacted(mut self, keys: &Keys) -> Self {
        self.delivery.body = keys.redact(self.delivery.body);
        self
    }

    /// Which order it is about, by what it says.
    pub fn named(&self) -> Option<OrderId> {
        self.in_body.or(match &self.token {
            Token::Present(token) => Some(token.order_id),
            Token::Absent | Token::Garbage => None,
        })
    }

    /// Its line in the journal; without proof if we failed before we knew.
    pub fn record(&self, proof: Option<Proof>) -> DeliveryRecord {
        let told = self.told.as_ref().ok();
        // One spelling an order, so that the journal's own unique key sees copies.
        let order_id = match (self.named(), told) {
            (Some(order_id), _) => Some(order_id.to_string()),
            (None, Some(told)) => Some(told.order_id.clone()),
            (None, None) => None,
        };
        DeliveryRecord {
            order_id,
            proof: proof.map(Proof::as_str),
            source: "webhook",
            word: told.map(|told| told.report.raw_word.clone()),
            reference: told.and_then(|told| told.report.reference.clone()),
            amount: told.and_then(|told| told.report.amount.whole()),
            received_at: self.delivery.received_at,
            received: self.delivery.received,
            content_type: self.delivery.content_type.clone(),
            body: self.delivery.body.clone(),
        }
    }
}

/// What ZenoPay is told: this is safe with us.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// The order's name.
    pub order_id: OrderId,
    /// Where the order stands now.
    pub status: Status,
    /// What the delivery meant.
    pub outcome: Outcome,
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

impl From<&Weighed> for Acknowledged {
    fn from(weighed: &Weighed) -> Self {
        Self {
            order_id: weighed.payment.order_id,
            status: weighed.payment.status,
            outcome: weighed.outcome,
        }
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

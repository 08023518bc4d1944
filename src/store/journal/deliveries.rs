//! The journal, written: one row for each delivery that was answered, and one for each call to the
//! gateway.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::{gateway_calls, webhook_deliveries};
use sea_orm::ActiveValue::Set;

use crate::domain::catalog::money::Tzs;
use crate::domain::order::ids::OrderId;
use crate::domain::order::outcome::Outcome;
use crate::store::engine::writer::Rows;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, StoreError};

/// One POST from ZenoPay, as received.
#[derive(Clone)]
pub struct DeliveryRecord {
    /// As the sender named it; perhaps no order of ours, perhaps no UUID.
    pub order_id: Option<String>,
    /// Why it was believed, as in `key` or `token`; `None` if we failed before we knew.
    pub proof: Option<&'static str>,
    /// Where it came from, as in `webhook` or `replay`.
    pub source: &'static str,
    /// ZenoPay's word, if it could be read.
    pub word: Option<String>,
    /// ZenoPay's number for the payment.
    pub reference: Option<String>,
    /// What was paid, if the delivery says so.
    pub amount: Option<Tzs>,
    /// When its last byte was here.
    pub received_at: DateTime<Utc>,
    /// The same moment, for measuring.
    pub received: Instant,
    /// As sent.
    pub content_type: Option<String>,
    /// As sent.
    pub body: Bytes,
}

/// One call to ZenoPay.
#[derive(Clone, Debug)]
pub struct GatewayCall {
    /// About which order.
    pub order_id: OrderId,
    /// `create` or `order_status`.
    pub kind: &'static str,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration: Duration,
    /// `None` when no answer came.
    pub http_status: Option<u16>,
    /// What we understood, in a word.
    pub answer: String,
    /// What else there is to know; no phone, no key.
    pub detail: Option<String>,
}

impl Store {
    /// Journals a delivery that changed nothing, with the act of the operator who replayed it, if
    /// one did.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; the delivery must
    /// then not be acknowledged.
    pub async fn journal(
        &self,
        delivery: DeliveryRecord,
        outcome: Outcome,
        audit: Option<AuditEntry>,
    ) -> Result<(), StoreError> {
        let mut rows = Rows::default();
        if let Some(entry) = audit {
            rows.add(audit_log::row(&entry, self.clock().now()));
        }
        rows.add_delivery(row(&delivery, outcome), delivery.received);
        self.insert(rows).await
    }

    /// Keeps a call for the order's timeline.
    ///
    /// # Errors
    /// As `Store::insert`.
    pub async fn record_call(&self, call: GatewayCall) -> Result<(), StoreError> {
        let mut rows = Rows::default();
        rows.add(gateway_calls::ActiveModel {
            order_id: Set(call.order_id.0),
            kind: Set(call.kind.to_owned()),
            at: Set(call.at),
            duration_ms: Set(call.duration.as_secs_f64() * 1_000.0),
            http_status: Set(call.http_status.map(i32::from)),
            answer: Set(call.answer),
            detail: Set(call.detail),
            ..Default::default()
        });
        self.insert(rows).await
    }
}

/// One row of the journal; the writer measures `processing_ms` when it makes the last statement
/// before the commit.
pub(in crate::store) fn row(
    delivery: &DeliveryRecord,
    outcome: Outcome,
) -> webhook_deliveries::ActiveModel {
    webhook_deliveries::ActiveModel {
        order_id: Set(delivery.order_id.clone()),
        outcome: Set(outcome.as_str().to_owned()),
        proof: Set(delivery.proof.map(str::to_owned)),
        source: Set(Some(delivery.source.to_owned())),
        word: Set(delivery.word.clone()),
        reference: Set(delivery.reference.clone()),
        amount: Set(delivery.amount.map(|amount| amount.0)),
        received_at: Set(delivery.received_at),
        content_type: Set(delivery.content_type.clone()),
        body: Set(delivery.body.to_vec()),
        ..Default::default()
    }
}

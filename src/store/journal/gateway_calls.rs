//! What we asked ZenoPay and what we understood.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entities::gateway_calls;
use sea_orm::ActiveValue::Set;

use crate::domain::order::ids::OrderId;
use crate::store::engine::writer::Rows;
use crate::store::{Store, StoreError};

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
    /// Keeps a call for the order's timeline.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn record_call(&self, call: GatewayCall) -> Result<(), StoreError> {
        let row = gateway_calls::ActiveModel {
            order_id: Set(call.order_id.0),
            kind: Set(call.kind.to_owned()),
            at: Set(call.at),
            duration_ms: Set(call.duration.as_secs_f64() * 1_000.0),
            http_status: Set(call.http_status.map(i32::from)),
            answer: Set(call.answer),
            detail: Set(call.detail),
            ..Default::default()
        };
        let mut rows = Rows::default();
        rows.add(row);
        self.insert(rows).await
    }
}

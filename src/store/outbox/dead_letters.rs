//! Dead letters: SMS and Disconnect-Requests that failed or were given up.

use chrono::{DateTime, Utc};
use entities::{outbox_messages, payments, sms_messages};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::order::ids::OrderId;
use crate::store::{Store, StoreError};

/// States of what has not arrived.
const NOT_ARRIVED: [&str; 2] = ["failed", "dead"];

/// A message that has not arrived. `Debug` is not derived: errors may hold phones.
#[derive(Clone)]
pub struct DeadLetter {
    /// Its number in its outbox.
    pub id: i64,
    /// What it tells, as in `voucher` or `refunded`.
    pub kind: String,
    /// The order, if it is about one.
    pub order_id: Option<OrderId>,
    /// The phone or the router.
    pub to: String,
    /// Given up; otherwise it is tried again.
    pub is_dead: bool,
    /// How often it was tried.
    pub attempts: i32,
    /// What last went wrong.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When it is tried again.
    pub due_at: DateTime<Utc>,
}

/// Both outboxes.
#[derive(Clone, Default)]
pub struct DeadLetters {
    /// To guests, newest first.
    pub sms: Vec<DeadLetter>,
    /// How many there are to guests, also of those that are left out.
    pub sms_count: u64,
    /// To routers, newest first.
    pub disconnects: Vec<DeadLetter>,
    /// How many there are to routers, also of those that are left out.
    pub disconnects_count: u64,
}

impl Store {
    /// The newest dead letters, at most `limit` of each kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn dead_letters(&self, limit: u64) -> Result<DeadLetters, StoreError> {
        let store = self.clone();
        self.read(async move {
            let reader = &store.inner.reader;
            let sms =
                sms_messages::Entity::find().filter(sms_messages::Column::State.is_in(NOT_ARRIVED));
            let disconnects = outbox_messages::Entity::find()
                .filter(outbox_messages::Column::State.is_in(NOT_ARRIVED));
            let sms_count = sms.clone().count(reader).await?;
            let disconnects_count = disconnects.clone().count(reader).await?;
            let sms = sms
                .order_by_desc(sms_messages::Column::Id)
                .limit(limit)
                .find_also_related(payments::Entity)
                .all(reader)
                .await?;
            let disconnects = disconnects
                .order_by_desc(outbox_messages::Column::Id)
                .limit(limit)
                .all(reader)
                .await?;
            Ok(DeadLetters {
                sms: sms
                    .into_iter()
                    .map(|(row, order)| dead_sms(row, order))
                    .collect(),
                sms_count,
                disconnects: disconnects.into_iter().map(dead_disconnect).collect(),
                disconnects_count,
            })
        })
        .await
    }
}

fn dead_sms(row: sms_messages::Model, order: Option<payments::Model>) -> DeadLetter {
    DeadLetter {
        id: row.id,
        kind: row.kind,
        order_id: order.map(|order| OrderId(order.order_id)),
        to: row.phone,
        is_dead: row.state == "dead",
        attempts: row.attempts,
        last_error: row.last_error,
        created_at: row.created_at,
        due_at: row.due_at,
    }
}

fn dead_disconnect(row: outbox_messages::Model) -> DeadLetter {
    DeadLetter {
        id: row.id,
        kind: row.reason,
        order_id: row.order_id.map(OrderId),
        to: row.router,
        is_dead: row.state == "dead",
        attempts: row.attempts,
        last_error: row.last_error,
        created_at: row.created_at,
        due_at: row.due_at,
    }
}

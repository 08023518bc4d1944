//! Lines of an order's timeline that are in no other table.

use chrono::{DateTime, Utc};
use entities::order_events;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::domain::order::decision::{Level, Remark};
use crate::domain::order::ids::OrderId;
use crate::store::engine::writer::Rows;
use crate::store::{Store, StoreError};

impl Store {
    /// Adds a line to an order's timeline, in a transaction of its own.
    ///
    /// # Errors
    /// As `Store::insert`.
    pub async fn remark(&self, order_id: OrderId, remark: Remark) -> Result<(), StoreError> {
        let mut rows = Rows::default();
        rows.add(row(order_id, &remark, self.clock().now()));
        self.insert(rows).await
    }
}

/// Writes one line.
pub(in crate::store) async fn insert(
    db: &impl ConnectionTrait,
    order_id: OrderId,
    remark: &Remark,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let line = order_events::Entity::insert(row(order_id, remark, at));
    line.exec_without_returning(db).await?;
    Ok(())
}

/// One line.
pub(in crate::store) fn row(
    order_id: OrderId,
    remark: &Remark,
    at: DateTime<Utc>,
) -> order_events::ActiveModel {
    let level = match remark.level {
        Level::Note => "note",
        Level::Alert => "alert",
    };
    order_events::ActiveModel {
        order_id: Set(order_id.0),
        at: Set(at),
        kind: Set(remark.kind.to_owned()),
        level: Set(level.to_owned()),
        summary: Set(remark.text.clone()),
        reference: Set(remark.reference.clone()),
        ..Default::default()
    }
}

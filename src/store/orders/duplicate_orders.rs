//! Two orders for one purchase: the guest bought again before the first money was known, and
//! then both were paid. Found by looking, not written down, so that a sale costs nothing more
//! and a refund of either settles it. The report of a day asks the same (`reports/sql.rs`).

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::domain::history::Twin;
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::{Payment, Status};
use crate::store::StoreError;
use crate::store::engine::pool::Pool;

/// Two purchases further apart are two.
const NEAR: TimeDelta = TimeDelta::days(1);

/// The other orders for the purchase that this order was made for.
pub(in crate::store) async fn of(db: &Pool, payment: &Payment) -> Result<Vec<Twin>, StoreError> {
    let (Status::Completed, Some(sold_at)) = (payment.status, payment.processed_at) else {
        return Ok(Vec::new());
    };
    let made_at = payment.created_at;
    let others: Vec<(Uuid, DateTime<Utc>, Option<DateTime<Utc>>)> = payments::Entity::find()
        .select_only()
        .column(payments::Column::OrderId)
        .column(payments::Column::CreatedAt)
        .column(payments::Column::ProcessedAt)
        .filter(payments::Column::Phone.eq(payment.phone.international()))
        .filter(payments::Column::CreatedAt.between(made_at - NEAR, made_at + NEAR))
        .filter(payments::Column::PackageCode.eq(payment.terms.code.as_str()))
        .filter(payments::Column::Status.eq(Status::Completed.as_str()))
        .filter(payments::Column::Id.ne(payment.id))
        .into_tuple()
        .all(db)
        .await?;
    let twins = others.into_iter().filter_map(|(order_id, made, sold)| {
        let other_sold_at = sold?;
        // When the one that was sold last was made, the other was not sold yet.
        let is_twin = if other_sold_at > sold_at {
            sold_at > made
        } else {
            other_sold_at > made_at
        };
        is_twin.then(|| Twin {
            order_id: OrderId(order_id),
            at: sold_at.max(other_sold_at),
        })
    });
    Ok(twins.collect())
}

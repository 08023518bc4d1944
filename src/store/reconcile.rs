//! Which orders are to be looked at, shared between processes by leases.

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Store, StoreError};
use crate::domain::ids::OrderId;
use crate::domain::payment::Status;

/// Where an order stands that ZenoPay is asked about again and again.
const OPEN: [&str; 2] = [Status::Pending.as_str(), Status::Expired.as_str()];

/// An order whose due time has come and which is ours to look at until the lease ends.
#[derive(Clone, Debug)]
pub struct DueOrder {
    /// Which.
    pub order_id: OrderId,
    /// Where it stood when it was claimed.
    pub status: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When PENDING becomes EXPIRED.
    pub deadline_at: DateTime<Utc>,
}

impl DueOrder {
    /// Whether nobody has paid in time.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.status == Status::Pending.as_str() && self.deadline_at <= now
    }
}

impl Store {
    /// Claims orders that are due at `now` (the database's clock), the longest overdue first,
    /// by moving their due time forward by `lease`. Whoever moves it has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn claim_due(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<DueOrder>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let due = payments::Entity::find()
                .filter(payments::Column::DueAt.lte(now))
                .order_by_asc(payments::Column::DueAt)
                .limit(most)
                .all(&store.inner.reader)
                .await?;
            let mut claimed = Vec::with_capacity(due.len());
            for row in due {
                let moved = payments::Entity::update_many()
                    .col_expr(payments::Column::DueAt, Expr::value(now + lease))
                    .filter(payments::Column::Id.eq(row.id))
                    .filter(payments::Column::DueAt.eq(row.due_at))
                    .exec(&store.inner.writer)
                    .await?;
                if moved.rows_affected == 1 {
                    claimed.push(DueOrder {
                        order_id: OrderId(row.order_id),
                        status: row.status,
                        created_at: row.created_at,
                        deadline_at: row.deadline_at,
                    });
                }
            }
            Ok(claimed)
        })
        .await
    }

    /// Sets when an open order is looked at next. A final one is left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn reschedule(
        &self,
        order_id: OrderId,
        due_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(due_at))
                .col_expr(
                    payments::Column::Asks,
                    Expr::col(payments::Column::Asks).add(1),
                )
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(payments::Column::Status.is_in(OPEN))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }

    /// Has ZenoPay asked no more about an order that is settled. An open one is left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn ask_no_more(&self, order_id: OrderId) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(None::<DateTime<Utc>>))
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(payments::Column::Status.is_not_in(OPEN))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }

    /// Has ZenoPay asked about an order at `due_at` at the latest, if it is still open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn ask_by(&self, order_id: OrderId, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(due_at))
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(payments::Column::DueAt.gt(due_at))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }
}

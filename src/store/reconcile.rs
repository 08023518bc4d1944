//! Which orders are to be looked at, shared between processes by leases.

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{Store, StoreError, rows};
use crate::domain::ids::OrderId;
use crate::domain::payment::Status;

/// An order whose due time has come and which is ours to look at until the lease ends.
#[derive(Clone, Debug)]
pub struct DueOrder {
    /// Which.
    pub order_id: OrderId,
    /// Where it stood when it was claimed.
    pub status: Status,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it is ours: as long as this is its due time, nobody else has touched it.
    leased_until: DateTime<Utc>,
}

impl Store {
    /// PENDING orders whose deadline has passed at `now` (the database's clock). Not
    /// claimed: expiring twice does nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn overdue(&self, now: DateTime<Utc>, most: u64) -> Result<Vec<OrderId>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let overdue = payments::Entity::find()
                .select_only()
                .column(payments::Column::OrderId)
                .filter(rows::is_open())
                .filter(payments::Column::Status.eq(Status::Pending.as_str()))
                .filter(payments::Column::DeadlineAt.lte(now))
                .limit(most)
                .into_tuple::<Uuid>()
                .all(&store.inner.reader)
                .await?;
            Ok(overdue.into_iter().map(OrderId).collect())
        })
        .await
    }

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
        let leased_until = now + lease;
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
                    .col_expr(payments::Column::DueAt, Expr::value(leased_until))
                    .filter(payments::Column::Id.eq(row.id))
                    .filter(payments::Column::DueAt.eq(row.due_at))
                    .exec(&store.inner.writer)
                    .await?;
                if moved.rows_affected == 1 {
                    claimed.push(DueOrder {
                        order_id: OrderId(row.order_id),
                        status: rows::status(&row.status)?,
                        created_at: row.created_at,
                        leased_until,
                    });
                }
            }
            Ok(claimed)
        })
        .await
    }

    /// Counts an ask and sets when a claimed order is looked at next. If somebody has set
    /// another time meanwhile, as a sale or a hint does, that one stays.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn reschedule(
        &self,
        order: &DueOrder,
        due_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let (store, order_id, leased_until) = (self.clone(), order.order_id, order.leased_until);
        self.run(async move {
            payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(due_at))
                .col_expr(
                    payments::Column::Asks,
                    Expr::col(payments::Column::Asks).add(1),
                )
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(payments::Column::DueAt.eq(leased_until))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }

    /// Has ZenoPay asked about an order at `due_at` at the latest. One that failed is asked
    /// about once more: late money wins. One that is sold or held is left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn ask_by(&self, order_id: OrderId, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            let later_or_never = Condition::any()
                .add(payments::Column::DueAt.gt(due_at))
                .add(payments::Column::DueAt.is_null());
            payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(due_at))
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(later_or_never)
                .filter(rows::may_still_be_paid())
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }
}

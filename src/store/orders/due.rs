//! Which orders are to be looked at, shared between processes by leases.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::pacing::check_budget::Turns;
use crate::store::engine::lease::Lease;
use crate::store::{Store, StoreError, rows};

/// Names in one question.
const READ_BATCH: usize = 5_000;

/// An order whose due time has come and which is ours to look at until the lease ends.
#[derive(Clone, Debug)]
pub struct DueOrder {
    /// Which.
    pub order_id: OrderId,
    /// Where it stood when it was claimed.
    pub status: Status,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was sold, if ZenoPay itself has not said yet that it was paid.
    pub unconfirmed_since: Option<DateTime<Utc>>,
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
            let overdue = overdue(now, most)
                .into_tuple::<Uuid>()
                .all(&store.inner.reader)
                .await?;
            Ok(overdue.into_iter().map(OrderId).collect())
        })
        .await
    }

    /// Claims orders that are due at `now` (the database's clock), one for each turn, by
    /// moving their due time forward by `lease`. Whoever moves it has it. The turns of the
    /// overdue are for the unsold ones that have been due for the longest time; the others are
    /// for the most urgent: those in `waited_for`, then the newest, and what is sold already
    /// last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn claim_due(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        turns: Turns,
        waited_for: Vec<OrderId>,
    ) -> Result<Vec<DueOrder>, StoreError> {
        let store = self.clone();
        let candidates = self.read(async move { store.candidates(now, turns, &waited_for).await });
        let candidates = candidates.await?;
        let leased_until = now + lease;
        let lease = Lease {
            now,
            until: leased_until,
        };
        let places: HashMap<i64, usize> = candidates.iter().copied().zip(0..).collect();
        let columns = (payments::Column::Id, payments::Column::DueAt);
        let claimed = self.claim_rows(lease, columns, payments::Entity::find(), candidates);
        let mut claimed = claimed.await?;
        // The most urgent first, as they were chosen.
        claimed.sort_by_key(|row| places.get(&row.id).copied());
        claimed
            .into_iter()
            .map(|row| {
                let status = rows::status(&row.status)?;
                let waits = status == Status::Completed && row.gateway_confirmed_at.is_none();
                Ok(DueOrder {
                    order_id: OrderId(row.order_id),
                    status,
                    created_at: row.created_at,
                    unconfirmed_since: row.processed_at.filter(|_| waits),
                    leased_until,
                })
            })
            .collect()
    }

    /// What is due, as much of it as there are turns.
    async fn candidates(
        &self,
        now: DateTime<Utc>,
        turns: Turns,
        waited_for: &[OrderId],
    ) -> Result<Vec<i64>, StoreError> {
        let most = turns.in_all();
        let newest = self.read_due(newest_first(now, most)).await?;
        // If all that is due can be claimed there is no queue to jump.
        if newest.len() < most {
            return Ok(newest);
        }
        let mut chosen = Vec::with_capacity(most);
        if turns.overdue > 0 {
            let overdue = longest_overdue_first(now, turns.overdue);
            chosen.extend(self.read_due(overdue).await?);
        }
        for names in waited_for.chunks(READ_BATCH) {
            let names = names.iter().map(|order| order.0);
            let among = newest_first(now, most).filter(payments::Column::OrderId.is_in(names));
            chosen.extend(self.read_due(among).await?);
        }
        chosen.extend(newest);
        let mut seen = HashSet::with_capacity(most);
        chosen.retain(|id| seen.insert(*id));
        chosen.truncate(most);
        Ok(chosen)
    }

    async fn read_due(&self, due: Select<payments::Entity>) -> Result<Vec<i64>, StoreError> {
        Ok(due.into_tuple().all(&self.inner.reader).await?)
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
        let (order_id, leased_until) = (order.order_id, order.leased_until);
        self.share(move |txn| {
            let update = payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(due_at))
                .col_expr(
                    payments::Column::Asks,
                    Expr::col(payments::Column::Asks).add(1),
                )
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(payments::Column::DueAt.eq(leased_until));
            Box::pin(async move {
                update.exec(txn).await?;
                Ok(())
            })
        })
        .await
    }

    /// Has ZenoPay asked about an order at `due_at` at the latest. One that failed is asked
    /// about once more: late money wins. One that is sold or held is left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn ask_by(&self, order_id: OrderId, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        self.share(move |txn| {
            let later_or_never = Condition::any()
                .add(payments::Column::DueAt.gt(due_at))
                .add(payments::Column::DueAt.is_null());
            let update = payments::Entity::update_many()
                .col_expr(payments::Column::DueAt, Expr::value(due_at))
                .filter(payments::Column::OrderId.eq(order_id.0))
                .filter(later_or_never)
                .filter(rows::may_still_be_paid());
            Box::pin(async move {
                update.exec(txn).await?;
                Ok(())
            })
        })
        .await
    }
}

/// PENDING orders whose deadline has passed.
fn overdue(now: DateTime<Utc>, most: u64) -> Select<payments::Entity> {
    payments::Entity::find()
        .select_only()
        .column(payments::Column::OrderId)
        .filter(rows::is_open())
        .filter(payments::Column::Status.eq(Status::Pending.as_str()))
        .filter(payments::Column::DeadlineAt.lte(now))
        .limit(most)
}

/// What is due, the newest first and what is sold last.
fn newest_first(now: DateTime<Utc>, most: usize) -> Select<payments::Entity> {
    let is_sold = payments::Column::Status.eq(Status::Completed.as_str());
    let sold_last: SimpleExpr = Expr::case(is_sold, 1).finally(0).into();
    due(now, most)
        .order_by(sold_last, Order::Asc)
        .order_by_desc(payments::Column::CreatedAt)
}

/// What is due and not sold, the longest overdue first.
fn longest_overdue_first(now: DateTime<Utc>, most: usize) -> Select<payments::Entity> {
    due(now, most)
        .filter(payments::Column::Status.ne(Status::Completed.as_str()))
        .order_by_asc(payments::Column::DueAt)
        .order_by_desc(payments::Column::CreatedAt)
}

fn due(now: DateTime<Utc>, most: usize) -> Select<payments::Entity> {
    payments::Entity::find()
        .select_only()
        .column(payments::Column::Id)
        .filter(payments::Column::DueAt.lte(now))
        .limit(most as u64)
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::store::engine::plans::Books;

    #[tokio::test]
    async fn what_is_due_is_found_by_an_index_of_what_is_due() {
        for books in Books::both().await {
            for query in [
                newest_first(Utc::now(), 10),
                longest_overdue_first(Utc::now(), 10),
            ] {
                let plan = books.plan(&query.build(books.backend())).await;
                assert!(plan.contains("payments_due_at"), "{plan}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_overdue_is_found_without_a_look_at_what_is_not() {
        // Before all of them: few are overdue, and none is looked at in vain.
        let now = "2025-12-31T00:00:00Z".parse().unwrap();
        for books in Books::both().await {
            let plan = books.plan(&overdue(now, 10).build(books.backend())).await;
            let by_deadline = plan.lines().any(|line| {
                let is_search = line.contains("Index Cond") || line.contains("SEARCH");
                is_search && line.contains("deadline_at")
            });
            assert!(by_deadline && plan.contains("payments_open"), "{plan}");
        }
    }
}

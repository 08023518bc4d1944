//! Which orders are to be looked at, shared between processes by leases.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments::{self, Column};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::pacing::check_budget::Turns;
use crate::store::rows::{self, MAY_STILL_BE_PAID};
use crate::store::{Store, StoreError};

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
    /// Until when it is ours: as long as this is its due time, nothing else has changed it.
    leased_until: DateTime<Utc>,
}

impl Store {
    /// PENDING orders whose deadline has passed at `now` (the database's clock). Not
    /// claimed: expiring twice does nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn overdue(&self, now: DateTime<Utc>, most: u64) -> Result<Vec<OrderId>, StoreError> {
        let overdue = overdue(now, most).into_tuple();
        Ok(overdue.all(&self.db()).await?)
    }

    /// Claims orders that are due at `now` (the database's clock), one for each turn, by
    /// moving their due time forward by `lease`. The turns of the overdue are for the unsold ones
    /// that have been due for the longest time; the others are for the most urgent: those in
    /// `waited_for`, then the newest, and what is sold already last.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn claim_due(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        turns: Turns,
        waited_for: Vec<OrderId>,
    ) -> Result<Vec<DueOrder>, StoreError> {
        let candidates = self.candidates(now, turns, &waited_for).await?;
        let leased_until = now + lease;
        let places: HashMap<i64, usize> = candidates.iter().copied().zip(0..).collect();
        let (columns, all) = ((Column::Id, Column::DueAt), payments::Entity::find());
        let claimed = self.claim_rows(now..leased_until, columns, all, candidates);
        let mut claimed = claimed.await?;
        // The most urgent first, as they were chosen.
        claimed.sort_by_key(|row| places.get(&row.id).copied());
        let due = |row: payments::Model| {
            let status = rows::status(&row.status)?;
            let waits = status == Status::Completed && row.gateway_confirmed_at.is_none();
            Ok(DueOrder {
                order_id: OrderId(row.order_id),
                status,
                created_at: row.created_at,
                unconfirmed_since: row.processed_at.filter(|_| waits),
                leased_until,
            })
        };
        claimed.into_iter().map(due).collect()
    }

    /// What is due, as much of it as there are turns.
    async fn candidates(
        &self,
        now: DateTime<Utc>,
        turns: Turns,
        waited_for: &[OrderId],
    ) -> Result<Vec<i64>, StoreError> {
        let (db, most) = (&self.db(), turns.in_all());
        let newest: Vec<i64> = newest_first(now, most).into_tuple().all(db).await?;
        // If all that is due can be claimed there is no queue to jump.
        if newest.len() < most {
            return Ok(newest);
        }
        let mut chosen: Vec<i64> = Vec::with_capacity(most);
        if turns.overdue > 0 {
            let overdue = longest_overdue_first(now, turns.overdue);
            chosen.extend(overdue.into_tuple::<i64>().all(db).await?);
        }
        for names in waited_for.chunks(READ_BATCH) {
            let names = names.iter().map(|order| order.0);
            let among = newest_first(now, most).filter(Column::OrderId.is_in(names));
            chosen.extend(among.into_tuple::<i64>().all(db).await?);
        }
        chosen.extend(newest);
        let mut seen = HashSet::with_capacity(most);
        chosen.retain(|id| seen.insert(*id));
        chosen.truncate(most);
        Ok(chosen)
    }

    /// Counts a status check and sets when a claimed order is looked at next. If another time was
    /// set meanwhile, as by a sale or an unverified webhook, that one stays.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn reschedule(
        &self,
        order: &DueOrder,
        due_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let (order_id, leased_until) = (order.order_id.0, order.leased_until);
        let next =
            "UPDATE payments SET due_at = $1, asks = asks + 1 WHERE order_id = $2 AND due_at = $3";
        let values = [due_at.into(), order_id.into(), leased_until.into()];
        self.share_execute(next, values).await
    }

    /// Has ZenoPay asked about an order at `due_at` at the latest. One that failed is asked
    /// about once more: late money wins. One that is sold or held is left alone.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn ask_by(&self, order_id: OrderId, due_at: DateTime<Utc>) -> Result<(), StoreError> {
        let ask = format!(
            "UPDATE payments SET due_at = $1 WHERE order_id = $2 \
             AND (due_at > $1 OR due_at IS NULL) AND {MAY_STILL_BE_PAID}"
        );
        let values = [due_at.into(), order_id.0.into()];
        self.share_execute(ask, values).await
    }
}

/// PENDING orders whose deadline has passed.
fn overdue(now: DateTime<Utc>, most: u64) -> Select<payments::Entity> {
    payments::Entity::find()
        .select_only()
        .column(Column::OrderId)
        .filter(rows::is_open())
        .filter(Column::Status.eq(Status::Pending.as_str()))
        .filter(Column::DeadlineAt.lte(now))
        .limit(most)
}

/// What is due, the newest first and what is sold last.
fn newest_first(now: DateTime<Utc>, most: usize) -> Select<payments::Entity> {
    let is_sold = Column::Status.eq(Status::Completed.as_str());
    let sold_last: SimpleExpr = Expr::case(is_sold, 1).finally(0).into();
    due(now, most)
        .order_by(sold_last, Order::Asc)
        .order_by_desc(Column::CreatedAt)
}

/// What is due and not sold, the longest overdue first.
fn longest_overdue_first(now: DateTime<Utc>, most: usize) -> Select<payments::Entity> {
    due(now, most)
        .filter(Column::Status.ne(Status::Completed.as_str()))
        .order_by_asc(Column::DueAt)
        .order_by_desc(Column::CreatedAt)
}

fn due(now: DateTime<Utc>, most: usize) -> Select<payments::Entity> {
    payments::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DueAt.lte(now))
        .limit(most as u64)
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::store::engine::tests::plans::Books;

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

//! Which orders are due to be checked. Processes share them by leases.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entities::payments::{self, Column};
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ColumnTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};
use tracing::error;

use crate::domain::order::{OrderId, Payment, Status};
use crate::domain::pacing::Turns;
use crate::store::Store;
use crate::store::access::Lease;
use crate::store::engine::sql;
use crate::store::engine::writer::Work;
use crate::store::error::Result;
use crate::store::rows::{self, MAY_STILL_BE_PAID};

/// Order ids in one query.
const READ_BATCH: usize = 5_000;

/// PENDING orders whose deadline has passed. The first condition is the predicate of the index
/// `payments_open`, to the letter.
const PAST_DEADLINE: &str = "SELECT order_id FROM payments WHERE status IN ('PENDING', 'HELD') \
     AND status = 'PENDING' AND deadline_at <= $1 LIMIT $2";
/// Orders that are due and not sold, the longest overdue first.
const LONGEST_OVERDUE_FIRST: &str = "SELECT id FROM payments WHERE due_at <= $1 \
     AND status <> 'COMPLETED' ORDER BY due_at, created_at DESC LIMIT $2";

impl Store {
    /// PENDING orders whose deadline has passed at `now` (the database's clock). Not
    /// claimed: expiring twice does nothing.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn past_deadline(&self, now: DateTime<Utc>, limit: u64) -> Result<Vec<OrderId>> {
        sql::tuples(&self.db(), PAST_DEADLINE, [now.into(), limit.into()]).await
    }

    /// Claims orders that are due at the start of the lease, one for each turn, by moving their due time
    /// to its end. `turns.overdue` of them are unsold orders that have been due for
    /// the longest time. The others are those in `waited_for`, then the newest, then sold ones. The
    /// orders come without their vouchers; their `due_at` is the end of the lease.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn claim_due(
        &self,
        lease: Lease,
        turns: Turns,
        waited_for: &[OrderId],
    ) -> Result<Vec<Payment>> {
        let candidates = self.candidates(lease.start, turns, waited_for).await?;
        let ranks: HashMap<i64, usize> = candidates.iter().copied().zip(0..).collect();
        let (columns, all) = ((Column::Id, Column::DueAt), payments::Entity::find());
        let claimed = self.claim_rows(lease, columns, all, candidates);
        let mut claimed = claimed.await?;
        // The most urgent first, as they were chosen.
        claimed.sort_by_key(|row| ranks.get(&row.id).copied());
        Ok(readable(claimed))
    }

    /// Due orders, at most one for each turn.
    async fn candidates(
        &self,
        now: DateTime<Utc>,
        turns: Turns,
        waited_for: &[OrderId],
    ) -> Result<Vec<i64>> {
        let (db, limit) = (&self.db(), turns.in_all());
        let newest: Vec<i64> = newest_first(now, limit).into_tuple().all(db).await?;
        // If all that is due can be claimed, the order does not matter.
        if newest.len() < limit {
            return Ok(newest);
        }
        let mut chosen: Vec<i64> = Vec::with_capacity(limit);
        if turns.overdue > 0 {
            let values = [now.into(), (turns.overdue as u64).into()];
            let overdue: Vec<i64> = sql::tuples(db, LONGEST_OVERDUE_FIRST, values).await?;
            chosen.extend(overdue);
        }
        for ids in waited_for.chunks(READ_BATCH) {
            let ids = ids.iter().map(|order| order.0);
            let among = newest_first(now, limit).filter(Column::OrderId.is_in(ids));
            chosen.extend(among.into_tuple::<i64>().all(db).await?);
        }
        chosen.extend(newest);
        let mut seen = HashSet::with_capacity(limit);
        chosen.retain(|id| seen.insert(*id));
        chosen.truncate(limit);
        Ok(chosen)
    }

    /// Counts a status check and sets when a claimed order is checked next. If another time was set
    /// meanwhile, as by a sale or an unverified webhook, nothing is written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn reschedule(&self, order: &Payment, due_at: Option<DateTime<Utc>>) -> Result<()> {
        let next =
            "UPDATE payments SET due_at = $1, asks = asks + 1 WHERE order_id = $2 AND due_at = $3";
        let values = [due_at.into(), order.order_id.0.into(), order.due_at.into()];
        self.share_execute(next, values).await
    }

    /// Schedules a status check of an order for `due_at` at the latest, also if the order has
    /// failed: a late payment still completes it. An order that is sold or held stays as it is.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn check_by(&self, order_id: OrderId, due_at: DateTime<Utc>) -> Result<()> {
        let (ask, values) = check_by(order_id, due_at);
        self.share_execute(ask, values).await
    }
}

/// The same as part of a larger change.
pub fn check_by_work(order_id: OrderId, due_at: DateTime<Utc>) -> Work {
    let (ask, values) = check_by(order_id, due_at);
    Box::new(move |txn| {
        let (ask, values) = (ask.clone(), values.clone());
        Box::pin(async move { sql::execute(txn, &ask, values).await.map(drop) })
    })
}

fn check_by(order_id: OrderId, due_at: DateTime<Utc>) -> (String, [Value; 2]) {
    let ask = format!(
        "UPDATE payments SET due_at = $1 WHERE order_id = $2 \
         AND (due_at > $1 OR due_at IS NULL) AND {MAY_STILL_BE_PAID}"
    );
    (ask, [due_at.into(), order_id.0.into()])
}

/// Orders that are due, the newest first and sold ones last.
fn newest_first(now: DateTime<Utc>, limit: usize) -> Select<payments::Entity> {
    let is_sold = Column::Status.eq(Status::Completed.as_str());
    let sold_last: SimpleExpr = Expr::case(is_sold, 1).finally(0).into();
    payments::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DueAt.lte(now))
        .order_by(sold_last, Order::Asc)
        .order_by_desc(Column::CreatedAt)
        .limit(limit as u64)
}

/// The orders without their vouchers. A damaged row is left out, so that the others are checked.
fn readable(rows: Vec<payments::Model>) -> Vec<Payment> {
    let payment = |row: payments::Model| {
        let id = row.id;
        rows::payment(row, None)
            .inspect_err(|error| error!(payment = id, %error, "cannot read an order that is due"))
            .ok()
    };
    rows.into_iter().filter_map(payment).collect()
}

#[cfg(test)]
mod tests {
    use sea_orm::{QueryTrait, Statement};

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn a_damaged_row_does_not_keep_the_other_orders_from_being_checked() {
        for database in FilledDatabase::both().await {
            let query = payments::Entity::find().limit(3);
            let mut rows = query.all(database.db()).await.unwrap();
            rows[1].validity = "LOST".to_owned();

            assert_eq!(readable(rows).len(), 2);
        }
    }

    #[tokio::test]
    async fn due_orders_are_found_by_the_index_of_due_times() {
        for database in FilledDatabase::both().await {
            let backend = database.backend();
            let values = [Utc::now().into(), 10_u64.into()];
            for query in [
                newest_first(Utc::now(), 10).build(backend),
                Statement::from_sql_and_values(backend, LONGEST_OVERDUE_FIRST, values),
            ] {
                let plan = database.plan(&query).await;
                assert!(plan.contains("payments_due_at"), "{plan}");
            }
        }
    }

    #[tokio::test]
    async fn overdue_orders_are_found_by_their_deadline_in_the_index_of_open_orders() {
        // Before the deadline of all orders: few are overdue, and no other is read.
        let now: DateTime<Utc> = "2025-12-31T00:00:00Z".parse().unwrap();
        for database in FilledDatabase::both().await {
            let values = [now.into(), 10_u64.into()];
            let query = Statement::from_sql_and_values(database.backend(), PAST_DEADLINE, values);
            let plan = database.plan(&query).await;
            let by_deadline = plan.lines().any(|line| {
                let is_search = line.contains("Index Cond") || line.contains("SEARCH");
                is_search && line.contains("deadline_at")
            });
            assert!(by_deadline && plan.contains("payments_open"), "{plan}");
        }
    }
}

//! A lease: rows that are due are claimed by moving their due time forward. Of several processes one
//! gets them, and what a process that died had claimed is due again when the lease ends.
//!
//! # Invariants
//! Whether a row is still due is asked in the statement that moves its time: another process may have
//! been quicker than the look before. On PostgreSQL that statement leaves out rows that another
//! transaction has locked: another process claims them, or a sale or an operator changes them.

use std::ops::Range;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use crate::store::{Store, StoreError};

/// From now until it ends, by the database's clock.
pub(in crate::store) type Lease = Range<DateTime<Utc>>;

impl Store {
    /// Claims the rows of `candidates` that are due by their column `due`; the rows as they are then,
    /// in no promised order. `candidates` has the order and the limit. They are looked for on the
    /// connections that read: a long queue must not be sorted where sales are written.
    pub(in crate::store) async fn claim<E: EntityTrait>(
        &self,
        lease: Lease,
        (id, due): (E::Column, E::Column),
        candidates: Select<E>,
    ) -> Result<Vec<E::Model>, StoreError>
    where
        E::Model: Send,
    {
        let are_due = candidates.clone().filter(due.lte(lease.start));
        let numbers = are_due.select_only().column(id).into_tuple::<i64>();
        let numbers = numbers.all(&self.db()).await?;
        self.claim_rows(lease, (id, due), candidates, numbers).await
    }

    /// The same for rows of `candidates` that were chosen by their numbers.
    pub(in crate::store) async fn claim_rows<E: EntityTrait>(
        &self,
        lease: Lease,
        (id, due): (E::Column, E::Column),
        candidates: Select<E>,
        mut numbers: Vec<i64>,
    ) -> Result<Vec<E::Model>, StoreError>
    where
        E::Model: Send,
    {
        let Some(last) = numbers.last().copied() else {
            return Ok(Vec::new());
        };
        // Few texts: as many values as the next power of two, by more of the last one.
        numbers.resize(numbers.len().next_power_of_two(), last);
        let mut chosen = candidates
            .filter(id.is_in(numbers))
            .filter(due.lte(lease.start))
            .select_only()
            .column(id)
            .into_query();
        chosen.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
        let claim = E::update_many()
            .col_expr(due, Expr::value(lease.end))
            .filter(id.in_subquery(chosen));
        self.share(move |txn| {
            let claim = claim.clone();
            Box::pin(async move { Ok(claim.exec_with_returning(txn).await?) })
        })
        .await
    }
}

//! A lease: rows that are due are claimed by moving their due time forward. Of several processes one
//! gets them, and what a process that died had claimed is due again when the lease ends.
//!
//! # Invariants
//! Whether a row is still due is asked in the statement that moves its time: another process may have
//! been quicker than the look before. On PostgreSQL that statement leaves out rows that another
//! transaction has locked: another process claims them, or a sale or an operator changes them.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    Select,
};

use crate::store::{Store, StoreError};

/// A lease from one moment to another, by the database's clock.
#[derive(Clone, Copy)]
pub(in crate::store) struct Lease {
    pub now: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

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
        let candidates = candidates.filter(due.lte(lease.now));
        let numbers = candidates.clone().select_only().column(id);
        let store = self.clone();
        let numbers = self.read(async move {
            let numbers = numbers.into_tuple::<i64>();
            Ok(numbers.all(&store.inner.reader).await?)
        });
        self.claim_rows(lease, (id, due), candidates, numbers.await?)
            .await
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
        self.share(move |txn| {
            let chosen = candidates.clone().filter(id.is_in(numbers.iter().copied()));
            Box::pin(async move { Ok(lease.take(txn, (id, due), chosen).await?) })
        })
        .await
    }
}

impl Lease {
    /// Moves the due time of those rows that are still due.
    async fn take<E: EntityTrait>(
        self,
        txn: &DatabaseTransaction,
        (id, due): (E::Column, E::Column),
        chosen: Select<E>,
    ) -> Result<Vec<E::Model>, DbErr> {
        let mut numbers = chosen
            .filter(due.lte(self.now))
            .select_only()
            .column(id)
            .into_query();
        numbers.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
        E::update_many()
            .col_expr(due, Expr::value(self.until))
            .filter(id.in_subquery(numbers))
            .exec_with_returning(txn)
            .await
    }
}

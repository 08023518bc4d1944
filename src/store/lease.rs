//! A lease: rows that are due are claimed by moving their due time forward. Of several processes one
//! gets them, and what a process that died had claimed is due again when the lease ends.
//!
//! # Invariants
//! One statement finds what is due and moves it. On PostgreSQL it leaves out rows that another
//! transaction has locked: another process is claiming them, or an act is changing them.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select,
};

/// A lease from one moment to another, by the database's clock.
#[derive(Clone, Copy)]
pub(super) struct Lease {
    pub now: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl Lease {
    /// Claims the rows of `candidates` that are due by their column `due`; the rows as they are then,
    /// in no promised order. `candidates` has the order and the limit.
    pub async fn claim<E: EntityTrait>(
        self,
        db: &impl ConnectionTrait,
        (id, due): (E::Column, E::Column),
        candidates: Select<E>,
    ) -> Result<Vec<E::Model>, DbErr> {
        let mut numbers = candidates
            .filter(due.lte(self.now))
            .select_only()
            .column(id)
            .into_query();
        numbers.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
        E::update_many()
            .col_expr(due, Expr::value(self.until))
            .filter(id.in_subquery(numbers))
            .exec_with_returning(db)
            .await
    }
}

//! A lease: what is due is claimed by moving its due time forward. Of several processes one has
//! it, and what a process that died had claimed is due again when the lease ends.
//!
//! The rule that must not be broken: whether a row is still due is asked in the statement that
//! moves its time, for another process may have been quicker than the read before.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};

use super::pool::Pool;

/// A lease from one moment to another, by the database's clock.
#[derive(Clone, Copy)]
pub(super) struct Lease {
    pub now: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl Lease {
    /// Whether row `number` is ours until the lease ends: it was still due by its column `due`.
    pub async fn claims<E: EntityTrait>(
        self,
        writer: &Pool,
        id: E::Column,
        number: i64,
        due: E::Column,
    ) -> Result<bool, DbErr> {
        let moved = E::update_many()
            .col_expr(due, Expr::value(self.until))
            .filter(id.eq(number))
            .filter(due.lte(self.now))
            .exec(writer)
            .await?;
        Ok(moved.rows_affected == 1)
    }
}

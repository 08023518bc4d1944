//! What leaves the books again: the bodies of old deliveries.

use chrono::{DateTime, Utc};
use entities::webhook_deliveries;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Store, StoreError};

impl Store {
    /// The last of at most `most` deliveries after number `after` that came before `before`;
    /// `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn old_deliveries(
        &self,
        after: i64,
        before: DateTime<Utc>,
        most: u64,
    ) -> Result<Option<i64>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let batch: Vec<i64> = webhook_deliveries::Entity::find()
                .select_only()
                .column(webhook_deliveries::Column::Id)
                .filter(webhook_deliveries::Column::Id.gt(after))
                .filter(webhook_deliveries::Column::ReceivedAt.lt(before))
                .order_by_asc(webhook_deliveries::Column::Id)
                .limit(most)
                .into_tuple()
                .all(&store.inner.reader)
                .await?;
            Ok(batch.last().copied())
        })
        .await
    }

    /// Empties the bodies of the deliveries from number `after`, without it, to `last` that came
    /// before `before`; says how many there were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn forget_bodies(
        &self,
        after: i64,
        last: i64,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let store = self.clone();
        self.run(async move {
            let done = webhook_deliveries::Entity::update_many()
                .col_expr(
                    webhook_deliveries::Column::Body,
                    Expr::value(Vec::<u8>::new()),
                )
                .filter(webhook_deliveries::Column::Id.gt(after))
                .filter(webhook_deliveries::Column::Id.lte(last))
                .filter(webhook_deliveries::Column::ReceivedAt.lt(before))
                .filter(webhook_deliveries::Column::Body.ne(Vec::<u8>::new()))
                .exec(&store.inner.writer)
                .await?;
            Ok(done.rows_affected)
        })
        .await
    }
}

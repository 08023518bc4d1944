//! What leaves the books again: the bodies of old deliveries.

use chrono::{DateTime, Utc};
use entities::webhook_deliveries;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};

use crate::store::{Store, StoreError};

/// A delivery that is old enough for its body to be forgotten.
#[derive(Clone, FromQueryResult)]
pub struct OldDelivery {
    /// Its number.
    pub id: i64,
    /// As the sender named it.
    pub order_id: Option<String>,
    /// What it meant.
    pub outcome: String,
    /// Why it was believed.
    pub proof: Option<String>,
    /// When its last byte was here.
    pub received_at: DateTime<Utc>,
    /// As sent.
    pub content_type: Option<String>,
    /// As sent, without our keys; empty once it was forgotten.
    pub body: Vec<u8>,
}

impl Store {
    /// At most `most` deliveries after number `after` that came before `before`, in their order;
    /// the body of one that was forgotten is empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn old_deliveries(
        &self,
        after: i64,
        before: DateTime<Utc>,
        most: u64,
    ) -> Result<Vec<OldDelivery>, StoreError> {
        let store = self.clone();
        self.read(async move {
            Ok(webhook_deliveries::Entity::find()
                .select_only()
                .columns([
                    webhook_deliveries::Column::Id,
                    webhook_deliveries::Column::OrderId,
                    webhook_deliveries::Column::Outcome,
                    webhook_deliveries::Column::Proof,
                    webhook_deliveries::Column::ReceivedAt,
                    webhook_deliveries::Column::ContentType,
                    webhook_deliveries::Column::Body,
                ])
                .filter(webhook_deliveries::Column::Id.gt(after))
                .filter(webhook_deliveries::Column::ReceivedAt.lt(before))
                .order_by_asc(webhook_deliveries::Column::Id)
                .limit(most)
                .into_model::<OldDelivery>()
                .all(&store.inner.reader)
                .await?)
        })
        .await
    }

    /// Empties the bodies of these deliveries; says how many there were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn forget_bodies(&self, numbers: Vec<i64>) -> Result<u64, StoreError> {
        let store = self.clone();
        self.run(async move {
            let done = webhook_deliveries::Entity::update_many()
                .col_expr(
                    webhook_deliveries::Column::Body,
                    Expr::value(Vec::<u8>::new()),
                )
                .filter(webhook_deliveries::Column::Id.is_in(numbers))
                .filter(webhook_deliveries::Column::Body.ne(Vec::<u8>::new()))
                .exec(&store.inner.writer)
                .await?;
            Ok(done.rows_affected)
        })
        .await
    }
}

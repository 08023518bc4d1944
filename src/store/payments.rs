//! Orders by their names.

use entities::{payments, vouchers};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Store, StoreError, rows};
use crate::domain::ids::OrderId;
use crate::domain::payment::Payment;
use crate::domain::purchase::IdempotencyKey;

impl Store {
    /// One order as committed, with its voucher. `None` if there is none of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn load(&self, order_id: OrderId) -> Result<Option<Payment>, StoreError> {
        self.find(payments::Column::OrderId.eq(order_id.0)).await
    }

    /// The order that a client's own key once made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn load_by_key(&self, key: &IdempotencyKey) -> Result<Option<Payment>, StoreError> {
        self.find(payments::Column::IdempotencyKey.eq(key.as_str()))
            .await
    }

    async fn find(
        &self,
        which: impl sea_orm::sea_query::IntoCondition + Send + 'static,
    ) -> Result<Option<Payment>, StoreError> {
        let store = self.clone();
        self.read(async move {
            // Not `one`, which adds `LIMIT ?`: a statement with that is prepared anew by SQLite
            // (since 3.47) whenever it is given its values. What is asked for is unique.
            let found = payments::Entity::find()
                .filter(which)
                .find_also_related(vouchers::Entity)
                .all(&store.inner.reader)
                .await?;
            found
                .into_iter()
                .next()
                .map(|(row, voucher)| rows::payment(row, voucher))
                .transpose()
        })
        .await
    }
}

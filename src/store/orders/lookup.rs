//! Orders by other keys than their id, which `reader.rs` reads by.

use entities::{payments, vouchers};
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::domain::access::owner_link::OwnerToken;
use crate::domain::catalog::purchase::IdempotencyKey;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::phone::Phone;
use crate::store::{Store, StoreError, rows};

impl Store {
    /// The order that a client's own key once made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn load_by_key(&self, key: &IdempotencyKey) -> Result<Option<Payment>, StoreError> {
        self.find(payments::Column::IdempotencyKey.eq(key.as_str()))
            .await
    }

    /// The order whose owner link has this token, which is compared whole.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn load_by_owner_token(
        &self,
        token: &OwnerToken,
    ) -> Result<Option<Payment>, StoreError> {
        self.find(has_owner_token(token)).await
    }

    /// The newest order of a phone that still waits for its money.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn newest_pending(&self, phone: &Phone) -> Result<Option<Payment>, StoreError> {
        let (store, phone) = (self.clone(), phone.clone());
        self.read(async move {
            let newest = payments::Entity::find()
                .filter(payments::Column::Phone.eq(phone.international()))
                .filter(payments::Column::Status.eq(Status::Pending.as_str()))
                .order_by_desc(payments::Column::CreatedAt)
                .one(&store.inner.reader)
                .await?;
            newest.map(|row| rows::payment(row, None)).transpose()
        })
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

fn has_owner_token(token: &OwnerToken) -> SimpleExpr {
    payments::Column::OwnerToken.eq(token.expose())
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::store::engine::plans::Books;

    #[tokio::test]
    async fn an_order_is_found_by_the_token_of_its_owner_link_in_an_index() {
        for books in Books::both().await {
            let token = OwnerToken::from_random_bytes([7; 16]);
            let asked = payments::Entity::find().filter(has_owner_token(&token));

            let plan = books.plan(&asked.build(books.backend())).await;

            assert!(plan.contains("payments_owner_token"), "{plan}");
        }
    }
}

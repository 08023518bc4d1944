//! The journal, read: deliveries as they were answered, newest first, and the bodies that are old
//! enough to be forgotten.

use chrono::{DateTime, Utc};
use entities::webhook_deliveries::{Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::domain::order::outcome::Outcome;
use crate::store::engine::sql;
use crate::store::orders::search::Page;
use crate::store::{Store, StoreError};

/// Which deliveries.
#[derive(Clone, Default)]
pub struct JournalSearch {
    /// What they meant.
    pub outcome: Option<Outcome>,
    /// The order that they name, as the journal spells it.
    pub order_id: Option<String>,
    /// Only deliveries before this number: the next page.
    pub before: Option<i64>,
    /// Deliveries a page.
    pub limit: u64,
}

/// A delivery without its body, which has up to 64 KiB.
#[derive(Clone, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct JournalRow {
    /// Its number.
    pub id: i64,
    /// As the sender named it.
    pub order_id: Option<String>,
    /// What it meant.
    pub outcome: String,
    /// Why it was believed.
    pub proof: Option<String>,
    /// Where it came from.
    pub source: Option<String>,
    /// ZenoPay's word.
    pub word: Option<String>,
    /// ZenoPay's number for the payment.
    pub reference: Option<String>,
    /// Whole TZS, if told.
    pub amount: Option<i64>,
    /// When its last byte was here.
    pub received_at: DateTime<Utc>,
    /// Until just before the commit.
    pub processing_ms: f64,
    /// As sent.
    pub content_type: Option<String>,
}

/// A delivery that is old enough for its body to be forgotten.
#[derive(Clone, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
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
    /// A page of the journal, without bodies.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read_journal(
        &self,
        search: JournalSearch,
    ) -> Result<Page<JournalRow>, StoreError> {
        let page = page_of(&search).into_partial_model::<JournalRow>();
        let found = page.all(&self.db()).await?;
        Ok(Page::of(found, search.limit, |row| row.id))
    }

    /// One delivery without its body.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journalled(&self, id: i64) -> Result<Option<JournalRow>, StoreError> {
        let row = Entity::find_by_id(id).into_partial_model::<JournalRow>();
        Ok(row.one(&self.db()).await?)
    }

    /// The body of one delivery, as sent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn journalled_body(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let body = "SELECT body FROM webhook_deliveries WHERE id = $1";
        sql::tuple(&self.db(), body, [id.into()]).await
    }

    /// At most `most` deliveries after number `after` that came before `before`, in their order;
    /// the body of one that was forgotten is empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn old_deliveries(
        &self,
        after: i64,
        before: DateTime<Utc>,
        most: u64,
    ) -> Result<Vec<OldDelivery>, StoreError> {
        let old = Entity::find()
            .filter(Column::Id.gt(after))
            .filter(Column::ReceivedAt.lt(before))
            .order_by_asc(Column::Id)
            .limit(most)
            .into_partial_model();
        Ok(old.all(&self.db()).await?)
    }

    /// Empties the bodies of these deliveries; says how many there were.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn forget_bodies(&self, numbers: Vec<i64>) -> Result<u64, StoreError> {
        let forget = Entity::update_many()
            .col_expr(Column::Body, Expr::value(Vec::<u8>::new()))
            .filter(Column::Id.is_in(numbers))
            .filter(Column::Body.ne(Vec::<u8>::new()));
        let store = self.clone();
        self.run(async move { Ok(forget.exec(&store.inner.pools.writer).await?.rows_affected) })
            .await
    }
}

/// Both indexes of the journal end in its number, so a page is read in order.
pub(in crate::store) fn page_of(search: &JournalSearch) -> Select<Entity> {
    let mut page = Entity::find()
        .order_by_desc(Column::Id)
        .limit(search.limit + 1);
    if let Some(outcome) = search.outcome {
        page = page.filter(Column::Outcome.eq(outcome.as_str()));
    }
    if let Some(order_id) = &search.order_id {
        page = page.filter(Column::OrderId.eq(order_id));
    }
    if let Some(before) = search.before {
        page = page.filter(Column::Id.lt(before));
    }
    page
}

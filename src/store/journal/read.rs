//! The journal, read: deliveries as they were answered, newest first.

use chrono::{DateTime, Utc};
use entities::webhook_deliveries;
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::domain::order::outcome::Outcome;
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

/// A delivery without its body.
#[derive(Clone, FromQueryResult)]
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

impl Store {
    /// A page of the journal, without bodies.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn read_journal(
        &self,
        search: JournalSearch,
    ) -> Result<Page<JournalRow>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let found = page_of(&search)
                .into_model::<JournalRow>()
                .all(&store.inner.reader)
                .await?;
            Ok(Page::of(found, search.limit, |row| row.id))
        })
        .await
    }

    /// One delivery without its body.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn journalled(&self, id: i64) -> Result<Option<JournalRow>, StoreError> {
        let store = self.clone();
        self.read(async move {
            Ok(without_bodies()
                .filter(webhook_deliveries::Column::Id.eq(id))
                .into_model::<JournalRow>()
                .one(&store.inner.reader)
                .await?)
        })
        .await
    }

    /// The body of one delivery, as sent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn journalled_body(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let store = self.clone();
        self.read(async move {
            Ok(webhook_deliveries::Entity::find_by_id(id)
                .select_only()
                .column(webhook_deliveries::Column::Body)
                .into_tuple::<Vec<u8>>()
                .one(&store.inner.reader)
                .await?)
        })
        .await
    }
}

/// Both indexes of the journal end in its number, so a page is read in order.
pub(in crate::store) fn page_of(search: &JournalSearch) -> Select<webhook_deliveries::Entity> {
    let mut page = without_bodies()
        .order_by_desc(webhook_deliveries::Column::Id)
        .limit(search.limit + 1);
    if let Some(outcome) = search.outcome {
        page = page.filter(webhook_deliveries::Column::Outcome.eq(outcome.as_str()));
    }
    if let Some(order_id) = &search.order_id {
        page = page.filter(webhook_deliveries::Column::OrderId.eq(order_id));
    }
    if let Some(before) = search.before {
        page = page.filter(webhook_deliveries::Column::Id.lt(before));
    }
    page
}

/// A body has up to 64 KiB, and a page of them no reader.
pub(in crate::store) fn without_bodies() -> Select<webhook_deliveries::Entity> {
    webhook_deliveries::Entity::find().select_only().columns([
        webhook_deliveries::Column::Id,
        webhook_deliveries::Column::OrderId,
        webhook_deliveries::Column::Outcome,
        webhook_deliveries::Column::Proof,
        webhook_deliveries::Column::Source,
        webhook_deliveries::Column::Word,
        webhook_deliveries::Column::Reference,
        webhook_deliveries::Column::Amount,
        webhook_deliveries::Column::ReceivedAt,
        webhook_deliveries::Column::ProcessingMs,
        webhook_deliveries::Column::ContentType,
    ])
}

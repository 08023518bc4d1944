//! The journal: webhook deliveries as they were answered, calls to the gateway, and the lines of an
//! order's timeline that are in no other table.

use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entities::webhook_deliveries::{self, Column, Entity};
use entities::{gateway_calls, order_events};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DerivePartialModel, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::catalog::Tzs;
use crate::domain::order::{Level, OrderId, Outcome, Remark};
use crate::domain::rfc3339;
use crate::store::engine::sql;
use crate::store::engine::writer::{Rows, Write};
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::orders::due;
use crate::store::orders::search::Page;
use crate::store::{AuditEntry, Store};

/// One call to ZenoPay. Its `id` is 0 until it is written; its `detail` never has a phone or a key.
pub use entities::gateway_calls::Model as GatewayCall;
/// A delivery with its body, which has up to 64 KiB and is empty once it was deleted.
pub use entities::webhook_deliveries::Model as DeliveryWithBody;

/// One POST from ZenoPay, as received.
#[derive(Clone)]
pub struct DeliveryRecord {
    /// As sent: perhaps no order of ours, perhaps no UUID.
    pub order_id: Option<String>,
    /// The proof that it is genuine, as in `key` or `token`; `None` if there is none (yet).
    pub proof: Option<&'static str>,
    /// Where it came from, as in `webhook` or `replay`.
    pub source: &'static str,
    /// The payment status in ZenoPay's own word, if it could be read.
    pub word: Option<String>,
    /// ZenoPay's number for the payment.
    pub reference: Option<String>,
    /// What was paid, if the delivery says so.
    pub amount: Option<Tzs>,
    /// When its last byte was received.
    pub received_at: DateTime<Utc>,
    /// The same moment, for measuring.
    pub received: Instant,
    /// As sent.
    pub content_type: Option<String>,
    /// As sent.
    pub body: Bytes,
    /// Whether the journal leaves its body out if it changes nothing, because the order has many.
    pub is_surplus: bool,
}

impl DeliveryRecord {
    /// As it is journalled when it changes nothing.
    #[must_use]
    pub(super) fn without_surplus(mut self) -> Self {
        if self.is_surplus {
            self.body = Bytes::new();
        }
        self
    }
}

/// A filter of deliveries, and a page.
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

/// A delivery without its body. In a list as JSON, the skipped fields are missing.
#[derive(Clone, Debug, DerivePartialModel, Serialize, ToSchema)]
#[sea_orm(entity = "Entity")]
pub struct JournalRow {
    /// Its number in the journal.
    pub id: i64,
    /// As the sender named it.
    pub order_id: Option<String>,
    /// What it meant.
    pub outcome: String,
    /// The proof that it is genuine; null without one.
    pub proof: Option<String>,
    /// Its source, as in `webhook` or `replay`.
    pub source: Option<String>,
    /// The payment status as ZenoPay wrote it.
    pub word: Option<String>,
    /// ZenoPay's number for the payment.
    #[serde(skip)]
    pub reference: Option<String>,
    /// Whole TZS, if the delivery names an amount.
    #[serde(skip)]
    pub amount: Option<i64>,
    /// When its last byte was received.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub received_at: DateTime<Utc>,
    /// Milliseconds from receipt to just before the commit.
    pub processing_ms: f64,
    /// As sent.
    #[serde(skip)]
    pub content_type: Option<String>,
}

impl Store {
    /// Whether the order was paid in a sandbox only, before this database became one of live mode.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn was_adopted(&self, order_id: OrderId) -> Result<bool> {
        let adopted = "SELECT COUNT(*) FROM order_events WHERE order_id = $1 AND kind = 'adopted'";
        let remarks = sql::tuple(&self.db(), adopted, [order_id.0.into()]).await?;
        Ok(remarks.unwrap_or(0_i64) > 0)
    }

    /// Journals a delivery that changed nothing, and the act of the operator if it is a replay. The
    /// same commit makes the order `check` due for a status check.
    ///
    /// # Errors
    /// `StoreError::Unavailable` when the database cannot be reached; the
    /// delivery must then not be acknowledged.
    pub async fn journal(
        &self,
        delivery: DeliveryRecord,
        outcome: Outcome,
        audit: Option<AuditEntry>,
        check: Option<OrderId>,
    ) -> Result<()> {
        let (mut rows, now) = (Rows::default(), self.clock().now());
        let delivery = delivery.without_surplus();
        if let Some(entry) = audit {
            rows.add(audit_log::row(&entry, now));
        }
        rows.add_delivery(delivery_row(&delivery, outcome), delivery.received);
        let write = Write {
            rows,
            work: check.map(|order_id| due::check_by_work(order_id, now)),
            guard: None,
        };
        self.inner.write_path.write(write).await
    }

    /// Records a call for the order's timeline.
    ///
    /// # Errors
    /// As `Store::insert`.
    pub async fn record_call(&self, call: GatewayCall) -> Result<()> {
        let mut rows = Rows::default();
        rows.add(gateway_calls::ActiveModel {
            id: NotSet,
            ..call.into()
        });
        self.insert(rows).await
    }

    /// Adds a line to an order's timeline.
    ///
    /// # Errors
    /// As `Store::insert`.
    pub async fn remark(&self, order_id: OrderId, remark: Remark) -> Result<()> {
        let mut rows = Rows::default();
        rows.add(remark_row(order_id, &remark, self.clock().now()));
        self.insert(rows).await
    }

    /// A page of deliveries, newest first, without bodies.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn read_journal(&self, search: JournalSearch) -> Result<Page<JournalRow>> {
        let page = page_of(&search).into_partial_model::<JournalRow>();
        let found = page.all(&self.db()).await?;
        Ok(Page::of(found, search.limit, |row| row.id))
    }

    /// One delivery without its body.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn journalled(&self, id: i64) -> Result<Option<JournalRow>> {
        let row = Entity::find_by_id(id).into_partial_model::<JournalRow>();
        Ok(row.one(&self.db()).await?)
    }

    /// The body of one delivery, as sent.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn journalled_body(&self, id: i64) -> Result<Option<Vec<u8>>> {
        let body = "SELECT body FROM webhook_deliveries WHERE id = $1";
        sql::tuple(&self.db(), body, [id.into()]).await
    }

    /// At most `limit` deliveries after number `after` that came before `before`, in their order.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn old_deliveries(
        &self,
        after: i64,
        before: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<DeliveryWithBody>> {
        let old = Entity::find()
            .filter(Column::Id.gt(after))
            .filter(Column::ReceivedAt.lt(before))
            .order_by_asc(Column::Id)
            .limit(limit);
        Ok(old.all(&self.db()).await?)
    }

    /// Empties the bodies of these deliveries. Returns how many were not empty.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn forget_bodies(&self, ids: Vec<i64>) -> Result<u64> {
        let forget = Entity::update_many()
            .col_expr(Column::Body, Expr::value(Vec::<u8>::new()))
            .filter(Column::Id.is_in(ids))
            .filter(Column::Body.ne(Vec::<u8>::new()));
        self.transaction(move |txn| {
            Box::pin(async move { Ok(forget.exec(txn).await?.rows_affected) })
        })
        .await
    }
}

/// A page of deliveries. Both indexes of the journal end in `id`, so the page is read in order.
pub fn page_of(search: &JournalSearch) -> Select<Entity> {
    let filter = Condition::all()
        .add_option(search.outcome.map(|it| Column::Outcome.eq(it.as_str())))
        .add_option((search.order_id.as_ref()).map(|id| Column::OrderId.eq(id)))
        .add_option(search.before.map(|before| Column::Id.lt(before)));
    let page = Entity::find().filter(filter);
    page.order_by_desc(Column::Id).limit(search.limit + 1)
}

/// The row of a delivery. The writer sets `processing_ms` when it makes the last statement before
/// the commit.
pub fn delivery_row(
    delivery: &DeliveryRecord,
    outcome: Outcome,
) -> webhook_deliveries::ActiveModel {
    webhook_deliveries::ActiveModel {
        order_id: Set(delivery.order_id.clone()),
        outcome: Set(outcome.as_str().to_owned()),
        proof: Set(delivery.proof.map(str::to_owned)),
        source: Set(Some(delivery.source.to_owned())),
        word: Set(delivery.word.clone()),
        reference: Set(delivery.reference.clone()),
        amount: Set(delivery.amount.map(|amount| amount.0)),
        received_at: Set(delivery.received_at),
        content_type: Set(delivery.content_type.clone()),
        body: Set(delivery.body.to_vec()),
        ..Default::default()
    }
}

/// The row of a line of an order's timeline.
pub fn remark_row(
    order_id: OrderId,
    remark: &Remark,
    at: DateTime<Utc>,
) -> order_events::ActiveModel {
    let level = match remark.level {
        Level::Note => "note",
        Level::Alert => "alert",
    };
    order_events::ActiveModel {
        order_id: Set(order_id.0),
        at: Set(at),
        kind: Set(remark.kind.to_owned()),
        level: Set(level.to_owned()),
        summary: Set(remark.text.clone()),
        reference: Set(remark.reference.clone()),
        ..Default::default()
    }
}

/// Writes a line of an order's timeline in the caller's transaction.
pub async fn insert_remark(
    txn: &impl ConnectionTrait,
    order_id: OrderId,
    remark: &Remark,
    at: DateTime<Utc>,
) -> Result<()> {
    let line = order_events::Entity::insert(remark_row(order_id, remark, at));
    line.exec_without_returning(txn).await?;
    Ok(())
}

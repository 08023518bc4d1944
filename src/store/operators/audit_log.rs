//! The audit log: what operators did, written in the same transaction as its effect. A *reveal*,
//! which shows an operator what is masked for others, is logged too. (`orders/audit.rs` reads other
//! tables, for the drill.)
//!
//! # Invariants
//! A reveal is logged before anything is shown. Another reveal of the same subject within minutes adds
//! no line: it would say nothing new, and a page that refreshes itself must not bury the acts.

use chrono::{DateTime, TimeDelta, Utc};
use entities::audit_events::{self, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Value,
};

use crate::domain::order::OrderId;
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::error::Result;
use crate::store::orders::search::Page;

/// The action of a reveal.
const REVEAL: &str = "reveal";
/// For how long the operator's further reveals of the same subject add no line.
const SAME_REVEAL: TimeDelta = TimeDelta::minutes(10);

/// An operator's act, as it is logged. `Debug` is not derived: `detail` may name a guest.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The operator's name.
    pub operator: String,
    /// A stable word, as in `refund`.
    pub action: &'static str,
    /// The order that it was about, if it was about one.
    pub order_id: Option<OrderId>,
    /// What was acted on, as in `webhook 17`; never a phone or a code.
    pub subject: String,
    /// The reason that the operator gave.
    pub detail: Option<String>,
}

/// A line of the log, as it is read.
pub use entities::audit_events::Model as AuditLine;

impl Store {
    /// A page of the log, newest first: of one operator or of all, before that line.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn audit_log(
        &self,
        operator: Option<String>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Page<AuditLine>> {
        let page = Entity::find()
            .apply_if(operator, |page, name| {
                page.filter(Column::Operator.eq(name))
            })
            .apply_if(before, |page, before| page.filter(Column::Id.lt(before)))
            .order_by_desc(Column::Id)
            .limit(limit + 1);
        let found = page.all(&self.db()).await?;
        Ok(Page::of(found, limit, |line| line.id))
    }

    /// Runs one statement that writes, and logs the act if it has changed a row. Returns whether it has.
    pub(in crate::store) async fn execute_logged<const N: usize>(
        &self,
        text: impl Into<String>,
        values: [Value; N],
        audit: Option<AuditEntry>,
    ) -> Result<bool> {
        let (text, now) = (text.into(), self.clock().now());
        let done = self.transaction_if(move |txn| {
            Box::pin(async move {
                if sql::execute(txn, &text, values).await? == 0 {
                    return Ok(None);
                }
                if let Some(entry) = audit {
                    insert(txn, &entry, now).await?;
                }
                Ok(Some(()))
            })
        });
        Ok(done.await?.is_some())
    }

    /// Logs that an operator sees what is masked for others: an order, or a `subject` such as
    /// `webhook 17`.
    ///
    /// # Errors
    /// The `StoreError`; nothing may then be shown.
    pub async fn record_unmasking(
        &self,
        operator: &str,
        order_id: Option<OrderId>,
        subject: &str,
    ) -> Result<()> {
        let now = self.clock().now();
        let same = "SELECT order_id FROM audit_events \
             WHERE at > $1 AND action = 'reveal' AND operator = $2 AND subject = $3";
        let values = [(now - SAME_REVEAL).into(), operator.into(), subject.into()];
        let same: Vec<Option<OrderId>> = sql::tuples(&self.db(), same, values).await?;
        if same.iter().any(|it| order_id.is_none() || *it == order_id) {
            return Ok(());
        }
        let reveal = AuditEntry {
            operator: operator.to_owned(),
            action: REVEAL,
            order_id,
            subject: subject.to_owned(),
            detail: None,
        };
        let mut rows = Rows::default();
        rows.add(row(&reveal, now));
        self.insert(rows).await
    }
}

/// Logs an act in the transaction that has its effect.
pub async fn insert(
    txn: &impl ConnectionTrait,
    entry: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<()> {
    let line = Entity::insert(row(entry, now));
    line.exec_without_returning(txn).await?;
    Ok(())
}

/// The row of an act.
pub fn row(entry: &AuditEntry, now: DateTime<Utc>) -> audit_events::ActiveModel {
    audit_events::ActiveModel {
        at: Set(now),
        operator: Set(entry.operator.clone()),
        action: Set(entry.action.to_owned()),
        order_id: Set(entry.order_id.map(|order_id| order_id.0)),
        subject: Set(entry.subject.clone()),
        detail: Set(entry.detail.clone()),
        ..Default::default()
    }
}

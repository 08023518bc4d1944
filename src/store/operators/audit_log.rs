//! What operators did, written in the same transaction as its effect: an act that is not in this log
//! has not happened. A look behind the mask is an act too. (`orders/audit.rs` is what the drill reads.)
//!
//! # Invariants
//! The line of a look is written before anything is shown. Another look within minutes adds no line:
//! it adds nothing that is not known, and a page that refreshes itself must not bury the acts.

use chrono::{DateTime, TimeDelta, Utc};
use entities::audit_events;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::domain::order::ids::OrderId;
use crate::store::engine::sql;
use crate::store::engine::writer::Rows;
use crate::store::orders::search::Page;
use crate::store::{Store, StoreError};

/// The action in the audit log.
const REVEAL: &str = "reveal";
/// How long one line stands for further looks of the same operator at the same thing.
const SAME_LOOK: TimeDelta = TimeDelta::minutes(10);

/// An operator's act, as it stands in the log. `Debug` is not derived: `detail` may name a guest.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The operator's name.
    pub operator: String,
    /// A stable word, as in `refund`.
    pub action: &'static str,
    /// The order that it was about, if it was about one.
    pub order_id: Option<OrderId>,
    /// What was acted on, as in `webhook 17`; no phone, no code.
    pub subject: String,
    /// What else the operator said.
    pub detail: Option<String>,
}

/// Writes one line.
pub(in crate::store) async fn insert(
    db: &impl ConnectionTrait,
    entry: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let line = audit_events::Entity::insert(row(entry, now));
    line.exec_without_returning(db).await?;
    Ok(())
}

/// One line.
pub(in crate::store) fn row(entry: &AuditEntry, now: DateTime<Utc>) -> audit_events::ActiveModel {
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

/// A look at what is masked for others.
#[derive(Clone, Debug)]
pub struct Unmasking {
    /// The operator.
    pub operator: String,
    /// At which order, if at one.
    pub order_id: Option<OrderId>,
    /// At what, as in `order` or `webhook 17`.
    pub subject: String,
}

/// A line of the log, as it is read.
#[derive(Clone, PartialEq, Eq, FromQueryResult)]
pub struct AuditLine {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub operator: String,
    /// What, in a word.
    pub action: String,
    /// The order that it was about, if it was about one.
    pub order_id: Option<OrderId>,
    /// What was acted on.
    pub subject: String,
    /// What else the operator said.
    pub detail: Option<String>,
}

impl Store {
    /// A page of the log, newest first: of one operator or of all, before that line.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit_log(
        &self,
        operator: Option<String>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Page<AuditLine>, StoreError> {
        let mut page = audit_events::Entity::find()
            .order_by_desc(audit_events::Column::Id)
            .limit(limit + 1);
        if let Some(operator) = operator {
            page = page.filter(audit_events::Column::Operator.eq(operator));
        }
        if let Some(before) = before {
            page = page.filter(audit_events::Column::Id.lt(before));
        }
        let found = page.into_model::<AuditLine>().all(&self.db()).await?;
        Ok(Page::of(found, limit, |line| line.id))
    }

    /// Keeps a record of a look.
    ///
    /// # Errors
    /// The [`StoreError`]; nothing may then be shown.
    pub async fn record_reveal(&self, reveal: Unmasking) -> Result<(), StoreError> {
        let now = self.clock().now();
        let same = "SELECT order_id FROM audit_events \
             WHERE at > $1 AND action = 'reveal' AND operator = $2 AND subject = $3";
        let (operator, subject) = (reveal.operator.as_str(), reveal.subject.as_str());
        let values = [(now - SAME_LOOK).into(), operator.into(), subject.into()];
        let same: Vec<Option<Uuid>> = sql::tuples(&self.db(), same, values).await?;
        let order_id = reveal.order_id.map(|order_id| order_id.0);
        if same.iter().any(|it| order_id.is_none() || *it == order_id) {
            return Ok(());
        }
        let look = AuditEntry {
            operator: reveal.operator,
            action: REVEAL,
            order_id: reveal.order_id,
            subject: reveal.subject,
            detail: None,
        };
        let mut rows = Rows::default();
        rows.add(row(&look, now));
        self.insert(rows).await
    }
}

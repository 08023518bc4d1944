//! Who did what by hand, written in the same transaction as its effect: an act that is not
//! in this log has not happened. (`audit.rs` is the drill's look into the books.)

use chrono::{DateTime, Utc};
use entities::audit_events;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::store::orders::search::Page;
use crate::store::{Store, StoreError};

use crate::domain::order::ids::OrderId;

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
) -> Result<(), DbErr> {
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

/// A line of the log, as it is read.
#[derive(Clone, PartialEq, Eq)]
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
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn audit_log(
        &self,
        operator: Option<String>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Page<AuditLine>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let mut page = audit_events::Entity::find()
                .order_by_desc(audit_events::Column::Id)
                .limit(limit + 1);
            if let Some(operator) = operator {
                page = page.filter(audit_events::Column::Operator.eq(operator));
            }
            if let Some(before) = before {
                page = page.filter(audit_events::Column::Id.lt(before));
            }
            let found = page.all(&store.inner.reader).await?;
            let lines = found.into_iter().map(|row| AuditLine {
                id: row.id,
                at: row.at,
                operator: row.operator,
                action: row.action,
                order_id: row.order_id.map(OrderId),
                subject: row.subject,
                detail: row.detail,
            });
            Ok(Page::of(lines.collect(), limit, |line| line.id))
        })
        .await
    }
}

//! Who did what by hand, written in the same transaction as its effect: an act that is not
//! in this log has not happened. (`audit.rs` is the drill's look into the books.)

use chrono::{DateTime, Utc};
use entities::audit_events;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::domain::ids::OrderId;

/// An operator's act, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
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
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    entry: &AuditEntry,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = audit_events::ActiveModel {
        at: Set(now),
        operator: Set(entry.operator.clone()),
        action: Set(entry.action.to_owned()),
        order_id: Set(entry.order_id.map(|order_id| order_id.0)),
        subject: Set(entry.subject.clone()),
        detail: Set(entry.detail.clone()),
        ..Default::default()
    };
    audit_events::Entity::insert(row)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

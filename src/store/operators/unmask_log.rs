//! Who has looked behind the mask.
//!
//! The rule that must not be broken: the line is written before anything is shown. Looking
//! again within minutes adds nothing that is not known, so it adds no line: a page that
//! refreshes itself must not bury the acts.

use chrono::TimeDelta;
use entities::audit_events;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::audit_log;
use crate::domain::order::ids::OrderId;
use crate::store::{AuditEntry, Store, StoreError};

/// The action in the audit log.
const REVEAL: &str = "reveal";
/// How long one line stands for further looks of the same operator at the same thing.
const SAME_LOOK: TimeDelta = TimeDelta::minutes(10);

/// A look at what is masked for others.
#[derive(Clone, Debug)]
pub struct Reveal {
    /// Who looks.
    pub operator: String,
    /// At which order, if at one.
    pub order_id: Option<OrderId>,
    /// At what, as in `order` or `webhook 17`.
    pub subject: String,
}

impl Store {
    /// Keeps a record of a look.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; nothing may then be
    /// shown.
    pub async fn record_reveal(&self, reveal: Reveal) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            let now = store.clock().now();
            let mut same = audit_events::Entity::find()
                .filter(audit_events::Column::At.gt(now - SAME_LOOK))
                .filter(audit_events::Column::Action.eq(REVEAL))
                .filter(audit_events::Column::Operator.eq(&reveal.operator))
                .filter(audit_events::Column::Subject.eq(&reveal.subject));
            if let Some(order_id) = reveal.order_id {
                same = same.filter(audit_events::Column::OrderId.eq(order_id.0));
            }
            if same.count(&store.inner.reader).await? > 0 {
                return Ok(());
            }
            let look = AuditEntry {
                operator: reveal.operator,
                action: REVEAL,
                order_id: reveal.order_id,
                subject: reveal.subject,
                detail: None,
            };
            Ok(audit_log::insert(&store.inner.writer, &look, now).await?)
        })
        .await
    }
}

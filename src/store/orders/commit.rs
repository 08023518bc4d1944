//! What one message writes: its payment's row, and rows of other tables, together or not at all.
//!
//! # Invariants
//! The payment is changed `WHERE version = ?`, and zero rows is [`StoreError::Conflict`]. With that
//! and the unique keys the result is right even if two processes, or no actors at all, stand above.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::payments;
use sea_orm::ActiveValue::Set;
use sea_orm::DatabaseTransaction;

use super::{events, reissue, sale};
use crate::domain::access::RadiusUser;
use crate::domain::order::decision::{Decision, Effect};
use crate::domain::order::payment::Payment;
use crate::store::engine::writer::{Guard, Rows, Work, Write};
use crate::store::journal::deliveries;
use crate::store::operators::audit_log;
use crate::store::rows;
use crate::store::{AuditEntry, DeliveryRecord, Store, StoreError};

/// What one message writes.
#[derive(Clone)]
pub struct Change {
    /// The order as the decision saw it.
    pub before: Payment,
    /// What was decided.
    pub decision: Decision,
    /// The voucher's RADIUS user, when it is sold or has another code.
    pub radius_user: Option<RadiusUser>,
    /// The delivery that brought the evidence, to be journalled with its effect.
    pub delivery: Option<DeliveryRecord>,
    /// The operator's act that brought it, to be logged with its effect.
    pub audit: Option<AuditEntry>,
    /// Also ask ZenoPay at this time, whatever was decided.
    pub ask_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Writes a change in one transaction and returns when it is durable.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] and [`StoreError::CodeTaken`]: load and decide again.
    /// [`StoreError::CommitUnknown`]: forget what is known of the order. Any other: nothing
    /// was written.
    pub async fn commit(&self, change: Change) -> Result<(), StoreError> {
        let write = change.into_write(self.clock().now())?;
        self.inner.write_path.write(write).await
    }
}

impl Change {
    /// As the writer takes it.
    pub(in crate::store) fn into_write(self, now: DateTime<Utc>) -> Result<Write, StoreError> {
        Ok(Write {
            guard: self.guard(),
            rows: self.rows(now)?,
            work: self.has_more().then(|| self.into_work()),
        })
    }

    /// What it does to the payment's row; `None` if it holds whatever becomes of the row.
    fn guard(&self) -> Option<Guard> {
        let mut update = match &self.decision.effect {
            Effect::Sell(sale) => rows::changed(&sale.payment),
            Effect::Fail(next) | Effect::Hold(next) => rows::changed(next),
            Effect::Confirm(kept) => rows::confirmed(kept),
            Effect::Refund(next) => rows::refunded(next),
            Effect::Revoke(next) => rows::revoked(next),
            Effect::Replace(it) => rows::reissued(&it.payment),
            Effect::Ask(at) => payments::ActiveModel {
                due_at: Set(Some(*at)),
                ..Default::default()
            },
            // COMPLETED can only become REFUNDED, and what is said about it stays true then.
            Effect::Keep | Effect::Refuse
                if self.before.status.is_finished() && self.ask_at.is_none() =>
            {
                return None;
            }
            Effect::Keep | Effect::Refuse => payments::ActiveModel::default(),
        };
        if let Some(at) = self.ask_at {
            update.due_at = Set(Some(at));
        }
        Some(Guard {
            payment_id: self.before.id,
            version: self.before.version,
            update: Box::new(update),
        })
    }

    /// The new rows.
    fn rows(&self, now: DateTime<Utc>) -> Result<Rows, StoreError> {
        let mut rows = Rows::default();
        let radius_user = self.radius_user.as_ref();
        match &self.decision.effect {
            Effect::Sell(sale) => sale::gather(&mut rows, sale, radius_user)?,
            Effect::Replace(it) => reissue::gather(&mut rows, it, radius_user)?,
            Effect::Fail(_)
            | Effect::Hold(_)
            | Effect::Refund(_)
            | Effect::Revoke(_)
            | Effect::Confirm(_)
            | Effect::Keep
            | Effect::Ask(_)
            | Effect::Refuse => {}
        }
        for remark in &self.decision.remarks {
            rows.add(events::row(self.before.order_id, remark, now));
        }
        if let Some(entry) = &self.audit {
            rows.add(audit_log::row(entry, now));
        }
        if let Some(delivery) = &self.delivery {
            let line = deliveries::row(delivery, self.decision.outcome);
            rows.add_delivery(line, delivery.received);
        }
        Ok(rows)
    }

    /// What it changes in other tables.
    fn into_work(self) -> Work {
        let change = Arc::new(self);
        Box::new(move |txn| {
            let change = change.clone();
            Box::pin(async move { change.write_more(txn).await })
        })
    }

    async fn write_more(&self, txn: &DatabaseTransaction) -> Result<(), StoreError> {
        match &self.decision.effect {
            Effect::Refund(next) => sale::revoke(txn, next, "refunded").await,
            Effect::Revoke(next) => sale::revoke(txn, next, "revoked").await,
            Effect::Replace(replacement) => reissue::close(txn, replacement).await,
            Effect::Confirm(kept) => sale::correct_amount(txn, &self.before, kept).await,
            Effect::Sell(_)
            | Effect::Fail(_)
            | Effect::Hold(_)
            | Effect::Keep
            | Effect::Ask(_)
            | Effect::Refuse => Ok(()),
        }
    }

    /// Whether it changes rows of other tables, which no batch does.
    fn has_more(&self) -> bool {
        match &self.decision.effect {
            Effect::Refund(_) | Effect::Revoke(_) | Effect::Replace(_) => true,
            Effect::Confirm(kept) => kept.came_in() != self.before.came_in(),
            Effect::Sell(_)
            | Effect::Fail(_)
            | Effect::Hold(_)
            | Effect::Keep
            | Effect::Ask(_)
            | Effect::Refuse => false,
        }
    }
}

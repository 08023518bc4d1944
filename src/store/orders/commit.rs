//! What one message writes: the row of its payment, and rows of other tables, in one transaction.
//!
//! # Invariants
//! The payment is changed `WHERE version = ?`; if that finds no row, the result is
//! `StoreError::Conflict`. With that and the unique keys the result is right even with two processes,
//! or with no actors at all.

use chrono::{DateTime, Utc};
use entities::payments;
use sea_orm::ActiveValue::Set;

use super::sale;
use crate::domain::access::RadiusUser;
use crate::domain::order::{Decision, Effect, Payment};
use crate::store::engine::writer::{Guard, Rows, Work, Write};
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, DeliveryRecord, Store, journal, rows};

/// What one message writes.
#[derive(Clone)]
pub struct Change {
    /// The order as the decision saw it.
    pub before: Payment,
    /// What was decided.
    pub decision: Decision,
    /// The voucher's RADIUS user, for a sale and for a new code.
    pub radius_user: Option<RadiusUser>,
    /// The delivery that brought the evidence, journalled with its effect.
    pub delivery: Option<DeliveryRecord>,
    /// The operator's act that caused it, logged with its effect.
    pub audit: Option<AuditEntry>,
    /// Also check the status at ZenoPay at this time, whatever was decided.
    pub check_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Writes a change in one transaction and returns when it is durable.
    ///
    /// # Errors
    /// `StoreError::Conflict` and `StoreError::CodeTaken`: load and decide again.
    /// `StoreError::CommitUnknown`: forget what is known of the order. Any other: nothing
    /// was written.
    pub async fn commit(&self, change: Change) -> Result<()> {
        let write = change.into_write(self.clock().now())?;
        self.inner.write_path.write(write).await
    }
}

impl Change {
    /// What the writer needs of it.
    pub(in crate::store) fn into_write(self, now: DateTime<Utc>) -> Result<Write> {
        Ok(Write {
            guard: self.guard(),
            rows: self.rows(now)?,
            work: self.into_work(),
        })
    }

    /// What it does to the payment's row. `None` if the version need not be checked, because the
    /// decision stays right even if another transaction has changed the row.
    fn guard(&self) -> Option<Guard> {
        let mut update = match &self.decision.effect {
            Effect::Sell(sale) => rows::changed(&sale.payment),
            Effect::Fail(next) | Effect::Hold(next) => rows::changed(next),
            Effect::Confirm(kept) => rows::confirmed(kept),
            Effect::Refund(next) => rows::refunded(next),
            Effect::Revoke(next) => rows::revoked(next),
            Effect::Reissue(it) => rows::reissued(&it.payment),
            Effect::CheckAt(at) => payments::ActiveModel {
                due_at: Set(Some(*at)),
                ..Default::default()
            },
            // COMPLETED can only become REFUNDED, and this decision holds for both.
            Effect::Keep | Effect::Refuse
                if self.before.status.is_settled() && self.check_at.is_none() =>
            {
                return None;
            }
            Effect::Keep | Effect::Refuse => payments::ActiveModel::default(),
        };
        if let Some(at) = self.check_at {
            update.due_at = Set(Some(at));
        }
        Some(Guard {
            payment_id: self.before.id,
            version: self.before.version,
            update: Box::new(update),
        })
    }

    /// The new rows.
    fn rows(&self, now: DateTime<Utc>) -> Result<Rows> {
        let mut rows = Rows::default();
        let radius_user = self.radius_user.as_ref();
        match &self.decision.effect {
            Effect::Sell(sale) => sale::gather(&mut rows, sale, radius_user)?,
            Effect::Reissue(it) => {
                sale::gather_access(&mut rows, &it.payment, radius_user, &it.sms)?;
            }
            Effect::Fail(_)
            | Effect::Hold(_)
            | Effect::Refund(_)
            | Effect::Revoke(_)
            | Effect::Confirm(_)
            | Effect::Keep
            | Effect::CheckAt(_)
            | Effect::Refuse => {}
        }
        for remark in &self.decision.remarks {
            rows.add(journal::remark_row(self.before.order_id, remark, now));
        }
        if let Some(entry) = &self.audit {
            rows.add(audit_log::row(entry, now));
        }
        if let Some(delivery) = &self.delivery {
            let mut delivery = delivery.clone();
            if self.decision.effect.changes_nothing() {
                delivery = delivery.without_surplus();
            }
            let line = journal::delivery_row(&delivery, self.decision.outcome);
            rows.add_delivery(line, delivery.received);
        }
        Ok(rows)
    }

    /// Its changes of rows that exist in other tables. A change with such work is never part of a batch.
    fn into_work(self) -> Option<Work> {
        let before = self.before;
        let work: Work = match self.decision.effect {
            Effect::Refund(next) => {
                Box::new(move |txn| Box::pin(sale::revoke(txn, *next.clone(), "refunded")))
            }
            Effect::Revoke(next) => {
                Box::new(move |txn| Box::pin(sale::revoke(txn, *next.clone(), "revoked")))
            }
            Effect::Reissue(it) => {
                Box::new(move |txn| Box::pin(sale::close_old_code(txn, *it.clone())))
            }
            Effect::Confirm(kept) if kept.amount_received() != before.amount_received() => {
                Box::new(move |txn| {
                    Box::pin(sale::correct_amount(txn, before.clone(), *kept.clone()))
                })
            }
            Effect::Confirm(_)
            | Effect::Sell(_)
            | Effect::Fail(_)
            | Effect::Hold(_)
            | Effect::Keep
            | Effect::CheckAt(_)
            | Effect::Refuse => return None,
        };
        Some(work)
    }
}

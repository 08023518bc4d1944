//! The one transaction: everything that a message writes, together or not at all.
//!
//! The rule that must not be broken: the payment row is changed `WHERE version = ?`, and
//! zero rows is [`StoreError::Conflict`]. With that and the unique keys the result is right
//! even if two processes, or no actors at all, stand above.

use chrono::{DateTime, Utc};
use entities::{payments, webhook_deliveries};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    QueryTrait, Statement, UpdateMany,
};
use tracing::{Instrument, info_span};

use super::inserts::Inserts;
use super::{
    AuditEntry, DeliveryRecord, Store, StoreError, audit_log, deliveries, events, replacement,
    roll_back, rows, sale,
};
use crate::domain::decision::{Decision, Effect};
use crate::domain::payment::Payment;
use crate::domain::radius_user::RadiusUser;
use crate::failpoint::{Failpoints, Point};

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

impl Change {
    /// The delivery, if its line in the journal is all that is written, and stays true
    /// whatever becomes of the order: COMPLETED can only become REFUNDED, and what is said
    /// about it holds then too.
    pub fn only_journalled(&self) -> Option<DeliveryRecord> {
        let is_finished = self.before.status.is_finished();
        let keeps = matches!(self.decision.effect, Effect::Keep);
        let says_nothing = self.decision.remarks.is_empty() && self.audit.is_none();
        let is_all = is_finished && keeps && says_nothing && self.ask_at.is_none();
        self.delivery.clone().filter(|_| is_all)
    }
}

impl Store {
    /// Writes a change in one transaction and returns when it is durable.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] and [`StoreError::CodeTaken`]: load and decide again.
    /// [`StoreError::CommitUnknown`]: forget what is known of the order. Any other: nothing
    /// was written.
    pub async fn commit(&self, change: Change) -> Result<(), StoreError> {
        let store = self.clone();
        // Put into words before its turn comes: on SQLite everybody else waits for whoever writes.
        let guard = guard(&change).map(|update| update.build(self.backend()));
        let rows = gather(&change, self.clock().now())?.in_words(self.backend());
        self.run(async move {
            let failpoints = store.failpoints();
            failpoints.reach(Point::BeforeBegin)?;
            let txn = store.begin().await?;
            if let Err(error) = write(&txn, failpoints, &change, guard, rows).await {
                roll_back(txn).await;
                return Err(error);
            }
            // Nothing but the database was awaited since `begin`. From here on an error
            // does not tell whether the sale is there.
            store.reach_knowing_no_end(Point::BeforeCommit)?;
            let committed = txn.commit().instrument(info_span!("commit")).await;
            committed.map_err(StoreError::CommitUnknown)?;
            store.reach_knowing_no_end(Point::AfterCommit)
        })
        .await
    }
}

/// Changes the payment's row, if it is still what the decision saw; `None` if it stays.
fn guard(change: &Change) -> Option<UpdateMany<payments::Entity>> {
    let next = match &change.decision.effect {
        Effect::Sell(sale) => rows::changed(&sale.payment),
        Effect::Fail(next) | Effect::Hold(next) => rows::changed(next),
        Effect::Refund(next) => rows::refunded(next),
        Effect::Revoke(next) => rows::revoked(next),
        Effect::Replace(replacement) => rows::reissued(&replacement.payment),
        Effect::Confirm(kept) => rows::confirmed(kept),
        Effect::Ask(at) => payments::ActiveModel {
            due_at: Set(Some(*at)),
            ..Default::default()
        },
        Effect::Keep | Effect::Refuse => return None,
    };
    let update = payments::Entity::update_many()
        .set(next)
        .filter(payments::Column::Id.eq(change.before.id))
        .filter(payments::Column::Version.eq(change.before.version));
    Some(update)
}

/// The new rows.
fn gather(change: &Change, now: DateTime<Utc>) -> Result<Inserts, StoreError> {
    let mut inserts = Inserts::default();
    let radius_user = change.radius_user.as_ref();
    match &change.decision.effect {
        Effect::Sell(sale) => sale::gather(&mut inserts, sale, radius_user)?,
        Effect::Replace(replacement) => {
            replacement::gather(&mut inserts, replacement, radius_user)?;
        }
        Effect::Fail(_)
        | Effect::Hold(_)
        | Effect::Refund(_)
        | Effect::Revoke(_)
        | Effect::Confirm(_)
        | Effect::Keep
        | Effect::Ask(_)
        | Effect::Refuse => {}
    }
    remark(&mut inserts, change, now);
    if let Some(delivery) = &change.delivery {
        let line = deliveries::row(delivery, change.decision.outcome);
        inserts.add(webhook_deliveries::Entity::insert(line));
    }
    Ok(inserts)
}

async fn write(
    txn: &DatabaseTransaction,
    failpoints: &Failpoints,
    change: &Change,
    guard: Option<Statement>,
    rows: Option<Statement>,
) -> Result<(), StoreError> {
    let before = &change.before;
    failpoints.reach(Point::AfterBegin)?;
    // First, because it takes the row lock: who comes second waits here and then finds another
    // version.
    if let Some(guard) = guard {
        if txn.execute_raw(guard).await?.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        failpoints.reach(Point::AfterPayment)?;
    } else {
        still_the_same(txn, before).await?;
    }
    match &change.decision.effect {
        Effect::Refund(next) => sale::revoke(txn, next, "refunded").await?,
        Effect::Revoke(next) => sale::revoke(txn, next, "revoked").await?,
        Effect::Replace(replacement) => replacement::close(txn, replacement).await?,
        Effect::Confirm(kept) => sale::correct_amount(txn, before, kept).await?,
        Effect::Sell(_)
        | Effect::Fail(_)
        | Effect::Hold(_)
        | Effect::Keep
        | Effect::Ask(_)
        | Effect::Refuse => {}
    }
    if let Some(at) = change.ask_at {
        ask_at(txn, before, at).await?;
    }
    if let Some(rows) = rows {
        txn.execute_raw(rows).await?;
    }
    Ok(failpoints.reach(Point::AfterRows)?)
}

/// What the timeline gets beside the effect, and who had it done.
fn remark(inserts: &mut Inserts, change: &Change, now: DateTime<Utc>) {
    for remark in &change.decision.remarks {
        inserts.add(events::row(change.before.order_id, remark, now));
    }
    if let Some(entry) = &change.audit {
        inserts.add(audit_log::row(entry, now));
    }
}

/// An outcome that changes nothing is still only true of the version it was decided on.
async fn still_the_same(txn: &DatabaseTransaction, before: &Payment) -> Result<(), StoreError> {
    // COMPLETED can only become REFUNDED, and what is said about it stays true then.
    if before.status.is_finished() {
        return Ok(());
    }
    let version = payments::Entity::find()
        .select_only()
        .column(payments::Column::Version)
        .filter(payments::Column::Id.eq(before.id))
        .into_tuple::<i32>()
        .one(txn)
        .await?;
    if version == Some(before.version) {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}

/// Also of a finished order: somebody claims what ZenoPay does not confirm.
async fn ask_at(
    txn: &DatabaseTransaction,
    before: &Payment,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    payments::Entity::update_many()
        .col_expr(payments::Column::DueAt, Expr::value(at))
        .filter(payments::Column::Id.eq(before.id))
        .exec(txn)
        .await?;
    Ok(())
}

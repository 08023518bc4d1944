//! Facts to be told outside, written with the sale and carried out after it.

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, sms_messages};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::lease::Lease;
use super::{AuditEntry, Store, StoreError, audit_log, events, outbox_hold, roll_back};
use crate::domain::decision::Remark;
use crate::domain::ids::OrderId;
use crate::domain::phone::Phone;

/// Where a message may stand.
const STATES: [&str; 4] = ["queued", "sent", "failed", "dead"];

/// An SMS that is ours to send until the lease ends. `Debug` is not derived: the text holds
/// the voucher code.
#[derive(Clone)]
pub struct QueuedSms {
    /// The row.
    pub id: i64,
    /// To whom.
    pub phone: Phone,
    /// What.
    pub text: String,
    /// The same at every attempt.
    pub reference: String,
    /// How often it was tried before.
    pub attempts: i32,
    /// As long as this is its due time nobody has claimed it again or wants it sent again.
    leased_until: DateTime<Utc>,
}

/// What is written when a provider has taken a message.
#[derive(Clone, Debug)]
pub struct SentSms {
    /// Who took it.
    pub provider: &'static str,
    /// The provider's name for it.
    pub message_id: Option<String>,
    /// How many parts the provider counts, if it says so.
    pub parts: Option<i32>,
    /// When to ask what became of it, if the provider tells.
    pub receipt_due_at: Option<DateTime<Utc>>,
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// For the order's timeline, if it is not certain that it was taken.
    pub alert: Option<Remark>,
}

impl Store {
    /// Claims messages that are due at `now` (the database's clock) by moving their due time
    /// forward by `lease`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn claim_sms(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<QueuedSms>, StoreError> {
        let store = self.clone();
        let leased_until = now + lease;
        let lease = Lease {
            now,
            until: leased_until,
        };
        self.run(async move {
            let due = sms_messages::Entity::find()
                .filter(sms_messages::Column::State.is_in(["queued", "failed"]))
                .filter(sms_messages::Column::DueAt.lte(now))
                .filter(outbox_hold::is_let_go())
                .order_by_asc(sms_messages::Column::DueAt)
                .limit(most)
                .all(&store.inner.reader)
                .await?;
            let mut claimed = Vec::with_capacity(due.len());
            for row in due {
                let (id, due) = (sms_messages::Column::Id, sms_messages::Column::DueAt);
                let is_ours =
                    lease.claims::<sms_messages::Entity>(&store.inner.writer, id, row.id, due);
                if is_ours.await? {
                    claimed.push(QueuedSms {
                        id: row.id,
                        phone: Phone::from_stored(row.phone),
                        text: row.body,
                        reference: row.reference,
                        attempts: row.attempts,
                        leased_until,
                    });
                }
            }
            Ok(claimed)
        })
        .await
    }

    /// The provider has taken the message. If somebody wanted it sent again meanwhile it
    /// stays queued.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; the message is then
    /// sent again when the lease ends.
    pub async fn sms_sent(&self, sms: &QueuedSms, sent: SentSms) -> Result<(), StoreError> {
        use sms_messages::Column;
        let (store, id, leased_until) = (self.clone(), sms.id, sms.leased_until);
        let attempts = sms.attempts + 1;
        self.run(async move {
            let mut update = sms_messages::Entity::update_many()
                .col_expr(Column::State, Expr::value("sent"))
                .col_expr(Column::Attempts, Expr::value(attempts))
                .col_expr(Column::Provider, Expr::value(sent.provider))
                .col_expr(Column::ProviderMessageId, Expr::value(sent.message_id))
                .col_expr(Column::ReceiptDueAt, Expr::value(sent.receipt_due_at))
                .col_expr(Column::SentAt, Expr::value(sent.at));
            if let Some(parts) = sent.parts {
                update = update.col_expr(Column::Parts, Expr::value(parts));
            }
            let update = update
                .filter(Column::Id.eq(id))
                .filter(Column::DueAt.eq(leased_until));
            let Some(alert) = sent.alert else {
                update.exec(&store.inner.writer).await?;
                return Ok(());
            };
            let txn = store.begin().await?;
            let written = async {
                update.exec(&txn).await?;
                if let Some(order_id) = order_of(&txn, id).await? {
                    events::insert(&txn, order_id, &alert, sent.at).await?;
                }
                Ok(())
            };
            if let Err(error) = written.await {
                roll_back(txn).await;
                return Err(error);
            }
            txn.commit().await.map_err(StoreError::CommitUnknown)
        })
        .await
    }

    /// The provider has not taken the message; it is tried again at `again_at`, or is dead
    /// and waits for an operator.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sms_failed(
        &self,
        sms: &QueuedSms,
        error: String,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        use sms_messages::Column;
        let (store, id, leased_until) = (self.clone(), sms.id, sms.leased_until);
        let attempts = sms.attempts + 1;
        let state = if again_at.is_some() { "failed" } else { "dead" };
        self.run(async move {
            let mut update = sms_messages::Entity::update_many()
                .col_expr(Column::State, Expr::value(state))
                .col_expr(Column::Attempts, Expr::value(attempts))
                .col_expr(Column::LastError, Expr::value(error));
            if let Some(at) = again_at {
                update = update.col_expr(Column::DueAt, Expr::value(at));
            }
            update
                .filter(Column::Id.eq(id))
                .filter(Column::DueAt.eq(leased_until))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }

    /// Has a message sent again, whatever became of it before, with the same reference and the
    /// same text, unless the code in it was replaced meanwhile. Says whose it is; `None` if there
    /// is no such message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn resend_sms(
        &self,
        id: i64,
        audit: Option<AuditEntry>,
    ) -> Result<Option<OrderId>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let now = store.clock().now();
            let txn = store.begin().await?;
            match resend(&txn, id, audit, now).await {
                Ok(order_id) => {
                    txn.commit().await.map_err(StoreError::CommitUnknown)?;
                    Ok(order_id)
                }
                Err(error) => {
                    roll_back(txn).await;
                    Err(error)
                }
            }
        })
        .await
    }

    /// The order that a message is about; `None` if there is no such message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn order_of_sms(&self, id: i64) -> Result<Option<OrderId>, StoreError> {
        let store = self.clone();
        self.read(async move { order_of(&store.inner.reader, id).await })
            .await
    }
}

async fn resend(
    txn: &DatabaseTransaction,
    id: i64,
    audit: Option<AuditEntry>,
    now: DateTime<Utc>,
) -> Result<Option<OrderId>, StoreError> {
    if !requeue(txn, id, &STATES, now).await? {
        return Ok(None);
    }
    let order_id = order_of(txn, id).await?;
    if let Some(entry) = audit {
        let entry = AuditEntry { order_id, ..entry };
        audit_log::insert(txn, &entry, now).await?;
    }
    Ok(order_id)
}

async fn order_of(
    db: &impl sea_orm::ConnectionTrait,
    id: i64,
) -> Result<Option<OrderId>, StoreError> {
    let order = sms_messages::Entity::find_by_id(id)
        .left_join(payments::Entity)
        .select_only()
        .column(payments::Column::OrderId)
        .into_tuple::<Uuid>()
        .one(db)
        .await?;
    Ok(order.map(OrderId))
}

/// Puts a message back into the queue; whether there is one in one of these states.
pub(super) async fn requeue(
    db: &impl sea_orm::ConnectionTrait,
    id: i64,
    states: &[&str],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    use sms_messages::Column;
    let done = sms_messages::Entity::update_many()
        .col_expr(Column::State, Expr::value("queued"))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::DueAt, Expr::value(now))
        // What is known of the copy before says nothing about the next one.
        .col_expr(Column::Receipt, Expr::value(None::<String>))
        .col_expr(Column::ReceiptDetail, Expr::value(None::<String>))
        .col_expr(Column::ReceiptAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::ReceiptDueAt, Expr::value(None::<DateTime<Utc>>))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in(states.iter().copied()))
        .exec(db)
        .await?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    bring_up_to_date(db, id).await?;
    Ok(true)
}

/// Gives a message the text of the newest one to its order, so that none brings a code that is
/// closed.
async fn bring_up_to_date(db: &impl sea_orm::ConnectionTrait, id: i64) -> Result<(), StoreError> {
    use sms_messages::Column;
    let order = sms_messages::Entity::find_by_id(id)
        .select_only()
        .column(Column::PaymentId);
    let newest = sms_messages::Entity::find()
        .filter(Column::PaymentId.in_subquery(order.into_query()))
        .order_by_desc(Column::Id)
        .one(db)
        .await?;
    let Some(newest) = newest.filter(|newest| newest.id != id) else {
        return Ok(());
    };
    sms_messages::Entity::update_many()
        .col_expr(Column::Body, Expr::value(newest.body))
        .col_expr(Column::Parts, Expr::value(newest.parts))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

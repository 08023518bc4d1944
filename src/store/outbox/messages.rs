//! Facts to be told outside, written with the sale and carried out after it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, sms_messages};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::hold;
use crate::domain::order::decision::Remark;
use crate::domain::order::ids::OrderId;
use crate::domain::people::phone::Phone;
use crate::store::engine::lease::Lease;
use crate::store::operators::audit_log;
use crate::store::orders::events;
use crate::store::{AuditEntry, Store, StoreError};

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

/// What became of one attempt to send a message.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The provider has taken it.
    Sent(SentSms),
    /// The provider has not taken it. It is tried again at this time, or is dead and waits for an
    /// operator.
    Failed {
        /// For the operator.
        error: String,
        /// When it is due again.
        again_at: Option<DateTime<Utc>>,
    },
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
        use sms_messages::Column;
        let leased_until = now + lease;
        let lease = Lease {
            now,
            until: leased_until,
        };
        let due = sms_messages::Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(hold::is_let_go())
            .order_by_asc(Column::DueAt)
            .limit(most);
        let claimed = self.claim(lease, (Column::Id, Column::DueAt), due);
        let queued = |row: sms_messages::Model| QueuedSms {
            id: row.id,
            phone: Phone::from_stored(row.phone),
            text: row.body,
            reference: row.reference,
            attempts: row.attempts,
            leased_until,
        };
        Ok(claimed.await?.into_iter().map(queued).collect())
    }

    /// Records what became of messages that were claimed. One that was queued again meanwhile stays
    /// queued.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; the messages are then
    /// sent again when their leases end.
    pub async fn record_attempts(
        &self,
        mut attempts: Vec<(QueuedSms, Attempt)>,
    ) -> Result<(), StoreError> {
        // In the order of their numbers, as others lock them.
        attempts.sort_by_key(|(sms, _)| sms.id);
        let recorded = self.record_together(attempts.clone()).await;
        if attempts.len() == 1 || !matches!(&recorded, Err(error) if error.is_of_a_change()) {
            return recorded;
        }
        let mut recorded = Ok(());
        for attempt in attempts {
            recorded = recorded.and(self.record_together(vec![attempt]).await);
        }
        recorded
    }

    async fn record_together(&self, attempts: Vec<(QueuedSms, Attempt)>) -> Result<(), StoreError> {
        let attempts = Arc::new(attempts);
        self.share(move |txn| {
            let attempts = attempts.clone();
            Box::pin(async move {
                for (sms, attempt) in attempts.iter() {
                    record(txn, sms, attempt).await?;
                }
                Ok(())
            })
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
        let now = self.clock().now();
        self.transaction(move |txn| Box::pin(resend(txn, id, audit, now)))
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

async fn record(
    txn: &DatabaseTransaction,
    sms: &QueuedSms,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    use sms_messages::Column;
    let mut row = sms_messages::ActiveModel {
        attempts: Set(sms.attempts + 1),
        ..Default::default()
    };
    match attempt {
        Attempt::Sent(sent) => {
            row.state = Set("sent".to_owned());
            row.provider = Set(Some(sent.provider.to_owned()));
            row.provider_message_id = Set(sent.message_id.clone());
            row.receipt_due_at = Set(sent.receipt_due_at);
            row.sent_at = Set(Some(sent.at));
            if let Some(parts) = sent.parts {
                row.parts = Set(parts);
            }
        }
        Attempt::Failed { error, again_at } => {
            row.state = Set(if again_at.is_some() { "failed" } else { "dead" }.to_owned());
            row.last_error = Set(Some(error.clone()));
            if let Some(at) = again_at {
                row.due_at = Set(*at);
            }
        }
    }
    sms_messages::Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(sms.id))
        .filter(Column::DueAt.eq(sms.leased_until))
        .exec(txn)
        .await?;
    if let Attempt::Sent(sent) = attempt
        && let Some(alert) = &sent.alert
        && let Some(order_id) = order_of(txn, sms.id).await?
    {
        events::insert(txn, order_id, alert, sent.at).await?;
    }
    Ok(())
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
pub(in crate::store) async fn requeue(
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

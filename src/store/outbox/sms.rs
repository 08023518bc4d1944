//! The outbox of SMS: written with the sale, sent after its commit.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::sms_messages::{self, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::domain::order::{OrderId, Remark};
use crate::domain::people::Phone;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, journal};

/// All states of a message.
const STATES: [&str; 4] = ["queued", "sent", "failed", "dead"];

/// An SMS that this process may send until the lease ends. `Debug` is not derived: the text holds
/// the voucher code.
#[derive(Clone)]
pub struct QueuedSms {
    /// The row.
    pub id: i64,
    /// The receiver.
    pub phone: Phone,
    /// The content.
    pub text: String,
    /// The same at every attempt.
    pub reference: String,
    /// How often it was tried before.
    pub attempts: i32,
    /// When the lease ends. While the row has this due time, it was neither claimed nor queued again.
    leased_until: DateTime<Utc>,
}

/// The result of one attempt to send a message.
#[derive(Clone, Debug)]
pub enum Attempt {
    /// The provider has accepted it.
    Sent(SentSms),
    /// The provider has not accepted it.
    Failed {
        /// For the operator.
        error: String,
        /// When it is due again; `None` makes it dead until an operator sends it again.
        again_at: Option<DateTime<Utc>>,
    },
}

/// What is written when a provider has accepted a message.
#[derive(Clone, Debug)]
pub struct SentSms {
    /// The provider.
    pub provider: &'static str,
    /// The provider's name for it.
    pub message_id: Option<String>,
    /// How many parts the provider counts, if it says so.
    pub parts: Option<i32>,
    /// When to ask for its receipt, if the provider gives receipts.
    pub receipt_due_at: Option<DateTime<Utc>>,
    /// When it was accepted.
    pub at: DateTime<Utc>,
    /// For the order's timeline, if it is not certain that it was accepted.
    pub alert: Option<Remark>,
}

impl Store {
    /// Claims messages that are due at `now` (the database's clock) by moving their due time
    /// forward by `lease`.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn claim_sms(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<QueuedSms>> {
        let leased_until = now + lease;
        let due = Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(super::is_released())
            .order_by_asc(Column::DueAt)
            .limit(most);
        let claimed = self.claim(now..leased_until, (Column::Id, Column::DueAt), due);
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

    /// Records the results of messages that were claimed. A message that was queued again meanwhile
    /// stays queued.
    ///
    /// # Errors
    /// As `Store::transaction`; the messages are then sent again when their leases end.
    pub async fn record_attempts(&self, mut attempts: Vec<(QueuedSms, Attempt)>) -> Result<()> {
        // In the order of their ids, in which other transactions lock them too.
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

    async fn record_together(&self, attempts: Vec<(QueuedSms, Attempt)>) -> Result<()> {
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

    /// Sends a message again, whatever its state, with the same reference and the same text, unless
    /// the code in it was replaced meanwhile. Returns its order; `None` if there is no such message.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn resend_sms(&self, id: i64, audit: Option<AuditEntry>) -> Result<Option<OrderId>> {
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move {
                if !requeue(txn, id, &STATES, now).await? {
                    return Ok(None);
                }
                let order_id = order_of(txn, id).await?;
                if let Some(entry) = audit {
                    let entry = AuditEntry { order_id, ..entry };
                    audit_log::insert(txn, &entry, now).await?;
                }
                Ok(order_id)
            })
        })
        .await
    }

    /// The order of a message; `None` if there is no such message.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn order_of_sms(&self, id: i64) -> Result<Option<OrderId>> {
        order_of(&self.db(), id).await
    }
}

async fn record(txn: &DatabaseTransaction, sms: &QueuedSms, attempt: &Attempt) -> Result<()> {
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
    Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(sms.id))
        .filter(Column::DueAt.eq(sms.leased_until))
        .exec(txn)
        .await?;
    if let Attempt::Sent(sent) = attempt
        && let Some(alert) = &sent.alert
        && let Some(order_id) = order_of(txn, sms.id).await?
    {
        journal::insert_remark(txn, order_id, alert, sent.at).await?;
    }
    Ok(())
}

async fn order_of(db: &impl ConnectionTrait, id: i64) -> Result<Option<OrderId>> {
    let order = "SELECT p.order_id FROM sms_messages s JOIN payments p ON p.id = s.payment_id \
         WHERE s.id = $1";
    sql::tuple(db, order, [id.into()]).await
}

/// Puts a message back into the queue, with the text of the newest one of its order, so that it never
/// brings a code that is closed. Returns whether there is one in one of these states.
pub async fn requeue(
    txn: &DatabaseTransaction,
    id: i64,
    states: &[&str],
    now: DateTime<Utc>,
) -> Result<bool> {
    let row = sms_messages::ActiveModel {
        state: Set("queued".to_owned()),
        attempts: Set(0),
        due_at: Set(now),
        // A receipt of the copy before says nothing about the next one.
        receipt: Set(None),
        receipt_detail: Set(None),
        receipt_at: Set(None),
        receipt_due_at: Set(None),
        ..Default::default()
    };
    let done = Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in(states.iter().copied()))
        .exec(txn)
        .await?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    let correct = "UPDATE sms_messages SET body = newest.body, parts = newest.parts \
         FROM (SELECT n.body, n.parts FROM sms_messages n JOIN sms_messages s \
             ON s.payment_id = n.payment_id WHERE s.id = $1 ORDER BY n.id DESC LIMIT 1) AS newest \
         WHERE sms_messages.id = $1";
    sql::execute(txn, correct, [id.into()]).await?;
    Ok(true)
}

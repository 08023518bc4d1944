//! The outbox of SMS: written with the sale, sent after its commit; and their receipts, from providers
//! that give them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::sms_messages::{self, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::domain::order::{OrderId, Remark};
use crate::store::access::Lease;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, FailedAttempt, Store, journal};

/// All states of a message.
const STATES: [&str; 4] = ["queued", "sent", "failed", "dead"];

/// An SMS as it was claimed: its `due_at`, or `receipt_due_at`, is the end of the lease. While the row
/// has this time, it was neither claimed nor queued again. Its text has the voucher code: log nothing of
/// it.
pub use entities::sms_messages::Model as ClaimedSms;

/// The result of one attempt to send a message.
pub type Attempt = Result<SentSms, FailedAttempt>;

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

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is on the handset.
    Delivered,
    /// It will not arrive; with the provider's word.
    Undelivered(String),
    /// Not known yet; ask again at this time, or never.
    Unknown(Option<DateTime<Utc>>),
}

impl Store {
    /// Claims messages that are due at the start of the lease, by moving their due time to its end.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn claim_sms(&self, lease: Lease, limit: u64) -> Result<Vec<ClaimedSms>> {
        let due = Entity::find()
            .filter(Column::State.is_in(["queued", "failed"]))
            .filter(super::is_released())
            .order_by_asc(Column::DueAt)
            .limit(limit);
        let columns = (Column::Id, Column::DueAt);
        self.claim(lease, columns, due).await
    }

    /// Records the results of messages that were claimed. A message that was queued again meanwhile
    /// stays queued.
    ///
    /// # Errors
    /// As `Store::transaction`; the messages are then sent again when their leases end.
    pub async fn record_attempts(&self, mut attempts: Vec<(ClaimedSms, Attempt)>) -> Result<()> {
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

    async fn record_together(&self, attempts: Vec<(ClaimedSms, Attempt)>) -> Result<()> {
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
    /// the code in it was replaced meanwhile. Returns its order; `None` if there is no such
    /// message.
    ///
    /// # Errors
    /// As `Store::transaction`.
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

    /// Claims messages that `provider` accepted and whose receipt is due at the start of the lease, by
    /// moving that time to its end.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn claim_receipts(
        &self,
        provider: &'static str,
        lease: Lease,
        limit: u64,
    ) -> Result<Vec<ClaimedSms>> {
        let due = Entity::find()
            .filter(Column::State.eq("sent"))
            .filter(Column::Provider.eq(provider))
            // An erasure removes it.
            .filter(Column::ProviderMessageId.is_not_null())
            .order_by_asc(Column::ReceiptDueAt)
            .limit(limit);
        let columns = (Column::Id, Column::ReceiptDueAt);
        self.claim(lease, columns, due).await
    }

    /// Records what a receipt says. If the message was queued again meanwhile, nothing is written: the
    /// receipt is about the copy before.
    ///
    /// # Errors
    /// As `Store::transaction`; the receipt is then asked for again when the lease ends.
    pub async fn record_receipt(
        &self,
        awaited: &ClaimedSms,
        arrival: Arrival,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (id, leased_until) = (awaited.id.into(), awaited.receipt_due_at.into());
        let (receipt, detail) = match arrival {
            Arrival::Unknown(again_at) => {
                let ask = "UPDATE sms_messages SET receipt_due_at = $1 \
                     WHERE id = $2 AND receipt_due_at = $3";
                let values = [again_at.into(), id, leased_until];
                return self.share_execute(ask, values).await;
            }
            Arrival::Delivered => ("delivered", None),
            Arrival::Undelivered(word) => ("undelivered", Some(word)),
        };
        let record = "UPDATE sms_messages SET receipt = $1, receipt_detail = $2, receipt_at = $3, \
             receipt_due_at = NULL WHERE id = $4 AND receipt_due_at = $5";
        let values = [receipt.into(), detail.into(), now.into(), id, leased_until];
        self.share_execute(record, values).await
    }
    /// The order of a message; `None` if there is no such message.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn order_of_sms(&self, id: i64) -> Result<Option<OrderId>> {
        order_of(&self.db(), id).await
    }
}

async fn record(txn: &DatabaseTransaction, sms: &ClaimedSms, attempt: &Attempt) -> Result<()> {
    let mut row = sms_messages::ActiveModel {
        attempts: Set(sms.attempts + 1),
        ..Default::default()
    };
    match attempt {
        Ok(sent) => {
            row.state = Set("sent".to_owned());
            row.provider = Set(Some(sent.provider.to_owned()));
            row.provider_message_id = Set(sent.message_id.clone());
            row.receipt_due_at = Set(sent.receipt_due_at);
            row.sent_at = Set(Some(sent.at));
            if let Some(parts) = sent.parts {
                row.parts = Set(parts);
            }
        }
        Err(failed) => {
            row.state = Set(failed.state().to_owned());
            row.last_error = Set(Some(failed.error.clone()));
            if let Some(at) = failed.again_at {
                row.due_at = Set(at);
            }
        }
    }
    Entity::update_many()
        .set(row)
        .filter(Column::Id.eq(sms.id))
        .filter(Column::DueAt.eq(sms.due_at))
        .exec(txn)
        .await?;
    if let Ok(sent) = attempt
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

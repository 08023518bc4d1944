//! Receipts of SMS, from providers that give them.

use chrono::{DateTime, TimeDelta, Utc};
use entities::sms_messages::{self, Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::store::Store;
use crate::store::error::Result;

/// A sent message whose receipt this process may ask for until the lease ends.
#[derive(Clone, Debug)]
pub struct AwaitedReceipt {
    /// The row.
    pub id: i64,
    /// The provider's name for the message.
    pub message_id: String,
    /// When the provider accepted it.
    pub sent_at: DateTime<Utc>,
    leased_until: DateTime<Utc>,
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
    /// Claims messages that `provider` accepted and whose receipt is due at `now` (the database's
    /// clock) by moving that time forward by `lease`.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn claim_receipts(
        &self,
        provider: &'static str,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<AwaitedReceipt>> {
        let leased_until = now + lease;
        let due = Entity::find()
            .filter(Column::State.eq("sent"))
            .filter(Column::Provider.eq(provider))
            .order_by_asc(Column::ReceiptDueAt)
            .limit(most);
        let claimed = self.claim(now..leased_until, (Column::Id, Column::ReceiptDueAt), due);
        let awaited = |row: sms_messages::Model| {
            Some(AwaitedReceipt {
                id: row.id,
                message_id: row.provider_message_id?,
                sent_at: row.sent_at.unwrap_or(row.created_at),
                leased_until,
            })
        };
        Ok(claimed.await?.into_iter().filter_map(awaited).collect())
    }

    /// Records what a receipt says. If the message was queued again meanwhile, nothing is written: the
    /// receipt is about the copy before.
    ///
    /// # Errors
    /// As `Store::transaction`; the receipt is then asked for again when the lease ends.
    pub async fn record_receipt(
        &self,
        awaited: &AwaitedReceipt,
        arrival: Arrival,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (id, leased_until) = (awaited.id.into(), awaited.leased_until.into());
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
}

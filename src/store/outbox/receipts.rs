//! What became of messages that a provider took, where it gives receipts.

use chrono::{DateTime, TimeDelta, Utc};
use entities::sms_messages;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::store::engine::lease::Lease;
use crate::store::{Store, StoreError};

/// A sent message whose receipt is ours to ask for until the lease ends.
#[derive(Clone, Debug)]
pub struct AwaitedReceipt {
    /// The row.
    pub id: i64,
    /// The provider's name for the message.
    pub message_id: String,
    /// When the provider took it.
    pub sent_at: DateTime<Utc>,
    leased_until: DateTime<Utc>,
}

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// On the handset.
    Delivered,
    /// It will not arrive, in the provider's word.
    Undelivered(String),
    /// Not known yet; ask again at this time, or never.
    Unknown(Option<DateTime<Utc>>),
}

impl Store {
    /// Claims messages that `provider` took and whose receipt is due at `now` (the database's
    /// clock) by moving that time forward by `lease`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn claim_receipts(
        &self,
        provider: &'static str,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<AwaitedReceipt>, StoreError> {
        use sms_messages::Column;
        let leased_until = now + lease;
        let lease = Lease {
            now,
            until: leased_until,
        };
        let due = sms_messages::Entity::find()
            .filter(Column::State.eq("sent"))
            .filter(Column::Provider.eq(provider))
            .order_by_asc(Column::ReceiptDueAt)
            .limit(most);
        let claimed = self.claim(lease, (Column::Id, Column::ReceiptDueAt), due);
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

    /// Records what a receipt says. If the message was queued again meanwhile, nothing: the
    /// receipt is about the copy before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; the receipt is then
    /// asked for again when the lease ends.
    pub async fn record_receipt(
        &self,
        awaited: &AwaitedReceipt,
        arrival: Arrival,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use sms_messages::Column;
        let (id, leased_until) = (awaited.id, awaited.leased_until);
        self.share(move |txn| {
            let update = sms_messages::Entity::update_many();
            let update = match &arrival {
                Arrival::Unknown(again_at) => {
                    update.col_expr(Column::ReceiptDueAt, Expr::value(*again_at))
                }
                Arrival::Delivered => arrived(update, "delivered", None, now),
                Arrival::Undelivered(word) => {
                    arrived(update, "undelivered", Some(word.clone()), now)
                }
            };
            let update = update
                .filter(Column::Id.eq(id))
                .filter(Column::ReceiptDueAt.eq(leased_until));
            Box::pin(async move {
                update.exec(txn).await?;
                Ok(())
            })
        })
        .await
    }
}

fn arrived(
    update: sea_orm::UpdateMany<sms_messages::Entity>,
    receipt: &'static str,
    detail: Option<String>,
    now: DateTime<Utc>,
) -> sea_orm::UpdateMany<sms_messages::Entity> {
    use sms_messages::Column;
    update
        .col_expr(Column::Receipt, Expr::value(receipt))
        .col_expr(Column::ReceiptDetail, Expr::value(detail))
        .col_expr(Column::ReceiptAt, Expr::value(now))
        .col_expr(Column::ReceiptDueAt, Expr::value(None::<DateTime<Utc>>))
}

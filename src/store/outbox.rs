//! Facts to be told outside, written with the sale and carried out after it.

use chrono::{DateTime, TimeDelta, Utc};
use entities::sms_messages;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Store, StoreError};
use crate::domain::phone::Phone;

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
        self.run(async move {
            let due = sms_messages::Entity::find()
                .filter(sms_messages::Column::State.is_in(["queued", "failed"]))
                .filter(sms_messages::Column::DueAt.lte(now))
                .order_by_asc(sms_messages::Column::DueAt)
                .limit(most)
                .all(&store.inner.reader)
                .await?;
            let mut claimed = Vec::with_capacity(due.len());
            for row in due {
                let moved = sms_messages::Entity::update_many()
                    .col_expr(sms_messages::Column::DueAt, Expr::value(now + lease))
                    .filter(sms_messages::Column::Id.eq(row.id))
                    .filter(sms_messages::Column::DueAt.eq(row.due_at))
                    .exec(&store.inner.writer)
                    .await?;
                if moved.rows_affected == 1 {
                    claimed.push(QueuedSms {
                        id: row.id,
                        phone: Phone::from_stored(row.phone),
                        text: row.body,
                        reference: row.reference,
                        attempts: row.attempts,
                    });
                }
            }
            Ok(claimed)
        })
        .await
    }

    /// The provider has taken the message.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; the message is then
    /// sent again when the lease ends.
    pub async fn sms_sent(
        &self,
        sms: &QueuedSms,
        provider: &'static str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (store, id, attempts) = (self.clone(), sms.id, sms.attempts + 1);
        self.run(async move {
            sms_messages::Entity::update_many()
                .col_expr(sms_messages::Column::State, Expr::value("sent"))
                .col_expr(sms_messages::Column::Attempts, Expr::value(attempts))
                .col_expr(sms_messages::Column::Provider, Expr::value(provider))
                .col_expr(sms_messages::Column::SentAt, Expr::value(now))
                .filter(sms_messages::Column::Id.eq(id))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }

    /// The provider has not taken the message; it is tried again at `again_at`, or never.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sms_failed(
        &self,
        sms: &QueuedSms,
        error: String,
        again_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let (store, id, attempts) = (self.clone(), sms.id, sms.attempts + 1);
        let state = if again_at.is_some() { "failed" } else { "dead" };
        self.run(async move {
            let mut update = sms_messages::Entity::update_many()
                .col_expr(sms_messages::Column::State, Expr::value(state))
                .col_expr(sms_messages::Column::Attempts, Expr::value(attempts))
                .col_expr(sms_messages::Column::LastError, Expr::value(error));
            if let Some(at) = again_at {
                update = update.col_expr(sms_messages::Column::DueAt, Expr::value(at));
            }
            update
                .filter(sms_messages::Column::Id.eq(id))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }
}

//! Counts for gauges, cheap on a large table because they read only what is open.

use chrono::{DateTime, Utc};
use entities::{payments, sms_messages};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::domain::order::payment::Status;
use crate::domain::outbox_hold::OutboxHold;
use crate::store::radius::proofs::Refusals;
use crate::store::{Store, StoreError, rows};

/// What is open now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overview {
    /// Orders that wait for money.
    pub pending: u64,
    /// Orders that wait for an operator.
    pub held: u64,
    /// SMS that wait to be sent for the first time.
    pub sms_queued: u64,
    /// SMS that wait to be sent again.
    pub sms_failed: u64,
    /// SMS that were given up.
    pub sms_dead: u64,
    /// When the oldest of the unsent SMS was written.
    pub oldest_unsent_at: Option<DateTime<Utc>>,
    /// What restored books hold back.
    pub outbox_hold: Option<OutboxHold>,
    /// Sold vouchers that FreeRADIUS refuses.
    pub refusals: Refusals,
}

impl Store {
    /// Counts what is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn overview(&self) -> Result<Overview, StoreError> {
        let store = self.clone();
        let outbox_hold = self.outbox_hold().await?;
        self.read(async move {
            Ok(Overview {
                outbox_hold,
                pending: store.count_payments(Status::Pending).await?,
                held: store.count_payments(Status::Held).await?,
                sms_queued: store.count_sms("queued").await?,
                sms_failed: store.count_sms("failed").await?,
                sms_dead: store.count_sms("dead").await?,
                oldest_unsent_at: store.oldest_unsent().await?,
                refusals: store.refusals(store.clock().now()).await?,
            })
        })
        .await
    }

    async fn count_payments(&self, status: Status) -> Result<u64, StoreError> {
        Ok(open_payments(status).count(&self.inner.reader).await?)
    }

    async fn count_sms(&self, state: &str) -> Result<u64, StoreError> {
        Ok(messages(state).count(&self.inner.reader).await?)
    }

    async fn oldest_unsent(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let oldest = sms_messages::Entity::find()
            .select_only()
            .column(sms_messages::Column::CreatedAt)
            .filter(sms_messages::Column::State.is_in(["queued", "failed"]))
            .order_by_asc(sms_messages::Column::CreatedAt)
            .limit(1);
        Ok(oldest
            .into_tuple::<DateTime<Utc>>()
            .one(&self.inner.reader)
            .await?)
    }
}

fn open_payments(status: Status) -> Select<payments::Entity> {
    payments::Entity::find()
        .filter(rows::is_open())
        .filter(payments::Column::Status.eq(status.as_str()))
}

fn messages(state: &str) -> Select<sms_messages::Entity> {
    sms_messages::Entity::find().filter(sms_messages::Column::State.eq(state))
}

#[cfg(test)]
mod tests {
    use sea_orm::QueryTrait;

    use super::*;
    use crate::store::engine::plans::Books;

    #[tokio::test]
    async fn what_is_open_is_counted_by_an_index_of_what_is_open() {
        for books in Books::both().await {
            for status in [Status::Pending, Status::Held] {
                let plan = books
                    .plan(&open_payments(status).build(books.backend()))
                    .await;
                assert!(plan.contains("payments_open"), "{plan}");
            }
            for state in ["queued", "failed", "dead"] {
                let plan = books.plan(&messages(state).build(books.backend())).await;
                assert!(plan.contains("sms_messages_due"), "{plan}");
            }
        }
    }
}

//! The simulated ZenoPay's outgoing webhooks.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::sandbox_webhooks;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::store::engine::lease::Lease;
use crate::store::{Store, StoreError};

/// A webhook to be sent, or one that was. `Debug` is not derived: the URL ends in a secret.
#[derive(Clone)]
pub struct SandboxWebhook {
    /// Given by the database; 0 until then.
    pub id: i64,
    /// About which payment.
    pub order_id: String,
    /// To where.
    pub url: String,
    /// As it goes out.
    pub body: String,
    /// As it goes out.
    pub content_type: String,
    /// Whether the API key goes along in `x-api-key`.
    pub with_key: bool,
    /// When it goes out; [`SandboxWebhook::NEVER`] when it was given up.
    pub due_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was answered 200.
    pub delivered_at: Option<DateTime<Utc>>,
    /// The last answer; `None` when there was none.
    pub http_status: Option<i32>,
}

impl SandboxWebhook {
    /// The due time of a webhook that was given up: the last second that both databases and
    /// RFC 3339 can write.
    pub const NEVER: DateTime<Utc> =
        DateTime::from_timestamp(253_402_300_799, 0).expect("the year 9999 exists");
}

impl Store {
    /// Claims webhooks that are due at `now` by moving their due time forward by `lease`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_claim_webhooks(
        &self,
        now: DateTime<Utc>,
        lease: TimeDelta,
        most: u64,
    ) -> Result<Vec<SandboxWebhook>, StoreError> {
        let lease = Lease {
            now,
            until: now + lease,
        };
        use sandbox_webhooks::Column;
        let due = sandbox_webhooks::Entity::find()
            .filter(Column::DeliveredAt.is_null())
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .limit(most);
        let claimed = self.claim(lease, (Column::Id, Column::DueAt), due);
        Ok(claimed.await?.into_iter().map(webhook).collect())
    }

    /// Keeps what became of webhooks that were tried, in one transaction. One that was
    /// delivered meanwhile stays delivered.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; they are then sent
    /// again when their leases end.
    pub async fn sandbox_tried(&self, webhooks: Vec<SandboxWebhook>) -> Result<(), StoreError> {
        if webhooks.is_empty() {
            return Ok(());
        }
        let webhooks = Arc::new(webhooks);
        self.share(move |txn| {
            let webhooks = webhooks.clone();
            Box::pin(async move { write_tries(txn, &webhooks).await })
        })
        .await
    }
}

/// Plans webhooks, within the transaction of the decision that they tell.
pub(super) async fn insert(
    txn: &DatabaseTransaction,
    planned: Vec<SandboxWebhook>,
) -> Result<(), StoreError> {
    let rows = planned.into_iter().map(new_row);
    sandbox_webhooks::Entity::insert_many(rows)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

async fn write_tries(
    txn: &DatabaseTransaction,
    webhooks: &[SandboxWebhook],
) -> Result<(), StoreError> {
    for webhook in webhooks {
        sandbox_webhooks::Entity::update_many()
            .set(sandbox_webhooks::ActiveModel {
                due_at: Set(webhook.due_at),
                attempts: Set(webhook.attempts),
                delivered_at: Set(webhook.delivered_at),
                http_status: Set(webhook.http_status),
                ..Default::default()
            })
            .filter(sandbox_webhooks::Column::Id.eq(webhook.id))
            .filter(sandbox_webhooks::Column::DeliveredAt.is_null())
            .exec(txn)
            .await?;
    }
    Ok(())
}

fn webhook(row: sandbox_webhooks::Model) -> SandboxWebhook {
    SandboxWebhook {
        id: row.id,
        order_id: row.order_id,
        url: row.url,
        body: row.body,
        content_type: row.content_type,
        with_key: row.with_key,
        due_at: row.due_at,
        attempts: row.attempts,
        delivered_at: row.delivered_at,
        http_status: row.http_status,
    }
}

fn new_row(webhook: SandboxWebhook) -> sandbox_webhooks::ActiveModel {
    sandbox_webhooks::ActiveModel {
        id: NotSet,
        order_id: Set(webhook.order_id),
        url: Set(webhook.url),
        body: Set(webhook.body),
        content_type: Set(webhook.content_type),
        with_key: Set(webhook.with_key),
        due_at: Set(webhook.due_at),
        attempts: Set(webhook.attempts),
        delivered_at: Set(webhook.delivered_at),
        http_status: Set(webhook.http_status),
    }
}

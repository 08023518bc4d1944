//! The tables of the simulated ZenoPay: its payments, its outgoing webhooks, its switches. They share
//! the database with the shop and nothing else.
//!
//! # Invariants
//! A decision and the webhooks that report it are written together, and only if the payment is still
//! as it was when the decision was made.

use chrono::{DateTime, Utc};
use entities::{sandbox_payments, sandbox_webhooks};
use sea_orm::ActiveValue::NotSet;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::access::Lease;
use super::engine::sql;
use super::error::Result;

/// The due time of a webhook that was given up: the last second that both databases and RFC 3339 can
/// write.
pub const NEVER_DUE: DateTime<Utc> =
    DateTime::from_timestamp(253_402_300_799, 0).expect("the year 9999 exists");

/// The next due time of all, in one round trip.
const NEXT_DUE: &str = "SELECT (SELECT min(decide_at) FROM sandbox_payments), \
     (SELECT min(due_at) FROM sandbox_webhooks WHERE delivered_at IS NULL)";

/// A webhook, sent or due. Its `id` is 0 until it is written. Its URL ends in a secret: log nothing of
/// it.
pub use entities::sandbox_webhooks::Model as SandboxWebhook;

/// A payment as the simulated ZenoPay knows it. Its `id` is 0 until it is written. Its webhook URL ends
/// in a secret: log nothing of it.
pub use entities::sandbox_payments::Model as SandboxPayment;

/// The word of a payment whose push was refused: no phone knows it, but it tells that the order is a sandbox's.
pub const PUSH_REFUSED: &str = "PUSH_REFUSED";

impl Store {
    /// The time by the store's clock, and the next due time; `None` when nothing is open.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sandbox_clock(&self) -> Result<(DateTime<Utc>, Option<DateTime<Utc>>)> {
        type Due = Option<DateTime<Utc>>;
        let due: Option<(Due, Due)> = sql::tuple(&self.db(), NEXT_DUE, []).await?;
        let (decide_at, due_at) = due.unwrap_or_default();
        let open = [decide_at, due_at].into_iter().flatten();
        let next = open.filter(|at| *at < NEVER_DUE).min();
        Ok((self.clock().now(), next))
    }

    /// How new payments behave, as JSON; `None` if that was never set.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sandbox_switches(&self) -> Result<Option<String>> {
        sql::tuple(&self.db(), "SELECT behaviour FROM sandbox_switches", []).await
    }

    /// Sets how new payments behave, as JSON.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn sandbox_set_switches(&self, behaviour: String, now: DateTime<Utc>) -> Result<()> {
        let set = "INSERT INTO sandbox_switches (id, behaviour, updated_at) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE \
             SET behaviour = excluded.behaviour, updated_at = excluded.updated_at";
        let done = self.execute(set, [behaviour.into(), now.into()]);
        done.await.map(drop)
    }

    /// Inserts a payment. Returns `false` if there is one with its order id already.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn sandbox_create(&self, payment: SandboxPayment) -> Result<bool> {
        self.share(move |txn| {
            let row = sandbox_payments::ActiveModel {
                id: NotSet,
                ..payment.clone().into()
            };
            let mut unless_known = OnConflict::column(sandbox_payments::Column::OrderId);
            let insert = sandbox_payments::Entity::insert(row)
                .on_conflict(unless_known.do_nothing().to_owned());
            Box::pin(async move { Ok(insert.exec_without_returning(txn).await? == 1) })
        })
        .await
    }

    /// One payment, by the merchant's order id; `None` also if its push was refused.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sandbox_find(&self, order_id: &str) -> Result<Option<SandboxPayment>> {
        let found: Option<SandboxPayment> =
            sql::model(&self.db(), "WHERE order_id = $1", [order_id.into()]).await?;
        Ok(found.filter(|payment| payment.payment_status != PUSH_REFUSED))
    }

    /// The newest payments, each with the number of its webhooks, and of those that were answered 200.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sandbox_recent(&self, limit: u64) -> Result<Vec<(SandboxPayment, i64, i64)>> {
        let db = &self.db();
        let newest: Vec<SandboxPayment> =
            sql::models(db, "ORDER BY id DESC LIMIT $1", [limit.into()]).await?;
        let counts = "SELECT order_id, COUNT(*), COUNT(delivered_at) FROM sandbox_webhooks \
             WHERE order_id IN (SELECT order_id FROM sandbox_payments ORDER BY id DESC LIMIT $1) \
             GROUP BY order_id";
        let counts: Vec<(String, i64, i64)> = sql::tuples(db, counts, [limit.into()]).await?;
        let counted = |payment: SandboxPayment| {
            let count = counts.iter().find(|(order, ..)| *order == payment.order_id);
            let (planned, delivered) = count.map_or((0, 0), |(_, all, done)| (*all, *done));
            (payment, planned, delivered)
        };
        let pushed = |payment: &SandboxPayment| payment.payment_status != PUSH_REFUSED;
        Ok(newest.into_iter().filter(pushed).map(counted).collect())
    }

    /// Makes the subscriber of one payment decide at `decide_at`, even if there is a decision already,
    /// as `behaviour` (JSON) says. Returns `false` if there is no such payment.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn sandbox_decide_at(
        &self,
        order_id: &str,
        behaviour: String,
        decide_at: DateTime<Utc>,
    ) -> Result<bool> {
        let summon =
            "UPDATE sandbox_payments SET behaviour = $1, decide_at = $2 WHERE order_id = $3";
        let values = [behaviour.into(), decide_at.into(), order_id.into()];
        Ok(self.execute(summon, values).await? == 1)
    }

    /// Payments whose decision is due at `now`, the longest overdue first.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sandbox_due(&self, now: DateTime<Utc>, limit: u64) -> Result<Vec<SandboxPayment>> {
        // In the same order everywhere, so that two processes queue up for the rows and do not block
        // each other.
        let due = "WHERE decide_at <= $1 ORDER BY decide_at, id LIMIT $2";
        sql::models(&self.db(), due, [now.into(), limit.into()]).await
    }

    /// Writes decisions, each with the webhooks that report it, in one transaction. Leaves out a payment
    /// whose decision was made or rescheduled meanwhile. Returns how many were written.
    ///
    /// # Errors
    /// As `Store::transaction`; nothing is decided.
    pub async fn sandbox_decide(
        &self,
        decided: Vec<(SandboxPayment, Vec<SandboxWebhook>)>,
    ) -> Result<usize> {
        if decided.is_empty() {
            return Ok(0);
        }
        self.transaction(move |txn| {
            Box::pin(async move {
                let mut written = 0;
                for (payment, planned) in decided {
                    // Only if the due time and the behaviour are still those that were read before
                    // the decision.
                    let decide = "UPDATE sandbox_payments SET payment_status = $1, reference = $2, \
                         transid = $3, channel = $4, decide_at = NULL \
                         WHERE order_id = $5 AND decide_at = $6 AND behaviour = $7";
                    let values = [
                        payment.payment_status.into(),
                        payment.reference.into(),
                        payment.transid.into(),
                        payment.channel.into(),
                        payment.order_id.into(),
                        payment.decide_at.into(),
                        payment.behaviour.into(),
                    ];
                    if sql::execute(txn, decide, values).await? == 1 {
                        written += 1;
                        let new = |webhook: SandboxWebhook| sandbox_webhooks::ActiveModel {
                            id: NotSet,
                            ..webhook.into()
                        };
                        sandbox_webhooks::Entity::insert_many(planned.into_iter().map(new))
                            .exec_without_returning(txn)
                            .await?;
                    }
                }
                Ok(written)
            })
        })
        .await
    }

    /// Claims webhooks that are due at the start of the lease, by moving their due time to its end.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn sandbox_claim_webhooks(
        &self,
        lease: Lease,
        limit: u64,
    ) -> Result<Vec<SandboxWebhook>> {
        use sandbox_webhooks::Column;
        let due = sandbox_webhooks::Entity::find()
            .filter(Column::DeliveredAt.is_null())
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id)
            .limit(limit);
        let columns = (Column::Id, Column::DueAt);
        self.claim(lease, columns, due).await
    }

    /// Records an attempt to send a webhook. One that was delivered meanwhile stays delivered.
    ///
    /// # Errors
    /// As `Store::execute`; it is then sent again when its lease ends.
    pub async fn sandbox_tried(&self, webhook: &SandboxWebhook) -> Result<()> {
        let keep = "UPDATE sandbox_webhooks SET due_at = $1, attempts = $2, delivered_at = $3, \
             http_status = $4 WHERE id = $5 AND delivered_at IS NULL";
        let values = [
            webhook.due_at.into(),
            webhook.attempts.into(),
            webhook.delivered_at.into(),
            webhook.http_status.into(),
            webhook.id.into(),
        ];
        self.execute(keep, values).await.map(drop)
    }
}

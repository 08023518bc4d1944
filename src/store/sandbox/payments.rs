//! The payments that the simulated ZenoPay believes it handles.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::{sandbox_payments, sandbox_webhooks};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::webhooks::{self, SandboxWebhook};
use crate::domain::people::phone::Phone;
use crate::store::{Store, StoreError};

/// A payment as the simulated ZenoPay knows it. `Debug` is not derived: the webhook URL ends
/// in a secret.
#[derive(Clone)]
pub struct SandboxPayment {
    /// As the merchant gave it, so any text.
    pub order_id: String,
    /// What was asked for, in whole shillings.
    pub amount: i64,
    /// Whose phone rings.
    pub buyer_phone: Phone,
    /// Where to tell; `None` is nowhere.
    pub webhook_url: Option<String>,
    /// JSON, echoed in the webhook.
    pub metadata: Option<String>,
    /// In ZenoPay's own words.
    pub payment_status: String,
    /// ZenoPay's number, once somebody has decided.
    pub reference: Option<String>,
    /// The mobile-money operator's number, once money has moved.
    pub transid: Option<String>,
    /// As in `MPESA-TZ`, once somebody has decided.
    pub channel: Option<String>,
    /// JSON: how this payment is to behave.
    pub behaviour: String,
    /// When the phone rang.
    pub created_at: DateTime<Utc>,
    /// When the subscriber decides; `None` when nobody is expected to.
    pub decide_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Keeps a new payment. False if there is one of that name already; it stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_create(&self, payment: SandboxPayment) -> Result<bool, StoreError> {
        self.share(move |txn| {
            let known = OnConflict::column(sandbox_payments::Column::OrderId)
                .do_nothing()
                .to_owned();
            let insert = sandbox_payments::Entity::insert(new_row(payment.clone()));
            Box::pin(async move {
                let inserted = insert.on_conflict(known).exec_without_returning(txn);
                Ok(inserted.await? == 1)
            })
        })
        .await
    }

    /// One payment, by the merchant's name for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_find(&self, order_id: &str) -> Result<Option<SandboxPayment>, StoreError> {
        let (store, order_id) = (self.clone(), order_id.to_owned());
        self.run(async move {
            let found = sandbox_payments::Entity::find()
                .filter(sandbox_payments::Column::OrderId.eq(order_id))
                .one(&store.inner.reader)
                .await?;
            Ok(found.map(payment))
        })
        .await
    }

    /// The newest payments, each with how many webhooks are planned for it in all and how
    /// many of them were answered 200.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_recent(
        &self,
        most: u64,
    ) -> Result<Vec<(SandboxPayment, i64, i64)>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let rows = sandbox_payments::Entity::find()
                .order_by_desc(sandbox_payments::Column::Id)
                .limit(most)
                .all(&store.inner.reader)
                .await?;
            let names = rows.iter().map(|row| row.order_id.as_str());
            let counts: Vec<(String, i64, i64)> = sandbox_webhooks::Entity::find()
                .select_only()
                .column(sandbox_webhooks::Column::OrderId)
                .column_as(sandbox_webhooks::Column::Id.count(), "planned")
                .column_as(sandbox_webhooks::Column::DeliveredAt.count(), "delivered")
                .filter(sandbox_webhooks::Column::OrderId.is_in(names))
                .group_by(sandbox_webhooks::Column::OrderId)
                .into_tuple()
                .all(&store.inner.reader)
                .await?;
            let counted = |row: sandbox_payments::Model| {
                let count = counts
                    .iter()
                    .find(|(order_id, ..)| *order_id == row.order_id);
                let (planned, delivered) = count.map_or((0, 0), |(_, all, done)| (*all, *done));
                (payment(row), planned, delivered)
            };
            Ok(rows.into_iter().map(counted).collect())
        })
        .await
    }

    /// Has the subscriber of one payment decide at `decide_at`, whatever was decided before,
    /// and as `behaviour` (JSON) says. False if there is no such payment.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_summon(
        &self,
        order_id: &str,
        behaviour: String,
        decide_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (store, order_id) = (self.clone(), order_id.to_owned());
        self.run(async move {
            let summoned = sandbox_payments::Entity::update_many()
                .col_expr(sandbox_payments::Column::Behaviour, Expr::value(behaviour))
                .col_expr(sandbox_payments::Column::DecideAt, Expr::value(decide_at))
                .filter(sandbox_payments::Column::OrderId.eq(order_id))
                .exec(&store.inner.writer)
                .await?;
            Ok(summoned.rows_affected == 1)
        })
        .await
    }

    /// Payments whose subscriber decides at `now` or should have, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn sandbox_due(
        &self,
        now: DateTime<Utc>,
        most: u64,
    ) -> Result<Vec<SandboxPayment>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let due = sandbox_payments::Entity::find()
                .filter(sandbox_payments::Column::DecideAt.lte(now))
                // In the same order everywhere, so that two processes queue up for the
                // rows and do not block each other.
                .order_by_asc(sandbox_payments::Column::DecideAt)
                .order_by_asc(sandbox_payments::Column::Id)
                .limit(most)
                .all(&store.inner.reader)
                .await?;
            Ok(due.into_iter().map(payment).collect())
        })
        .await
    }

    /// Writes decisions, each with the webhooks that tell it, in one transaction. A payment
    /// that somebody else has decided or summoned since is left out. Returns how many were
    /// ours.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; nothing is decided.
    pub async fn sandbox_decide(
        &self,
        decided: Vec<(SandboxPayment, Vec<SandboxWebhook>)>,
    ) -> Result<usize, StoreError> {
        if decided.is_empty() {
            return Ok(0);
        }
        let decided = Arc::new(decided);
        self.share(move |txn| {
            let decided = decided.clone();
            Box::pin(async move { write_decisions(txn, &decided).await })
        })
        .await
    }
}

async fn write_decisions(
    txn: &DatabaseTransaction,
    decided: &[(SandboxPayment, Vec<SandboxWebhook>)],
) -> Result<usize, StoreError> {
    let mut ours = 0;
    for (payment, planned) in decided {
        let (payment, planned) = (payment.clone(), planned.clone());
        // Invariant: decided once. The due time and the behaviour are what was read before
        // the decision; whoever finds them changed was not first.
        let done = sandbox_payments::Entity::update_many()
            .set(sandbox_payments::ActiveModel {
                payment_status: Set(payment.payment_status),
                reference: Set(payment.reference),
                transid: Set(payment.transid),
                channel: Set(payment.channel),
                decide_at: Set(None),
                ..Default::default()
            })
            .filter(sandbox_payments::Column::OrderId.eq(payment.order_id))
            .filter(sandbox_payments::Column::DecideAt.eq(payment.decide_at))
            .filter(sandbox_payments::Column::Behaviour.eq(payment.behaviour))
            .exec(txn)
            .await?;
        if done.rows_affected == 1 {
            ours += 1;
            webhooks::insert(txn, planned).await?;
        }
    }
    Ok(ours)
}

fn payment(row: sandbox_payments::Model) -> SandboxPayment {
    SandboxPayment {
        order_id: row.order_id,
        amount: row.amount,
        buyer_phone: Phone::from_stored(row.buyer_phone),
        webhook_url: row.webhook_url,
        metadata: row.metadata,
        payment_status: row.payment_status,
        reference: row.reference,
        transid: row.transid,
        channel: row.channel,
        behaviour: row.behaviour,
        created_at: row.created_at,
        decide_at: row.decide_at,
    }
}

fn new_row(payment: SandboxPayment) -> sandbox_payments::ActiveModel {
    sandbox_payments::ActiveModel {
        id: NotSet,
        order_id: Set(payment.order_id),
        amount: Set(payment.amount),
        buyer_phone: Set(payment.buyer_phone.international().to_owned()),
        webhook_url: Set(payment.webhook_url),
        metadata: Set(payment.metadata),
        payment_status: Set(payment.payment_status),
        reference: Set(payment.reference),
        transid: Set(payment.transid),
        channel: Set(payment.channel),
        behaviour: Set(payment.behaviour),
        created_at: Set(payment.created_at),
        decide_at: Set(payment.decide_at),
    }
}

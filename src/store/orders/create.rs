//! A new order: limits, price and row in one transaction, so that two presses of a button
//! cannot both slip under a limit.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
};

use crate::domain::access::DeviceMac;
use crate::domain::access::OwnerToken;
use crate::domain::catalog::admission::{self, History, Limits, Refusal};
use crate::domain::catalog::package::Package;
use crate::domain::catalog::purchase::{IdempotencyKey, Ringing};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::pacing::check_schedule;
use crate::domain::people::Personal;
use crate::domain::people::language::Language;
use crate::domain::people::phone::Phone;
use crate::domain::people::secret::Secret;
use crate::store::engine::sql;
use crate::store::{Store, StoreError, rows};

/// What a new order consists of.
#[derive(Clone)]
pub struct NewOrder {
    /// From the system's random source.
    pub order_id: OrderId,
    /// The payer.
    pub phone: Phone,
    /// Their name, if they gave one.
    pub customer_name: Option<Personal>,
    /// The device that it is bought from, if the router named it.
    pub device: Option<DeviceMac>,
    /// Of the SMS.
    pub language: Language,
    /// What, at our price.
    pub package: Package,
    /// Makes sending the same wish again safe.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What an open prompt means.
    pub ringing: Ringing,
    /// The random part of the webhook URL.
    pub webhook_secret: Secret,
    /// The random part of the link in the SMS.
    pub owner_token: OwnerToken,
    /// How long it may stay PENDING.
    pub expire_after: TimeDelta,
}

impl NewOrder {
    pub(in crate::store) fn first_ask_at(&self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        check_schedule::first_ask(self.order_id, created_at).min(created_at + self.expire_after)
    }
}

/// What became of a wish to buy.
#[derive(Clone, Debug)]
pub enum Placed {
    /// The row is committed.
    Created(Payment),
    /// This key has made an order before; here it is as it is now.
    Resumed(Payment),
    /// Not now.
    Refused(Refusal),
}

impl Store {
    /// Commits the row of a new order, unless a limit or the client's own key says otherwise.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn place(&self, order: NewOrder, limits: Limits) -> Result<Placed, StoreError> {
        let (key, clock) = (order.idempotency_key.clone(), self.clock());
        let order = Arc::new(order);
        let placed = self.share(move |txn| {
            let (order, now) = (order.clone(), clock.now());
            Box::pin(async move { place(txn, &order, limits, now).await })
        });
        match placed.await {
            Err(StoreError::Conflict) => self.resume(key.as_ref()).await,
            placed => placed,
        }
    }

    /// Two requests with one key at the same moment: the other one was first.
    async fn resume(&self, key: Option<&IdempotencyKey>) -> Result<Placed, StoreError> {
        let found = match key {
            Some(key) => self.load_by_key(key).await?,
            None => None,
        };
        found.map(Placed::Resumed).ok_or(StoreError::Conflict)
    }
}

async fn place(
    txn: &DatabaseTransaction,
    order: &NewOrder,
    limits: Limits,
    now: DateTime<Utc>,
) -> Result<Placed, StoreError> {
    one_at_a_time(txn, &order.phone).await?;
    // After a wait for the lock the same request may have made its order: no limit concerns it.
    if let Some(key) = &order.idempotency_key {
        let same = payments::Column::IdempotencyKey.eq(key.as_str());
        let made = rows::orders(txn, payments::Entity::find().filter(same)).await?;
        if let Some(payment) = made.into_iter().next() {
            return Ok(Placed::Resumed(payment));
        }
    }
    let history = history(txn, &order.phone, now, limits).await?;
    if let Err(refusal) = admission::admit(&history, order.ringing, limits, now) {
        return Ok(Placed::Refused(refusal));
    }

    let inserted = payments::Entity::insert(rows::new_payment(order, now))
        .exec_with_returning(txn)
        .await;
    match inserted {
        Ok(row) => Ok(Placed::Created(rows::payment(row, None)?)),
        Err(error) if order.idempotency_key.is_some() && StoreError::is_duplicate(&error) => {
            Err(StoreError::Conflict)
        }
        Err(error) => Err(error.into()),
    }
}

/// Lets one transaction a phone count and insert at a time. On SQLite there is one writer
/// anyway.
async fn one_at_a_time(txn: &DatabaseTransaction, phone: &Phone) -> Result<(), StoreError> {
    if txn.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        sql::execute(txn, lock, [phone.international().into()]).await?;
    }
    Ok(())
}

async fn history(
    txn: &DatabaseTransaction,
    phone: &Phone,
    now: DateTime<Utc>,
    limits: Limits,
) -> Result<History, StoreError> {
    // Only as far as the limit: a busy second is not counted to its end.
    let last_second = "SELECT id FROM payments WHERE created_at > $1 LIMIT $2";
    let second = [
        (now - TimeDelta::seconds(1)).into(),
        limits.prompts_per_sec.into(),
    ];
    let last_second: Vec<i64> = sql::tuples(txn, last_second, second).await?;
    let mut history = History {
        last_second: last_second.len() as u64,
        ..History::default()
    };
    let of_day = "SELECT status, created_at FROM payments WHERE phone = $1 AND created_at > $2 \
         ORDER BY created_at";
    let day = [phone.international().into(), (now - admission::DAY).into()];
    let of_day: Vec<(String, DateTime<Utc>)> = sql::tuples(txn, of_day, day).await?;
    for (status, created_at) in of_day {
        let status = Status::read(&status);
        match status {
            Some(Status::Completed | Status::Refunded | Status::Held) => {}
            _ => history.unpaid.push(created_at),
        }
        if status == Some(Status::Pending) {
            history.newest_pending = Some(created_at);
        }
        history.prompts.push(created_at);
    }
    Ok(history)
}

//! A new order: limits, price and row in one transaction, so that two presses of a button
//! cannot both slip under a limit.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::{payments, vouchers};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};

use crate::domain::access::device::DeviceMac;
use crate::domain::access::owner_link::OwnerToken;
use crate::domain::catalog::admission;
use crate::domain::catalog::admission::{History, Limits, Refusal};
use crate::domain::catalog::package::Package;
use crate::domain::catalog::purchase::{IdempotencyKey, Ringing};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::pacing::check_schedule;
use crate::domain::people::language::Language;
use crate::domain::people::personal::Personal;
use crate::domain::people::phone::Phone;
use crate::domain::people::secret::Secret;
use crate::store::{Store, StoreError, rows};

/// What a new order consists of.
#[derive(Clone)]
pub struct NewOrder {
    /// From the system's random source.
    pub order_id: OrderId,
    /// Who pays.
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
    /// [`StoreError::Unavailable`] when the database cannot be reached; then there is no row.
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
    // Who waited for the lock may find that its twin was first: no limit concerns it.
    if let Some(key) = &order.idempotency_key
        && let Some((row, voucher)) = payments::Entity::find()
            .filter(payments::Column::IdempotencyKey.eq(key.as_str()))
            .find_also_related(vouchers::Entity)
            .one(txn)
            .await?
    {
        return Ok(Placed::Resumed(rows::payment(row, voucher)?));
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
        let lock = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            [phone.international().into()],
        );
        txn.query_one_raw(lock).await?;
    }
    Ok(())
}

async fn history(
    txn: &DatabaseTransaction,
    phone: &Phone,
    now: DateTime<Utc>,
    limits: Limits,
) -> Result<History, StoreError> {
    let day: Vec<payments::Model> = payments::Entity::find()
        .filter(payments::Column::Phone.eq(phone.international()))
        .filter(payments::Column::CreatedAt.gt(now - admission::DAY))
        .order_by_asc(payments::Column::CreatedAt)
        .all(txn)
        .await?;
    let last_second = payments::Entity::find()
        .select_only()
        .column(payments::Column::Id)
        .filter(payments::Column::CreatedAt.gt(now - TimeDelta::seconds(1)))
        // Only as far as the limit: a busy second is not counted to its end.
        .limit(u64::from(limits.prompts_per_sec))
        .into_tuple::<i64>()
        .all(txn)
        .await?
        .len() as u64;
    let mut history = History {
        last_second,
        ..History::default()
    };
    for row in day {
        match Status::read(&row.status) {
            Some(Status::Completed | Status::Refunded | Status::Held) => {}
            _ => history.unpaid.push(row.created_at),
        }
        if row.status == Status::Pending.as_str() {
            history.newest_pending = Some(row.created_at);
        }
        history.prompts.push(row.created_at);
    }
    Ok(history)
}

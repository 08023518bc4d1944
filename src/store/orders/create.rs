//! A new order: the limits are checked and the row is inserted in one transaction, so that two
//! requests at the same moment cannot both pass a limit.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use entities::payments;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
};

use crate::domain::access::{DeviceMac, OwnerToken};
use crate::domain::catalog::admission;
use crate::domain::catalog::{
    CURRENCY, History, IdempotencyKey, Limits, Package, Refusal, SecondPrompt,
};
use crate::domain::order::{OrderId, Payment, Status};
use crate::domain::pacing::check_schedule;
use crate::domain::people::{Language, Personal, Phone, Secret};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::orders::future::AHEAD;
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
    /// The device that it is bought on, if the router named it.
    pub device: Option<DeviceMac>,
    /// Of the SMS.
    pub language: Language,
    /// What is bought, at our price.
    pub package: Package,
    /// Makes it safe to send the same request again.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What to do if an earlier prompt of this phone is still open.
    pub second_prompt: SecondPrompt,
    /// The random part of the webhook URL.
    pub webhook_secret: Secret,
    /// The random part of the link in the SMS.
    pub owner_token: OwnerToken,
    /// For how long it may stay PENDING.
    pub expire_after: TimeDelta,
}

impl NewOrder {
    pub(in crate::store) fn first_check_at(&self, created_at: DateTime<Utc>) -> DateTime<Utc> {
        check_schedule::first_check(self.order_id, created_at).min(created_at + self.expire_after)
    }
}

/// The result of a purchase request.
#[derive(Clone, Debug)]
pub enum Placed {
    /// The row is committed.
    Created(Payment),
    /// The order that this key made before, as it is now.
    Resumed(Payment),
    /// A limit forbids it.
    Refused(Refusal),
}

impl Store {
    /// Commits the row of a new order, unless a limit or the client's own key says otherwise.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn place(&self, order: NewOrder, limits: Limits) -> Result<Placed> {
        let (key, clock) = (order.idempotency_key.clone(), self.clock());
        let order = Arc::new(order);
        let placed = self.share(move |txn| {
            let (order, now) = (order.clone(), clock.now());
            Box::pin(async move { place(txn, &order, limits, now).await })
        });
        let placed = placed.await;
        // Of two requests with one key at the same moment, the second gets the order of the first.
        if let (Err(StoreError::Conflict), Some(key)) = (&placed, &key)
            && let Some(payment) = self.load_by_key(key).await?
        {
            return Ok(Placed::Resumed(payment));
        }
        placed
    }
}

async fn place(
    txn: &DatabaseTransaction,
    order: &NewOrder,
    limits: Limits,
    now: DateTime<Utc>,
) -> Result<Placed> {
    // Transactions of one phone count and insert one after the other. SQLite has one writer anyway.
    if txn.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        sql::execute(txn, lock, [order.phone.international().into()]).await?;
    }
    // While this one waited for the lock, the same request may have made the order: then no limit
    // applies.
    if let Some(key) = &order.idempotency_key {
        let same = payments::Column::IdempotencyKey.eq(key.as_str());
        let mut made = rows::orders(txn, payments::Entity::find().filter(same)).await?;
        if let Some(payment) = made.pop() {
            return Ok(Placed::Resumed(payment));
        }
    }
    let history = history(txn, &order.phone, now, limits).await?;
    if let Err(refusal) = admission::admit(&history, order.second_prompt, limits, now) {
        return Ok(Placed::Refused(refusal));
    }

    let inserted = payments::Entity::insert(new_payment(order, now))
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

async fn history(
    txn: &DatabaseTransaction,
    phone: &Phone,
    now: DateTime<Utc>,
    limits: Limits,
) -> Result<History> {
    // Counted up to the limit, which is all that matters.
    let last_second = "SELECT id FROM payments WHERE created_at > $1 AND created_at <= $2 LIMIT $3";
    // A row of the future, by a clock that was ahead, would count until that moment.
    let until = now + AHEAD;
    let second = [
        (now - TimeDelta::seconds(1)).into(),
        until.into(),
        limits.prompts_per_sec.into(),
    ];
    let last_second: Vec<i64> = sql::tuples(txn, last_second, second).await?;
    let mut history = History {
        last_second: last_second.len() as u64,
        ..History::default()
    };
    let of_day = "SELECT status, created_at FROM payments WHERE phone = $1 AND created_at > $2 \
         AND created_at <= $3 ORDER BY created_at";
    let since = now - admission::DAY;
    let day = [phone.international().into(), since.into(), until.into()];
    let of_day: Vec<(Status, DateTime<Utc>)> = sql::tuples(txn, of_day, day).await?;
    for (status, created_at) in of_day {
        let created_at = created_at.min(now);
        let is_paid = matches!(status, Status::Completed | Status::Refunded | Status::Held);
        if !is_paid {
            history.unpaid.push(created_at);
        }
        if status == Status::Pending {
            history.newest_pending = Some(created_at);
        }
        history.prompts.push(created_at);
    }
    Ok(history)
}

/// A new order's row.
fn new_payment(order: &NewOrder, created_at: DateTime<Utc>) -> payments::ActiveModel {
    let terms = order.package.terms.clone();
    payments::ActiveModel {
        id: NotSet,
        order_id: Set(order.order_id.0),
        status: Set(Status::Pending.as_str().to_owned()),
        version: Set(1),
        phone: Set(order.phone.international().to_owned()),
        customer_name: Set(rows::personal(order.customer_name.as_ref())),
        device_mac: Set((order.device.as_ref()).map(|device| device.expose().to_owned())),
        language: Set(order.language.tag().to_owned()),
        idempotency_key: Set((order.idempotency_key.as_ref()).map(|key| key.as_str().to_owned())),
        package_id: Set(order.package.id),
        package_code: Set(terms.code),
        package_name_sw: Set(terms.name_sw),
        package_name_en: Set(terms.name_en),
        amount: Set(order.package.price.0),
        currency: Set(CURRENCY.to_owned()),
        duration_minutes: Set(terms.duration_minutes),
        validity: Set(terms.validity.as_str().to_owned()),
        data_limit_mb: Set(terms.data_limit_mb),
        download_kbps: Set(terms.download_kbps),
        upload_kbps: Set(terms.upload_kbps),
        shared_devices: Set(terms.shared_devices),
        webhook_secret: Set(order.webhook_secret.expose().to_owned()),
        owner_token: Set(Some(order.owner_token.expose().to_owned())),
        created_at: Set(created_at),
        deadline_at: Set(created_at + order.expire_after),
        due_at: Set(Some(order.first_check_at(created_at))),
        asks: Set(0),
        ..Default::default()
    }
}

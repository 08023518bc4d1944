//! What the database has of given orders, for the drill, which checks that each was sold exactly
//! once. Six queries for a batch of orders, however many there are in it.

use std::collections::HashMap;

use entities::{invoices, payments, radcheck, sms_messages, vouchers, webhook_deliveries};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;
use crate::store::engine::sql::Db;
use crate::store::{Store, StoreError};

/// Orders a batch: well below the variables that a statement may have, and quick to read.
const BATCH: usize = 500;
/// The row that makes a name a RADIUS user.
const PASSWORD: &str = "Cleartext-Password";

/// What one order has led to. `Debug` is not derived: bodies belong in no log.
#[derive(Clone, Default)]
pub struct OrderRows {
    /// Numbers of its invoices.
    pub invoices: Vec<String>,
    /// Codes of its vouchers.
    pub vouchers: Vec<VoucherCode>,
    /// RADIUS users with one of these codes.
    pub radius_users: usize,
    /// Texts to the guest.
    pub sms: usize,
    /// Those among them that name one of these codes.
    pub sms_with_code: usize,
    /// Its part of the journal.
    pub journal: Vec<JournalLine>,
}

/// One journalled delivery.
#[derive(Clone)]
pub struct JournalLine {
    /// What it meant, as in `completed`.
    pub outcome: String,
    /// As sent.
    pub body: Vec<u8>,
}

impl Store {
    /// What the database has of these orders. An order that it does not know is not in the answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit(
        &self,
        orders: &[OrderId],
    ) -> Result<HashMap<OrderId, OrderRows>, StoreError> {
        let (db, mut all) = (self.db(), HashMap::with_capacity(orders.len()));
        for batch in orders.chunks(BATCH) {
            all.extend(booked(&db, batch).await?);
        }
        Ok(all)
    }
}

async fn booked(db: &Db, orders: &[OrderId]) -> Result<HashMap<OrderId, OrderRows>, StoreError> {
    let known: Vec<(i64, Uuid)> = payments::Entity::find()
        .select_only()
        .columns([payments::Column::Id, payments::Column::OrderId])
        .filter(payments::Column::OrderId.is_in(orders.iter().map(|order| order.0)))
        .into_tuple()
        .all(db)
        .await?;
    let ids: Vec<i64> = known.iter().map(|(id, _)| *id).collect();
    let mut all: HashMap<i64, OrderRows> =
        ids.iter().map(|id| (*id, OrderRows::default())).collect();

    let (id, number) = (invoices::Column::PaymentId, invoices::Column::Number);
    for (id, number) in texts::<invoices::Entity>(db, &ids, id, number).await? {
        all.entry(id).or_default().invoices.push(number);
    }
    let (id, code) = (vouchers::Column::PaymentId, vouchers::Column::Code);
    let vouchers = texts::<vouchers::Entity>(db, &ids, id, code).await?;
    let users = radius_users(db, vouchers.iter().map(|(_, code)| code.as_str())).await?;
    for (id, code) in vouchers {
        let booked = all.entry(id).or_default();
        booked.radius_users += users.iter().filter(|name| **name == code).count();
        booked.vouchers.push(VoucherCode::from_stored(code));
    }
    let (id, body) = (sms_messages::Column::PaymentId, sms_messages::Column::Body);
    for (id, text) in texts::<sms_messages::Entity>(db, &ids, id, body).await? {
        let booked = all.entry(id).or_default();
        let names_code = |code: &VoucherCode| text.contains(code.as_str());
        booked.sms += 1;
        booked.sms_with_code += usize::from(booked.vouchers.iter().any(names_code));
    }
    let mut journal = journal(db, &known).await?;
    let booked = known.into_iter().map(|(id, order_id)| {
        let mut booked = all.remove(&id).unwrap_or_default();
        booked.journal = journal.remove(&order_id).unwrap_or_default();
        (OrderId(order_id), booked)
    });
    Ok(booked.collect())
}

/// One column of the rows that belong to these payments, each with its payment.
async fn texts<E: EntityTrait>(
    db: &Db,
    ids: &[i64],
    payment_id: E::Column,
    text: E::Column,
) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = E::find()
        .select_only()
        .columns([payment_id, text])
        .filter(payment_id.is_in(ids.iter().copied()));
    Ok(rows.into_tuple().all(db).await?)
}

/// The names among these that FreeRADIUS lets in, each as often as it is there.
async fn radius_users(
    db: &Db,
    codes: impl Iterator<Item = &str>,
) -> Result<Vec<String>, StoreError> {
    let names = radcheck::Entity::find()
        .select_only()
        .column(radcheck::Column::Username)
        .filter(radcheck::Column::Attribute.eq(PASSWORD))
        .filter(radcheck::Column::Username.is_in(codes));
    Ok(names.into_tuple().all(db).await?)
}

async fn journal(
    db: &Db,
    orders: &[(i64, Uuid)],
) -> Result<HashMap<Uuid, Vec<JournalLine>>, StoreError> {
    use webhook_deliveries::Column;
    let lines: Vec<(String, String, Vec<u8>)> = webhook_deliveries::Entity::find()
        .select_only()
        .columns([Column::OrderId, Column::Outcome, Column::Body])
        .filter(Column::OrderId.is_in(orders.iter().map(|(_, order_id)| order_id.to_string())))
        .into_tuple()
        .all(db)
        .await?;
    let mut journal: HashMap<_, Vec<_>> = HashMap::new();
    for (order_id, outcome, body) in lines {
        if let Ok(order_id) = order_id.parse() {
            let of_order = journal.entry(order_id).or_default();
            of_order.push(JournalLine { outcome, body });
        }
    }
    Ok(journal)
}

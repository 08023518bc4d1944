//! What the database has of given orders, for the drill, which checks that each was sold exactly
//! once. Two queries for a batch of orders, however many there are in it.

use std::collections::HashMap;

use entities::webhook_deliveries::{self, Column};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, QuerySelect, Statement,
};

use crate::domain::access::VoucherCode;
use crate::domain::order::OrderId;
use crate::store::Store;
use crate::store::access::Db;
use crate::store::error::Result;

/// Orders a batch: well below the variables that a statement may have, and quick to read.
const BATCH: usize = 500;

/// What the tables have of one order. `Debug` is not derived: bodies belong in no log.
#[derive(Clone, Default)]
pub struct OrderRows {
    /// Numbers of its invoices.
    pub invoices: Vec<String>,
    /// Codes of its vouchers.
    pub vouchers: Vec<VoucherCode>,
    /// RADIUS users with one of these codes.
    pub radius_users: usize,
    /// SMS to the guest.
    pub sms: usize,
    /// Those among them that name one of these codes.
    pub sms_with_code: usize,
    /// Deliveries that name it.
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
    /// What the database has of these orders. The result has no entry for an unknown order.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn audit(&self, orders: &[OrderId]) -> Result<HashMap<OrderId, OrderRows>> {
        let (db, mut all) = (self.db(), HashMap::with_capacity(orders.len()));
        for batch in orders.chunks(BATCH) {
            all.extend(rows_of(&db, batch).await?);
        }
        Ok(all)
    }
}

async fn rows_of(db: &Db, orders: &[OrderId]) -> Result<HashMap<OrderId, OrderRows>> {
    let (mut all, mut texts) = (HashMap::<_, OrderRows>::new(), Vec::new());
    for (id, kind, text) in facts(db, orders).await? {
        let rows = all.entry(id).or_default();
        match kind.as_str() {
            "invoice" => rows.invoices.push(text),
            "voucher" => rows.vouchers.push(VoucherCode::from_stored(text)),
            "radius user" => rows.radius_users += 1,
            "sms" => texts.push((id, text)),
            _ => {}
        }
    }
    for (id, text) in texts {
        let rows = all.entry(id).or_default();
        let names_code = |code: &VoucherCode| text.contains(code.as_str());
        rows.sms += 1;
        rows.sms_with_code += usize::from(rows.vouchers.iter().any(names_code));
    }
    for (id, line) in journal(db, all.keys()).await? {
        all.entry(id).or_default().journal.push(line);
    }
    Ok(all)
}

/// Each order that exists, and the rows that belong to its payment.
async fn facts(db: &Db, orders: &[OrderId]) -> Result<Vec<(OrderId, String, String)>> {
    let places: Vec<String> = (1..=orders.len())
        .map(|place| format!("${place}"))
        .collect();
    let query = format!(
        "WITH p AS (SELECT id, order_id FROM payments WHERE order_id IN ({})) \
         SELECT order_id, 'order', '' FROM p \
         UNION ALL SELECT order_id, 'invoice', i.number \
             FROM p JOIN invoices i ON i.payment_id = p.id \
         UNION ALL SELECT order_id, 'voucher', v.code \
             FROM p JOIN vouchers v ON v.payment_id = p.id \
         UNION ALL SELECT order_id, 'radius user', r.username \
             FROM p JOIN vouchers v ON v.payment_id = p.id JOIN radcheck r \
             ON r.username = v.code AND r.attribute = 'Cleartext-Password' \
         UNION ALL SELECT order_id, 'sms', s.body \
             FROM p JOIN sms_messages s ON s.payment_id = p.id",
        places.join(", ")
    );
    let values = orders.iter().map(|order| order.0.into());
    let query = Statement::from_sql_and_values(db.get_database_backend(), query, values);
    let rows = db.query_all_raw(query).await?;
    let fact = |row: &QueryResult| Ok(row.try_get_many_by_index()?);
    rows.iter().map(fact).collect()
}

async fn journal(
    db: &Db,
    orders: impl Iterator<Item = &OrderId>,
) -> Result<Vec<(OrderId, JournalLine)>> {
    let lines: Vec<(String, String, Vec<u8>)> = webhook_deliveries::Entity::find()
        .select_only()
        .columns([Column::OrderId, Column::Outcome, Column::Body])
        .filter(Column::OrderId.is_in(orders.map(ToString::to_string)))
        .into_tuple()
        .all(db)
        .await?;
    let line = |(order_id, outcome, body): (String, _, _)| {
        Some((order_id.parse().ok()?, JournalLine { outcome, body }))
    };
    Ok(lines.into_iter().filter_map(line).collect())
}

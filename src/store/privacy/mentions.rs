//! Where a person is named outside their own orders: deliveries about no order of ours or about
//! another one, the audit log, log-ins at a router, notes on printed vouchers.
//!
//! The tables are read a slice at a time and before the transaction, so that a sale waits for no
//! search; what comes in between is found by asking for the erasure again.

use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use crate::domain::order::ids::OrderId;
use crate::domain::people::Person;
use crate::domain::people::phone::Phone;
use crate::store::engine::sql;
use crate::store::{Store, StoreError};

/// Rows that are read at once.
const SLICE: u64 = 500;
/// The only column that is not text: what ZenoPay sent.
const BODY: &str = "body";

/// A table that may name the person in these columns.
#[derive(Clone, Copy)]
struct Table(&'static str, &'static [&'static str], Cleaning);

/// What becomes of a column that names the person.
#[derive(Clone, Copy)]
enum Cleaning {
    /// It says "erased".
    Replace,
    /// It says nothing.
    Clear,
    /// The whole row goes.
    Delete,
}

const DELIVERY: &[&str] = &["order_id", "word", "reference", "content_type", BODY];
/// What a gateway said of the payer, also of other phones' payments.
const PAYER: &[&str] = &["payer_msisdn", "reference", "transid", "channel"];
const LOG_IN: &[&str] = &["username", "pass", "reply"];

const TABLES: [Table; 7] = [
    Table("webhook_deliveries", DELIVERY, Cleaning::Replace),
    Table("audit_events", &["subject", "detail"], Cleaning::Replace),
    Table("order_events", &["summary", "reference"], Cleaning::Replace),
    Table("voucher_batches", &["note"], Cleaning::Replace),
    Table("radpostauth", LOG_IN, Cleaning::Delete),
    Table("gateway_calls", &["answer", "detail"], Cleaning::Replace),
    Table("payments", PAYER, Cleaning::Clear),
];

/// A column of a row that names the person.
pub(super) struct Mention {
    table: Table,
    id: i64,
    column: &'static str,
}

impl Store {
    /// The names that this phone's orders were made with.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn person(&self, phone: &Phone) -> Result<Person, StoreError> {
        let names = "SELECT DISTINCT customer_name FROM payments \
             WHERE phone = $1 AND customer_name IS NOT NULL";
        let names: Vec<String> =
            sql::tuples(&self.db(), names, [phone.international().into()]).await?;
        Ok(Person::new(phone, names.iter().map(String::as_str)))
    }

    /// The orders of a phone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn orders_of_phone(&self, phone: &Phone) -> Result<Vec<OrderId>, StoreError> {
        let orders = "SELECT order_id FROM payments WHERE phone = $1";
        sql::tuples(&self.db(), orders, [phone.international().into()]).await
    }

    pub(super) async fn mentions(&self, person: &Person) -> Result<Vec<Mention>, StoreError> {
        let (db, mut mentions) = (self.db(), Vec::new());
        for table in TABLES {
            let Table(name, columns, _) = table;
            let query = format!(
                "SELECT id, {} FROM {name} WHERE id > $1 ORDER BY id LIMIT {SLICE}",
                columns.join(", ")
            );
            let mut after = i64::MIN;
            loop {
                let slice = sql::statement(&db, &query, [after.into()]);
                let rows = db.query_all_raw(slice).await?;
                let Some(last) = rows.last() else { break };
                after = last.try_get_by_index(0)?;
                for row in &rows {
                    let id = row.try_get_by_index(0)?;
                    for (column, place) in columns.iter().zip(1..) {
                        if names(person, row, column, place)? {
                            mentions.push(Mention { table, id, column });
                        }
                    }
                }
            }
        }
        Ok(mentions)
    }
}

fn names(
    person: &Person,
    row: &QueryResult,
    column: &str,
    place: usize,
) -> Result<bool, StoreError> {
    if column == BODY {
        let body: Vec<u8> = row.try_get_by_index(place)?;
        return Ok(person.is_in_bytes(&body));
    }
    let text: Option<String> = row.try_get_by_index(place)?;
    Ok(text.is_some_and(|text| person.is_in(&text)))
}

/// Takes the person out of these rows.
pub(super) async fn forget(
    txn: &DatabaseTransaction,
    mentions: Vec<Mention>,
) -> Result<(), StoreError> {
    for Mention { table, id, column } in mentions {
        let Table(name, columns, cleaning) = table;
        if columns.contains(&BODY) {
            let clear = "UPDATE webhook_deliveries SET body = $1 WHERE id = $2";
            sql::execute(txn, clear, [Vec::<u8>::new().into(), id.into()]).await?;
        }
        let clean = match cleaning {
            Cleaning::Replace if column == BODY => continue,
            Cleaning::Replace => format!("UPDATE {name} SET {column} = 'erased' WHERE id = $1"),
            Cleaning::Clear => format!("UPDATE {name} SET {column} = NULL WHERE id = $1"),
            Cleaning::Delete => format!("DELETE FROM {name} WHERE id = $1"),
        };
        sql::execute(txn, &clean, [id.into()]).await?;
    }
    Ok(())
}

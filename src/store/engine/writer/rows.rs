//! The rows of a batch, for all tables, and the statements that insert them.
//!
//! One change has them in one statement: its values stand in `VALUES`, as sea-orm would write it. A
//! batch has them in as few statements as the database has few texts to prepare for: on PostgreSQL
//! one for all tables, whose rows come as one JSON document a table, so that any number of them has
//! the same text; on SQLite, where a statement is a call and no round trip, one a table and power
//! of two.
//!
//! # Invariants
//! PostgreSQL runs the parts of one statement in no promised order, so no row may need what another
//! one inserts. Foreign keys may: they are checked when all of it is written.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, Utc};
use entities::{customers, webhook_deliveries};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityName,
    Statement, Value,
};

use super::table::Table;

/// Tables in the order in which they are written: a row comes after those that it refers to.
const TABLES: [&str; 11] = [
    "customers",
    "invoices",
    "vouchers",
    "radcheck",
    "radreply",
    "radusergroup",
    "sms_messages",
    "order_events",
    "audit_events",
    "gateway_calls",
    "webhook_deliveries",
];

/// Rows of several tables on their way into one transaction.
#[derive(Clone, Default)]
pub(in crate::store) struct Rows {
    /// By phone: sorted, so that two batches cannot lock the same customers in opposite orders.
    customers: BTreeMap<String, Customer>,
    tables: BTreeMap<usize, Table>,
    deliveries: Vec<(webhook_deliveries::ActiveModel, Instant)>,
}

/// What sales add to a customer.
#[derive(Clone)]
pub(in crate::store) struct Customer {
    /// `255[67]XXXXXXXX`.
    pub phone: String,
    /// As last given.
    pub name: Option<String>,
    /// How many sales.
    pub orders_paid: i32,
    /// Whole TZS.
    pub total_paid: i64,
    /// Of the first of these sales.
    pub first_paid_at: DateTime<Utc>,
    /// Of the last of these sales.
    pub last_paid_at: DateTime<Utc>,
}

impl Customer {
    fn add(&mut self, other: Self) {
        self.name = other.name.or_else(|| self.name.take());
        self.orders_paid += other.orders_paid;
        self.total_paid += other.total_paid;
        self.first_paid_at = self.first_paid_at.min(other.first_paid_at);
        self.last_paid_at = self.last_paid_at.max(other.last_paid_at);
    }
}

impl Rows {
    /// Adds a row of one of the tables that [`TABLES`] names.
    pub fn add<A: ActiveModelTrait>(&mut self, row: A) {
        let name = A::Entity::default().table_name();
        let place = TABLES.iter().position(|known| *known == name);
        let place = place.expect("TABLES has each table of the write path");
        let table = self
            .tables
            .entry(place)
            .or_insert_with(|| Table::of(TABLES[place], &row));
        table.push(row);
    }

    /// Adds what a sale adds to its customer.
    pub fn add_customer(&mut self, customer: Customer) {
        match self.customers.get_mut(&customer.phone) {
            Some(known) => known.add(customer),
            None => drop(self.customers.insert(customer.phone.clone(), customer)),
        }
    }

    /// Adds a delivery that was received at this moment; how long it took is measured when the
    /// statement is made.
    pub fn add_delivery(&mut self, row: webhook_deliveries::ActiveModel, received: Instant) {
        self.deliveries.push((row, received));
    }

    /// Adds the rows of another change.
    pub fn append(&mut self, other: Self) {
        for customer in other.customers.into_values() {
            self.add_customer(customer);
        }
        for (place, table) in other.tables {
            match self.tables.get_mut(&place) {
                Some(known) => known.append(table),
                None => drop(self.tables.insert(place, table)),
            }
        }
        self.deliveries.extend(other.deliveries);
    }

    /// Inserts them in one statement.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write(self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        if let Some(statement) = self.into_one(txn.get_database_backend()) {
            txn.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// The statement that inserts the rows of one change; `None` if it has none. The same text for
    /// the same tables and numbers of rows.
    pub fn into_one(self, backend: DbBackend) -> Option<Statement> {
        let parts: Vec<_> = (self.into_tables().iter())
            .map(|table| table.with_values(backend))
            .collect();
        joined(backend, parts)
    }

    /// The statements that insert the rows of a batch, in their order.
    pub fn into_few(self, backend: DbBackend) -> Vec<Statement> {
        let tables = self.into_tables();
        if backend == DbBackend::Postgres {
            let parts = tables.iter().map(Table::with_json).collect();
            return joined(backend, parts).into_iter().collect();
        }
        let chunks = tables.into_iter().flat_map(Table::into_powers_of_two);
        chunks
            .map(|chunk| {
                let (sql, values) = chunk.with_values(backend);
                Statement::from_sql_and_values(backend, sql, values)
            })
            .collect()
    }

    fn into_tables(mut self) -> Vec<Table> {
        for customer in std::mem::take(&mut self.customers).into_values() {
            self.add(customers::ActiveModel {
                phone: Set(customer.phone),
                name: Set(customer.name),
                orders_paid: Set(customer.orders_paid),
                total_paid: Set(customer.total_paid),
                first_paid_at: Set(customer.first_paid_at),
                last_paid_at: Set(customer.last_paid_at),
                ..Default::default()
            });
        }
        for (mut row, received) in std::mem::take(&mut self.deliveries) {
            row.processing_ms = Set(received.elapsed().as_secs_f64() * 1_000.0);
            self.add(row);
        }
        self.tables.into_values().collect()
    }
}

/// One statement of several inserts: parts of one on PostgreSQL, on SQLite one after the other in
/// one text.
fn joined(backend: DbBackend, parts: Vec<(String, Vec<Value>)>) -> Option<Statement> {
    let (mut sql, mut values) = (String::new(), Vec::new());
    let last = parts.len().checked_sub(1)?;
    for (number, (part, of_part)) in parts.into_iter().enumerate() {
        // Each part numbers its places from 1.
        let part = match backend {
            DbBackend::Postgres => renumbered(&part, values.len()),
            _ => part,
        };
        match backend {
            DbBackend::Postgres if number == last => sql.push_str(&part),
            DbBackend::Postgres => {
                let with = if number == 0 { "WITH" } else { "" };
                let end = if number + 1 == last { " " } else { ", " };
                sql.push_str(&format!("{with} insert_{number} AS ({part}){end}"));
            }
            _ => {
                sql.push_str(&part);
                sql.push_str("; ");
            }
        }
        values.extend(of_part);
    }
    Some(Statement::from_sql_and_values(backend, sql, values))
}

/// The places of a text numbered after those that come before it.
fn renumbered(sql: &str, before: usize) -> String {
    let mut parts = sql.split('$');
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number: usize = number.parse().unwrap_or_default();
        all.push_str(&format!("${}{rest}", number + before));
    }
    all
}

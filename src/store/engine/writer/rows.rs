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

use entities::{customers, webhook_deliveries};
use sea_orm::ActiveValue::{NotSet, Set};
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
    customers: BTreeMap<String, customers::Model>,
    tables: BTreeMap<usize, Table>,
    deliveries: Vec<(webhook_deliveries::ActiveModel, Instant)>,
}

/// Adds what other sales add to the same customer.
fn merge(known: &mut customers::Model, other: customers::Model) {
    known.name = other.name.or_else(|| known.name.take());
    known.orders_paid += other.orders_paid;
    known.total_paid += other.total_paid;
    known.first_paid_at = known.first_paid_at.min(other.first_paid_at);
    known.last_paid_at = known.last_paid_at.max(other.last_paid_at);
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
    pub fn add_customer(&mut self, customer: customers::Model) {
        match self.customers.get_mut(&customer.phone) {
            Some(known) => merge(known, customer),
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
        let values = |table: &Table, before| table.with_values(backend, before);
        joined(backend, &self.into_tables(), values)
    }

    /// The statements that insert the rows of a batch, in their order.
    pub fn into_few(self, backend: DbBackend) -> Vec<Statement> {
        let tables = self.into_tables();
        if backend == DbBackend::Postgres {
            let all = joined(backend, &tables, Table::with_json);
            return all.into_iter().collect();
        }
        let chunks = tables.into_iter().flat_map(Table::into_powers_of_two);
        let insert = |chunk: Table| {
            let (sql, values) = chunk.with_values(backend, 0);
            Statement::from_sql_and_values(backend, sql, values)
        };
        chunks.map(insert).collect()
    }

    fn into_tables(mut self) -> Vec<Table> {
        for customer in std::mem::take(&mut self.customers).into_values() {
            self.add(customers::ActiveModel {
                id: NotSet,
                ..customer.into()
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
/// one text. `insert` makes a part, whose places are numbered after those of the parts before it.
fn joined(
    backend: DbBackend,
    tables: &[Table],
    insert: impl Fn(&Table, usize) -> (String, Vec<Value>),
) -> Option<Statement> {
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for table in tables {
        let (part, of_part) = insert(table, values.len());
        parts.push(part);
        values.extend(of_part);
    }
    let last = parts.pop()?;
    let sql = match backend {
        DbBackend::Postgres if parts.is_empty() => last,
        DbBackend::Postgres => {
            let named = parts.iter().zip(0..);
            let named: Vec<String> = named
                .map(|(part, number)| format!("insert_{number} AS ({part})"))
                .collect();
            format!("WITH {} {last}", named.join(", "))
        }
        _ => {
            parts.push(last);
            parts.join("; ")
        }
    };
    Some(Statement::from_sql_and_values(backend, sql, values))
}

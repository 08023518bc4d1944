//! The rows of a batch, for all tables, and the statements that insert them. PostgreSQL gets one for all
//! tables. SQLite, where a statement is no round trip, gets one for each table and chunk (`table.rs`).
//!
//! # Invariants
//! PostgreSQL runs the parts of one statement in any order, so no part may read what another one
//! inserts. A foreign key may refer to it: keys are checked at the end of the statement.

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

/// Adds to the row of a known customer. One statement cannot touch a row twice, so the sales of a batch
/// are summed by customer before (`merge`).
const KNOWN_CUSTOMER: &str = " ON CONFLICT (phone) DO UPDATE SET \
     name = COALESCE(excluded.name, customers.name), \
     orders_paid = customers.orders_paid + excluded.orders_paid, \
     total_paid = customers.total_paid + excluded.total_paid, \
     last_paid_at = excluded.last_paid_at";

/// Rows of several tables on their way into one transaction.
#[derive(Clone, Default)]
pub(in crate::store) struct Rows {
    /// By phone: sorted, so that two batches cannot lock the same customers in opposite orders.
    customers: BTreeMap<String, customers::Model>,
    /// By their place in [`TABLES`].
    tables: BTreeMap<usize, Table>,
    deliveries: Vec<(webhook_deliveries::ActiveModel, Instant)>,
}

impl Rows {
    /// Adds a row of one of the tables that [`TABLES`] names.
    pub fn add<A: ActiveModelTrait>(&mut self, row: A) {
        let name = A::Entity::default().table_name();
        let place = TABLES.iter().position(|known| *known == name);
        let place = place.expect("TABLES has each table of the write path");
        self.tables
            .entry(place)
            .or_default()
            .append(Table::of(&row));
    }

    /// Adds a sale to the sums of its customer.
    pub fn add_customer(&mut self, customer: customers::Model) {
        match self.customers.get_mut(&customer.phone) {
            Some(known) => merge(known, customer),
            None => drop(self.customers.insert(customer.phone.clone(), customer)),
        }
    }

    /// Adds a delivery that was received at this moment. Its processing time ends when the statement
    /// is made.
    pub fn add_delivery(&mut self, row: webhook_deliveries::ActiveModel, received: Instant) {
        self.deliveries.push((row, received));
    }

    /// Adds the rows of another change.
    pub fn append(&mut self, other: Self) {
        for customer in other.customers.into_values() {
            self.add_customer(customer);
        }
        for (place, table) in other.tables {
            self.tables.entry(place).or_default().append(table);
        }
        self.deliveries.extend(other.deliveries);
    }

    /// Inserts all rows.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write(self, txn: &DatabaseTransaction) -> Result<(), DbErr> {
        for statement in self.into_statements(txn.get_database_backend()) {
            txn.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// The statements that insert all rows, in their order.
    pub fn into_statements(mut self, backend: DbBackend) -> Vec<Statement> {
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
        let chunks = self.tables.into_iter().flat_map(|(place, table)| {
            let chunks = table.into_chunks(backend).into_iter();
            chunks.map(move |chunk| (TABLES[place], chunk))
        });
        // On PostgreSQL each insert has one parameter: $1 in the first insert, $2 in the second, …
        let inserts =
            (chunks.zip(1..)).map(|((name, chunk), number)| insert(name, chunk, backend, number));
        if backend != DbBackend::Postgres {
            return inserts
                .map(|(sql, values)| Statement::from_sql_and_values(backend, sql, values))
                .collect();
        }
        let (inserts, values): (Vec<_>, Vec<_>) = inserts.unzip();
        if inserts.is_empty() {
            return Vec::new();
        }
        let parts: Vec<String> = (inserts.iter().zip(1..))
            .map(|(insert, number)| format!("insert_{number} AS ({insert})"))
            .collect();
        let (sql, values) = (
            format!("WITH {} SELECT 1", parts.join(", ")),
            values.concat(),
        );
        vec![Statement::from_sql_and_values(backend, sql, values)]
    }
}

fn insert(name: &str, table: Table, backend: DbBackend, place: usize) -> (String, Vec<Value>) {
    let names = table.names().join(", ");
    let (query, values) = table.into_query(backend, place);
    let conflict = if name == "customers" {
        KNOWN_CUSTOMER
    } else {
        ""
    };
    let sql = format!("INSERT INTO {name} ({names}) {query}{conflict}");
    (sql, values)
}

/// Sums two sales of one customer.
fn merge(known: &mut customers::Model, other: customers::Model) {
    known.name = other.name.or_else(|| known.name.take());
    known.orders_paid += other.orders_paid;
    known.total_paid += other.total_paid;
    known.first_paid_at = known.first_paid_at.min(other.first_paid_at);
    known.last_paid_at = known.last_paid_at.max(other.last_paid_at);
}

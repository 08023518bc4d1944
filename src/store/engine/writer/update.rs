//! What a change does to its payment's row, if the row is still what the decision saw.
//!
//! # Invariants
//! - A row is updated only if it has the version that was decided on. A change without an update checks
//!   the version too. It has no guard if the order is settled: then the decision holds for COMPLETED and
//!   for REFUNDED (`store/orders/commit.rs`).
//! - A statement sets only the columns that its changes set. Another process may have written the other
//!   columns without raising the version, and they must not be overwritten.

use std::collections::{BTreeMap, HashSet};

use entities::payments;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    Statement,
};

use super::table::Table;
use crate::store::StoreError;
use crate::store::error::Result;

/// The payment that a change is about.
#[derive(Clone)]
pub(in crate::store) struct Guard {
    pub payment_id: i64,
    /// The version that was decided on.
    pub version: i32,
    /// The columns that it sets. If there are none, only the version is checked.
    pub update: Box<payments::ActiveModel>,
}

/// Changes the row of a change that is written alone, and waits for a session that has it locked.
///
/// # Errors
/// [`StoreError::Conflict`] if the row has another version.
pub(super) async fn apply_alone(txn: &DatabaseTransaction, guard: &Guard) -> Result<HashSet<i64>> {
    let is_done = if Table::of(&*guard.update).names().is_empty() {
        !apply(txn, &[guard]).await?.is_empty()
    } else {
        let updated = payments::Entity::update_many()
            .set((*guard.update).clone())
            .filter(payments::Column::Id.eq(guard.payment_id))
            .filter(payments::Column::Version.eq(guard.version))
            .exec(txn)
            .await?;
        updated.rows_affected > 0
    };
    if !is_done {
        return Err(StoreError::Conflict);
    }
    Ok(HashSet::from([guard.payment_id]))
}

/// Updates or checks the rows of a batch. Returns the payments that had the version decided on. An
/// update leaves out rows that another session has locked; a check reads them without a lock.
pub(super) async fn apply(txn: &DatabaseTransaction, guards: &[&Guard]) -> Result<HashSet<i64>> {
    let mut done = HashSet::with_capacity(guards.len());
    for statement in statements(txn.get_database_backend(), guards) {
        for row in txn.query_all_raw(statement).await? {
            done.insert(row.try_get_by_index(0)?);
        }
    }
    Ok(done)
}

/// One statement for each set of columns; on SQLite one for each chunk of [`Table::into_chunks`].
pub(super) fn statements(backend: DbBackend, guards: &[&Guard]) -> Vec<Statement> {
    let mut tables: BTreeMap<Vec<&'static str>, Table> = BTreeMap::new();
    for guard in guards {
        let row = Table::of(&*guard.update);
        let set = row.names();
        let row = row
            .with("payment_id", "bigint", guard.payment_id.into())
            .with("seen", "integer", guard.version.into());
        tables.entry(set).or_default().append(row);
    }
    let chunks = tables.into_iter().flat_map(|(set, table)| {
        let chunks = table.into_chunks(backend).into_iter();
        chunks.map(move |chunk| (set.clone(), chunk))
    });
    chunks
        .map(|(set, chunk)| statement(backend, &set, chunk))
        .collect()
}

/// PostgreSQL leaves out a row that another session has locked, and does not wait for it. It takes
/// locks in the order of the ids, so that two batches cannot wait for each other. SQLite has one
/// writer, so no row is locked.
fn statement(backend: DbBackend, set: &[&str], rows: Table) -> Statement {
    let names = rows.names().join(", ");
    let (query, values) = rows.into_query(backend, 1);
    let is_as_seen = "payments.id = rows.payment_id AND payments.version = rows.seen";
    let set: Vec<String> = set
        .iter()
        .map(|name| format!("{name} = rows.{name}"))
        .collect();
    let set = set.join(", ");
    let action = match backend {
        _ if set.is_empty() => format!("SELECT payments.id FROM payments, rows WHERE {is_as_seen}"),
        DbBackend::Postgres => format!(
            "UPDATE payments SET {set} FROM rows, \
             (SELECT id FROM payments WHERE id IN (SELECT payment_id FROM rows) \
             ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) AS free \
             WHERE payments.id = free.id AND {is_as_seen} RETURNING payments.id"
        ),
        _ => {
            format!("UPDATE payments SET {set} FROM rows WHERE {is_as_seen} RETURNING payments.id")
        }
    };
    let sql = format!("WITH rows ({names}) AS ({query}) {action}");
    Statement::from_sql_and_values(backend, sql, values)
}

//! What a change does to its payment's row, if the row is still what the decision saw.
//!
//! # Invariants
//! A row is changed `WHERE version = ` the version that was decided on. A change that leaves the
//! row alone is checked against its version too, unless the order is finished: what is said of
//! COMPLETED holds for REFUNDED as well. One statement has one set of columns: a column that a
//! change does not set may have been changed by another process without a new version.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use entities::payments;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::ColumnType;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend,
    EntityTrait, IdenStatic, Iterable, QueryFilter, QuerySelect, Statement, Value,
};

use super::json::{document, recordset};
use crate::store::StoreError;

/// The payment that a change is about.
#[derive(Clone)]
pub(in crate::store) struct Guard {
    /// The row.
    pub payment_id: i64,
    /// As it was decided on.
    pub version: i32,
    /// What the row gets.
    pub update: Update,
}

/// What the row gets.
#[derive(Clone)]
pub(in crate::store) enum Update {
    /// These columns.
    Set(Columns, Box<payments::ActiveModel>),
    /// Nothing, if it has that version.
    Check,
}

/// Sets of columns that are changed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) enum Columns {
    /// What a decision changes until the order is sold or held.
    State,
    /// What the gateway confirms, which raises no version.
    Confirmation,
    /// When the gateway is asked next.
    DueAt,
    /// What an act of an operator or owner changes. Never in a batch.
    Act,
}

impl Update {
    /// Only the time of the next status check.
    pub fn due_at(at: DateTime<Utc>) -> Self {
        let due = payments::ActiveModel {
            due_at: Set(Some(at)),
            ..Default::default()
        };
        Self::Set(Columns::DueAt, Box::new(due))
    }
}

impl Guard {
    /// Changes the row, or checks its version, and waits for a session that has it locked.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has another version.
    pub async fn apply(&self, txn: &DatabaseTransaction) -> Result<(), StoreError> {
        let is_done = match &self.update {
            Update::Set(_, model) => {
                let updated = payments::Entity::update_many()
                    .set((**model).clone())
                    .filter(payments::Column::Id.eq(self.payment_id))
                    .filter(payments::Column::Version.eq(self.version))
                    .exec(txn)
                    .await?;
                updated.rows_affected > 0
            }
            Update::Check => !unchanged(txn, &[self]).await?.is_empty(),
        };
        is_done.then_some(()).ok_or(StoreError::Conflict)
    }
}

/// Changes or checks the rows of a batch; the payments of those that had the version decided on,
/// and that no other session has locked.
pub(super) async fn apply(
    txn: &DatabaseTransaction,
    guards: &[&Guard],
) -> Result<HashSet<i64>, StoreError> {
    let mut done = HashSet::with_capacity(guards.len());
    for columns in [Columns::State, Columns::Confirmation, Columns::DueAt] {
        let of_kind: Vec<_> = (guards.iter())
            .filter_map(|guard| match &guard.update {
                Update::Set(known, model) if *known == columns => Some((*guard, &**model)),
                Update::Set(..) | Update::Check => None,
            })
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        let statement = statement(txn.get_database_backend(), &of_kind);
        for row in txn.query_all_raw(statement).await? {
            done.insert(row.try_get("", "id")?);
        }
    }
    let checks: Vec<_> = (guards.iter().copied())
        .filter(|guard| matches!(guard.update, Update::Check))
        .collect();
    done.extend(unchanged(txn, &checks).await?);
    Ok(done)
}

/// Which of these payments have the version decided on.
async fn unchanged(txn: &DatabaseTransaction, guards: &[&Guard]) -> Result<Vec<i64>, StoreError> {
    if guards.is_empty() {
        return Ok(Vec::new());
    }
    // Few texts: the number of values is a power of two, by more of the last one.
    let mut ids: Vec<i64> = guards.iter().map(|guard| guard.payment_id).collect();
    ids.resize(ids.len().next_power_of_two(), ids[ids.len() - 1]);
    let found: Vec<(i64, i32)> = payments::Entity::find()
        .select_only()
        .columns([payments::Column::Id, payments::Column::Version])
        .filter(payments::Column::Id.is_in(ids))
        .into_tuple()
        .all(txn)
        .await?;
    let is_decided_on = |(id, version): &(i64, i32)| {
        (guards.iter()).any(|guard| guard.payment_id == *id && guard.version == *version)
    };
    Ok(found
        .into_iter()
        .filter(is_decided_on)
        .map(|(id, _)| id)
        .collect())
}

pub(super) type Member<'a> = (&'a Guard, &'a payments::ActiveModel);

/// One update of several rows. The first column is the row's number, the second the version that was
/// decided on, both under names of their own.
pub(super) fn statement(backend: DbBackend, members: &[Member<'_>]) -> Statement {
    let (_, first) = members[0];
    let set: Vec<_> = payments::Column::iter()
        .filter(|column| !matches!(first.get(*column), ActiveValue::NotSet))
        .collect();
    let rows: Vec<Vec<Value>> = (members.iter())
        .map(|(guard, model)| {
            let values = set
                .iter()
                .filter_map(|column| model.get(*column).into_value());
            let key = [guard.payment_id.into(), guard.version.into()];
            key.into_iter().chain(values).collect()
        })
        .collect();
    let names: Vec<&'static str> = set.iter().map(|column| column.as_str()).collect();
    match backend {
        DbBackend::Postgres => {
            let kinds = set
                .iter()
                .map(|column| column.def().get_column_type().clone());
            let key = [
                ("payment_id", ColumnType::BigInteger),
                ("seen", ColumnType::Integer),
            ];
            let columns: Vec<_> = key
                .into_iter()
                .chain(names.iter().copied().zip(kinds))
                .collect();
            on_postgres(&names, &columns, &rows)
        }
        _ => on_sqlite(&names, rows),
    }
}

/// A row that another session has locked is left out and not waited for. Locks are taken in the
/// order of the numbers, so that two batches cannot wait for each other.
fn on_postgres(
    names: &[&'static str],
    columns: &[(&'static str, ColumnType)],
    rows: &[Vec<Value>],
) -> Statement {
    let set: Vec<String> = names
        .iter()
        .map(|name| format!("{name} = rows.{name}"))
        .collect();
    let sql = format!(
        "UPDATE payments SET {} FROM {}, \
         (SELECT id FROM payments WHERE id IN \
         (SELECT payment_id FROM json_to_recordset($1::text::json) AS them (payment_id bigint)) \
         ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) AS free \
         WHERE payments.id = free.id AND rows.payment_id = free.id \
         AND payments.version = rows.seen RETURNING payments.id",
        set.join(", "),
        recordset(columns, 1)
    );
    let document = document(columns, rows);
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [document])
}

/// There is one writer, so no row is locked. The number of rows is a power of two, by more of the
/// last one, which changes nothing.
fn on_sqlite(names: &[&'static str], mut rows: Vec<Vec<Value>>) -> Statement {
    let width = names.len() + 2;
    rows.resize(rows.len().next_power_of_two(), rows[rows.len() - 1].clone());
    let set: Vec<String> = (names.iter().zip(3..))
        .map(|(name, place)| format!("{name} = rows.column{place}"))
        .collect();
    let row = format!("({})", vec!["?"; width].join(", "));
    let sql = format!(
        "UPDATE payments SET {} FROM (VALUES {}) AS rows \
         WHERE payments.id = rows.column1 AND payments.version = rows.column2 RETURNING id",
        set.join(", "),
        vec![row.as_str(); rows.len()].join(", ")
    );
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, rows.concat())
}

//! SQL as text, where that says more than a query builder. `$1`, `$2` and so on stand for values, on
//! both databases.
//!
//! # Invariants
//! No text contains a value: each connection keeps its prepared statements, so there must be few.

use sea_orm::{
    ConnectionTrait, EntityName, EntityTrait, FromQueryResult, IdenStatic, Iterable, ModelTrait,
    QueryResult, Statement, TryGetableMany, Value,
};

use crate::store::error::Result;

/// A statement with its values.
pub(in crate::store) fn statement<const N: usize>(
    db: &impl ConnectionTrait,
    text: &str,
    values: [Value; N],
) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), text, values)
}

/// Runs a statement that writes. Returns the number of rows that it changed.
pub(in crate::store) async fn execute<const N: usize>(
    db: &impl ConnectionTrait,
    text: &str,
    values: [Value; N],
) -> Result<u64> {
    let done = db.execute_raw(statement(db, text, values)).await?;
    Ok(done.rows_affected())
}

/// The rows of a query as structs, by the names of their columns.
pub(in crate::store) async fn rows<T: FromQueryResult, const N: usize>(
    db: &impl ConnectionTrait,
    text: &str,
    values: [Value; N],
) -> Result<Vec<T>> {
    let found = db.query_all_raw(statement(db, text, values)).await?;
    let read = |row| Ok(T::from_query_result(row, "")?);
    found.iter().map(read).collect()
}

/// The rows of a table that the rest of the query, from `WHERE` or `ORDER BY` on, selects.
pub(in crate::store) async fn models<M: ModelTrait + FromQueryResult, const N: usize>(
    db: &impl ConnectionTrait,
    rest: &str,
    values: [Value; N],
) -> Result<Vec<M>> {
    // By their names: `SELECT *` would fail on a connection of PostgreSQL that has it prepared, once a
    // migration adds a column under the running server.
    let names: Vec<String> = <M::Entity as EntityTrait>::Column::iter()
        .map(|column| format!("\"{}\"", column.as_str()))
        .collect();
    let (names, table) = (names.join(", "), M::Entity::default());
    let query = format!("SELECT {names} FROM {} {rest}", table.table_name());
    rows(db, &query, values).await
}

/// The first of these rows.
pub(in crate::store) async fn model<M: ModelTrait + FromQueryResult, const N: usize>(
    db: &impl ConnectionTrait,
    rest: &str,
    values: [Value; N],
) -> Result<Option<M>> {
    Ok(models(db, rest, values).await?.into_iter().next())
}

/// The rows of a query as tuples or single values, by the order of their columns.
pub(in crate::store) async fn tuples<T: TryGetableMany, const N: usize>(
    db: &impl ConnectionTrait,
    text: &str,
    values: [Value; N],
) -> Result<Vec<T>> {
    let found = db.query_all_raw(statement(db, text, values)).await?;
    let read = |row: &QueryResult| Ok(row.try_get_many_by_index()?);
    found.iter().map(read).collect()
}

/// The first row of a query as a tuple or single value.
pub(in crate::store) async fn tuple<T: TryGetableMany, const N: usize>(
    db: &impl ConnectionTrait,
    text: &str,
    values: [Value; N],
) -> Result<Option<T>> {
    Ok(tuples(db, text, values).await?.into_iter().next())
}

/// Repeats the last value until the length is a power of two. Otherwise a statement would have another
/// text for each length.
pub(in crate::store) fn padded<T: Clone>(mut list: Vec<T>) -> Vec<T> {
    if let Some(last) = list.last().cloned() {
        list.resize(list.len().next_power_of_two(), last);
    }
    list
}

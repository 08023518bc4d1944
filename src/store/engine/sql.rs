//! SQL as text, where that says more than a query builder. `$1`, `$2` and so on stand for values, on
//! both databases.
//!
//! # Invariants
//! No text contains a value: each connection keeps its prepared statements, so there must be few.

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityName, EntityTrait, ExecResult, FromQueryResult,
    IdenStatic, Iterable, ModelTrait, QueryResult, RuntimeErr, Statement, TryGetableMany, Value,
};

use crate::store::error::Result;
use crate::store::{Store, StoreError};

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

/// The connections that only read, for callers on any runtime: each query is a task of the store's
/// runtime that its caller only awaits, and is given up after four seconds.
pub(in crate::store) struct Db(Store);

impl Store {
    /// Connections to read from.
    ///
    /// # Errors
    /// A query fails with [`StoreError::Unavailable`].
    pub(in crate::store) fn db(&self) -> Db {
        Db(self.clone())
    }

    /// Runs one statement that writes, in a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing was written. [`StoreError::CommitUnknown`]: no answer came.
    pub(in crate::store) async fn execute<const N: usize>(
        &self,
        text: impl Into<String>,
        values: [Value; N],
    ) -> Result<u64> {
        let (writer, text) = (self.inner.pools.writer.clone(), text.into());
        self.run(async move { execute(&writer, &text, values).await })
            .await
    }

    /// The same, but on SQLite as part of the next batch; see `Store::share`.
    pub(in crate::store) async fn share_execute<const N: usize>(
        &self,
        text: impl Into<String>,
        values: [Value; N],
    ) -> Result<()> {
        let text = text.into();
        self.share(move |txn| {
            let (text, values) = (text.clone(), values.clone());
            Box::pin(async move { execute(txn, &text, values).await.map(drop) })
        })
        .await
    }
}

#[async_trait]
impl ConnectionTrait for Db {
    fn get_database_backend(&self) -> DbBackend {
        self.0.backend()
    }

    async fn execute_raw(&self, _: Statement) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("not a connection that writes".to_owned()))
    }

    async fn execute_unprepared(&self, _: &str) -> Result<ExecResult, DbErr> {
        Err(DbErr::Custom("not a connection that writes".to_owned()))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (pool, runtime) = (self.0.inner.pools.reader.clone(), &self.0.inner.runtime);
        let stalled = runtime.stalled.clone();
        let read = runtime.run(async move {
            let query = async { Ok(pool.query_all_raw(statement).await) };
            stalled.read(query).await
        });
        // It was given up, or has panicked.
        let lost = |why: StoreError| Err(DbErr::Conn(RuntimeErr::Internal(why.to_string())));
        read.await.unwrap_or_else(lost)
    }
}

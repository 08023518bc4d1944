//! How the other files of the store use the engine: reads of orders, connections that read, single
//! statements, new rows, transactions, and claims of rows that are due.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExecResult,
    QueryFilter, QueryResult, QuerySelect, QueryTrait, RuntimeErr, Select, Statement, Value,
};
use tokio::sync::Mutex;

use super::engine::pool::roll_back;
use super::engine::sql;
use super::engine::writer::{self, Rows, Write};
use super::error::Result;
use super::{Store, StoreError};
use crate::domain::order::{OrderId, Payment};

/// What runs in a transaction.
type Work<'t, T> = BoxFuture<'t, Result<T>>;

/// From now until the end of the lease, by the database's clock.
pub type Lease = Range<DateTime<Utc>>;

/// The connections that only read, for callers on any runtime: each query is a task of the store's
/// runtime that its caller only awaits, and is given up after four seconds.
pub(in crate::store) struct Db(Store);

impl Store {
    /// One order as committed, with its voucher, for actors and operators. `None` if there is no
    /// such order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn load(&self, order_id: OrderId) -> Result<Option<Payment>> {
        let read = self.inner.orders.actors.read(order_id).await?;
        Ok(read.map(Arc::unwrap_or_clone))
    }

    /// The same for guests and for unverified webhooks, which may come in thousands and use half
    /// of the connections at most.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn load_for_guest(&self, order_id: OrderId) -> Result<Option<Arc<Payment>>> {
        self.inner.orders.guests.read(order_id).await
    }

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
    /// [`StoreError::Unavailable`]: nothing was written, unless the connection was lost while the
    /// statement ran. [`StoreError::CommitUnknown`]: no answer came.
    pub(in crate::store) async fn execute<const N: usize>(
        &self,
        text: impl Into<String>,
        values: [Value; N],
    ) -> Result<u64> {
        let (writer, text) = (self.inner.pools.writer.clone(), text.into());
        self.run(async move { sql::execute(&writer, &text, values).await })
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
            Box::pin(async move { sql::execute(txn, &text, values).await.map(drop) })
        })
        .await
    }

    /// Inserts rows that belong to no decision. They may share a transaction with other changes.
    ///
    /// # Errors
    /// As `Writer::write`.
    pub(in crate::store) async fn insert(&self, rows: Rows) -> Result<()> {
        let write = Write {
            rows,
            ..Write::default()
        };
        self.inner.write_path.write(write).await
    }

    /// Runs `work` in a transaction of its own and returns when its writes are durable. If `work`
    /// fails, nothing is written.
    ///
    /// # Errors
    /// Those of `work`, [`StoreError::Unavailable`], and [`StoreError::CommitUnknown`].
    pub(in crate::store) async fn transaction<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, T> + Send + 'static,
    {
        let done = self.transaction_if(move |txn| {
            let work = work(txn);
            Box::pin(async move { work.await.map(Some) })
        });
        Ok(done.await?.expect("the work has returned something"))
    }

    /// The same for work that may find nothing to do: if it returns `None`, nothing is written.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub(in crate::store) async fn transaction_if<T, F>(&self, work: F) -> Result<Option<T>>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, Option<T>> + Send + 'static,
    {
        let store = self.clone();
        self.run(async move {
            let txn = store.inner.pools.writer.begin().await?;
            let done = work(&txn).await;
            if matches!(done, Ok(Some(_))) {
                txn.commit().await.map_err(StoreError::CommitUnknown)?;
            } else {
                roll_back(txn).await;
            }
            done
        })
        .await
    }

    /// The same for work that is short and frequent. On SQLite, where each commit waits for the
    /// disk and one connection writes, it is part of the next batch, and shares its commit. There it
    /// may run several times, and only its last run counts.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub(in crate::store) async fn share<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction) -> Work<'t, T> + Send + Sync + 'static,
    {
        if self.backend() == DbBackend::Postgres {
            return self.transaction(work).await;
        }
        let (work, result) = (Arc::new(work), Arc::new(Mutex::new(None)));
        let kept = result.clone();
        let work: writer::Work = Box::new(move |txn| {
            let (work, kept) = (work.clone(), kept.clone());
            Box::pin(async move {
                let done = work(txn).await?;
                *kept.lock().await = Some(done);
                Ok(())
            })
        });
        let write = Write {
            work: Some(work),
            ..Write::default()
        };
        self.inner.write_path.write(write).await?;
        let done = result.lock().await.take();
        Ok(done.expect("the batch was written, and this work with it"))
    }

    /// Claims the rows of `candidates` that are due by their column `due`, by moving their due time to
    /// the end of the lease. Returns the rows as they are then, in any order. `candidates` has the order
    /// and the limit. They are selected on a connection that reads: sorting a long queue must not delay
    /// sales.
    ///
    /// Only one process gets a row. If that process dies, the row is due again when the lease ends.
    pub(in crate::store) async fn claim<E: EntityTrait>(
        &self,
        lease: Lease,
        (id, due): (E::Column, E::Column),
        candidates: Select<E>,
    ) -> Result<Vec<E::Model>>
    where
        E::Model: Send,
    {
        let are_due = candidates.clone().filter(due.lte(lease.start));
        let ids = are_due.select_only().column(id).into_tuple();
        let ids = ids.all(&self.db()).await?;
        self.claim_rows(lease, (id, due), candidates, ids).await
    }

    /// The same for rows of `candidates` that were chosen by their ids.
    pub(in crate::store) async fn claim_rows<E: EntityTrait>(
        &self,
        lease: Lease,
        (id, due): (E::Column, E::Column),
        candidates: Select<E>,
        ids: Vec<i64>,
    ) -> Result<Vec<E::Model>>
    where
        E::Model: Send,
    {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Whether a row is still due is checked in the statement that moves its time: another process
        // may have claimed it since the selection. On PostgreSQL the statement leaves out rows that
        // another transaction has locked: a claim of another process, a sale, or an operator's act.
        let mut chosen = candidates
            .filter(id.is_in(sql::padded(ids)))
            .filter(due.lte(lease.start))
            .select_only()
            .column(id)
            .into_query();
        chosen.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked);
        let claim = E::update_many()
            .col_expr(due, Expr::value(lease.end))
            .filter(id.in_subquery(chosen));
        self.share(move |txn| {
            let claim = claim.clone();
            Box::pin(async move { Ok(claim.exec_with_returning(txn).await?) })
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

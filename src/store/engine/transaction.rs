//! Transactions that write: how each begins and ends, and how a job claims rows that are due.

use std::ops::Range;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    Select,
};
use tokio::sync::Mutex;

use super::pool::roll_back;
use super::sql;
use super::writer::{self, Write};
use crate::store::error::Result;
use crate::store::{Store, StoreError};

/// What runs in a transaction.
type Work<'t, T> = BoxFuture<'t, Result<T>>;

/// From now until the end of the lease, by the database's clock.
pub type Lease = Range<DateTime<Utc>>;

impl Store {
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

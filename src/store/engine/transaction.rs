//! Transactions that write: how each begins and ends.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use sea_orm::{DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions};
use tracing::warn;

use super::pool::Pool;
use super::writer::{SharedWork, Write};
use crate::store::{Store, StoreError};

/// What runs in a transaction.
type Work<'t, T> = BoxFuture<'t, Result<T, StoreError>>;

impl Store {
    /// Runs `work` in a transaction of its own and returns when its writes are durable. If `work`
    /// fails, nothing is written.
    ///
    /// # Errors
    /// Those of `work`, [`StoreError::Unavailable`], and [`StoreError::CommitUnknown`].
    pub(in crate::store) async fn transaction<T, F>(&self, work: F) -> Result<T, StoreError>
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
    pub(in crate::store) async fn transaction_if<T, F>(
        &self,
        work: F,
    ) -> Result<Option<T>, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Work<'t, Option<T>> + Send + 'static,
    {
        let store = self.clone();
        self.run(async move {
            let txn = begin(&store.inner.writer).await?;
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
    pub(in crate::store) async fn share<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> Fn(&'t DatabaseTransaction) -> Work<'t, T> + Send + Sync + 'static,
    {
        if self.backend() == DbBackend::Postgres {
            return self.transaction(work).await;
        }
        let (work, result) = (Arc::new(work), Arc::new(Mutex::new(None)));
        let kept = result.clone();
        let shared: SharedWork = Box::new(move |txn| {
            let (work, kept) = (work.clone(), kept.clone());
            Box::pin(async move {
                let done = work(txn).await?;
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                Ok(())
            })
        });
        let write = Write {
            shared: Some(shared),
            ..Write::default()
        };
        self.inner.write_path.write(write).await?;
        let done = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(done.expect("the batch was written, and this work with it"))
    }
}

/// Opens one. On SQLite it takes the write lock at once: a deferred transaction fails at its first
/// write with "database is locked", busy time-out or not.
pub(in crate::store) async fn begin(pool: &Pool) -> Result<DatabaseTransaction, StoreError> {
    let at_once = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    pool.begin(at_once).await.map_err(StoreError::before_commit)
}

/// Ends one that failed, so that its connection goes back clean.
pub(in crate::store) async fn roll_back(txn: DatabaseTransaction) {
    if let Err(error) = txn.rollback().await {
        // The pool looks at every connection that comes back; see connect.rs.
        warn!(%error, "rollback failed");
    }
}

//! Transactions that write, as everything but the writer's lanes opens them.

use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions};
use tracing::warn;

use super::StoreError;
use super::pool::Pool;

/// Opens one. On SQLite it takes the write lock at once: a deferred transaction fails at its first
/// write with "database is locked", busy time-out or not.
pub(super) async fn begin(pool: &Pool) -> Result<DatabaseTransaction, StoreError> {
    let at_once = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    pool.begin(at_once).await.map_err(StoreError::before_commit)
}

/// Ends one that failed, so that its connection goes back clean.
pub(super) async fn roll_back(txn: DatabaseTransaction) {
    if let Err(error) = txn.rollback().await {
        // The pool looks at every connection that comes back; see connect.rs.
        warn!(%error, "rollback failed");
    }
}

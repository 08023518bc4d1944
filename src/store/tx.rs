//! A transaction that writes, as handed to whoever writes. Whoever began it ends it: with
//! [`Tx::commit`], after which what it wrote is durable, or with [`roll_back`].
//!
//! On PostgreSQL it is a transaction of its own. On SQLite it may be a part of one that
//! several share, see `group.rs`; whoever holds it need not know.

use std::ops::Deref;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::runtime::Handle;
use tracing::warn;

use super::StoreError;
use super::group::{Door, Member};
use super::pool::Pool;
use crate::supervisor::Supervisor;

/// A transaction that writes.
pub(super) enum Tx {
    /// Nobody else writes in it.
    Own(DatabaseTransaction),
    /// Others write in it too, one after the other, and the commit is everybody's.
    Shared(Member),
}

impl Tx {
    /// Makes what was written durable. An error does not tell whether it is.
    pub async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Own(txn) => txn.commit().await,
            Self::Shared(member) => member.commit().await,
        }
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        match self {
            Self::Own(txn) => txn,
            Self::Shared(member) => member,
        }
    }
}

/// Where transactions that write come from. Cheap to clone.
#[derive(Clone)]
pub(super) struct Transactions {
    writer: Pool,
    /// Of SQLite's one connection.
    door: Option<Door>,
}

impl Transactions {
    /// On the runtime to which the connection belongs.
    pub fn on(writer: Pool, runtime: &Handle, tasks: &Supervisor) -> Self {
        let door = match writer.get_database_backend() {
            DbBackend::Sqlite => Some(Door::open(writer.connections(), runtime, tasks)),
            _ => None,
        };
        Self { writer, door }
    }

    /// Opens one.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let opened = match &self.door {
            Some(door) => door.enter().await.map(Tx::Shared),
            None => self.writer.begin(at_once()).await.map(Tx::Own),
        };
        opened.map_err(StoreError::before_commit)
    }
}

/// Opens a transaction on a connection that nobody else uses meanwhile.
pub(super) async fn begin(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    writer.begin_with_options(at_once()).await
}

/// On SQLite a transaction takes the write lock at once: a deferred one fails at its first write
/// with "database is locked", busy time-out or not.
fn at_once() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

/// Ends a transaction that failed, so that its connection goes back clean.
pub(super) async fn roll_back(tx: Tx) {
    let undone = match tx {
        Tx::Own(txn) => txn.rollback().await,
        Tx::Shared(member) => {
            member.roll_back().await;
            Ok(())
        }
    };
    if let Err(error) = undone {
        // The pool looks at every connection that comes back; see connect.rs.
        warn!(%error, "rollback failed");
    }
}

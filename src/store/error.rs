//! Errors of the store, by what a caller can do about them.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

use crate::failpoint::Failure;

/// What the store's functions return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store did not do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The order has another version by now. Load it again and decide again.
    #[error("the order was changed meanwhile")]
    Conflict,
    /// The new voucher code exists already. Decide again with another.
    #[error("the new voucher code is taken")]
    CodeTaken,
    /// No connection, or no room on the disk: a later attempt may succeed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Another session had a row or a key locked for longer than the time limit.
    #[error("the database is not available: {0}")]
    Locked(String),
    /// Another server has the SQLite file.
    #[error("database.url: another malipo already uses {0}; a SQLite file can have one server")]
    InUse(String),
    /// The database refused the change, which is rolled back.
    #[error("the database refused: {0}")]
    Aborted(DbErr),
    /// The commit was sent and its answer was lost: the sale may be there or not.
    #[error("it is not known whether the commit took place: {0}")]
    CommitUnknown(DbErr),
    /// A row has a value that we never write.
    #[error("the database has an invalid value: {0}")]
    Corrupt(String),
    /// A bug of ours. The transaction is rolled back.
    #[error("a database task panicked: {0}")]
    Panicked(String),
}

/// PostgreSQL's codes after which a later attempt may succeed (appendix A of its manual):
/// shutdown, cannot connect now, too many connections, disk full, out of memory, a read-only
/// standby, our time-out for an idle transaction, the time-out of an idle session, I/O error. Class
/// 08, connection exceptions, counts too.
const LATER: [&str; 10] = [
    "57P01", "57P02", "57P03", "53300", "53100", "53200", "25006", "25P03", "57P05", "58030",
];

/// PostgreSQL's codes for a conflict with another session: lock not available, serialization
/// failure, deadlock, and a statement that was cancelled while it waited.
const LOCKS: [&str; 4] = ["55P03", "40001", "40P01", "57014"];

/// SQLite's primary result codes with the same meaning: busy, locked, no memory, read-only,
/// I/O error, full, cannot open, protocol.
const SQLITE_LATER: [i32; 8] = [5, 6, 7, 8, 10, 13, 14, 15];

impl StoreError {
    /// Whether a single change of a batch may be the cause: the others may succeed without it.
    pub(super) fn is_of_a_change(&self) -> bool {
        match self {
            Self::Conflict
            | Self::CodeTaken
            | Self::Locked(_)
            | Self::Aborted(_)
            | Self::Corrupt(_)
            | Self::Panicked(_) => true,
            Self::Unavailable(_) | Self::InUse(_) | Self::CommitUnknown(_) => false,
        }
    }

    /// What went wrong from the moment that the commit was sent.
    pub(super) fn commit_unknown(why: impl ToString) -> Self {
        Self::CommitUnknown(DbErr::Custom(why.to_string()))
    }

    /// Whether a unique key refused a row.
    pub(super) fn is_duplicate(error: &DbErr) -> bool {
        matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    }
}

/// A failure that a test asks for before the commit: nothing is written.
impl From<Failure> for StoreError {
    fn from(wanted: Failure) -> Self {
        Self::Aborted(DbErr::Custom(wanted.to_string()))
    }
}

/// Classifies an error of a statement before the commit: nothing is written, unless the statement
/// was a transaction of its own and the connection was lost.
impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(what)) = error.sql_err()
            // PostgreSQL names the constraint, SQLite the column.
            && what.contains("vouchers")
            && what.contains("code")
        {
            return Self::CodeTaken;
        }
        let text = error.to_string();
        match &error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(text),
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
                sqlx::Error::Database(refusal) if is_lock(&**refusal) => Self::Locked(text),
                sqlx::Error::Database(refusal) if is_temporary(&**refusal) => {
                    Self::Unavailable(text)
                }
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Self::Unavailable(text),
                _ => Self::Aborted(error),
            },
            _ => Self::Aborted(error),
        }
    }
}

fn is_lock(refusal: &dyn DatabaseError) -> bool {
    refusal.code().is_some_and(|code| LOCKS.contains(&&*code))
}

/// Whether a later attempt may succeed.
fn is_temporary(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    if refusal.try_downcast_ref::<SqliteError>().is_none() {
        return code.starts_with("08") || LATER.contains(&&*code);
    }
    let primary = code.parse::<i32>().map(|code| code & 0xff);
    primary.is_ok_and(|code| SQLITE_LATER.contains(&code))
}

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
    /// Nothing may be sold by this clock: a later attempt may succeed.
    #[error("{0}")]
    WrongClock(String),
    /// No connection: a later attempt may succeed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Another session had a row or a key locked for longer than the time limit.
    #[error("the database is not available: {0}")]
    Locked(String),
    /// The disk has no room, so nothing was written.
    #[error("the database's disk is full: {0}")]
    Full(String),
    /// The server of the database accepts no writes, as after a fail-over.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// It cannot be used as it is: why, and what to do.
    #[error("database.url: {0}")]
    Unusable(String),
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
/// shutdown, cannot connect now, too many connections, out of memory, our time-out for an idle
/// transaction, the time-out of an idle session, I/O error. Class 08, connection exceptions, counts
/// too.
const LATER: [&str; 8] = [
    "57P01", "57P02", "57P03", "53300", "53200", "25P03", "57P05", "58030",
];

/// Disk full and read-only, on PostgreSQL; a standby is read-only too.
const FULL: &str = "53100";
const READ_ONLY: &str = "25006";

/// PostgreSQL's codes for a conflict with another session: lock not available, serialization
/// failure, deadlock, and a statement that was cancelled while it waited.
const LOCKS: [&str; 4] = ["55P03", "40001", "40P01", "57014"];

/// SQLite's primary result codes with the same meaning: busy, locked, no memory, I/O error, cannot
/// open, protocol.
const SQLITE_LATER: [i32; 6] = [5, 6, 7, 10, 14, 15];
const SQLITE_FULL: i32 = 13;
const SQLITE_READ_ONLY: i32 = 8;

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
            Self::WrongClock(_)
            | Self::Unavailable(_)
            | Self::Full(_)
            | Self::ReadOnly(_)
            | Self::Unusable(_)
            | Self::CommitUnknown(_) => false,
        }
    }

    /// Whether there was no room for a write, or for its commit.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::CommitUnknown(error) => matches!(Self::from(error.clone()), Self::Full(_)),
            other => matches!(other, Self::Full(_)),
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
                sqlx::Error::Database(refusal) if has_code(&**refusal, FULL, SQLITE_FULL) => {
                    Self::Full(text)
                }
                sqlx::Error::Database(refusal)
                    if has_code(&**refusal, READ_ONLY, SQLITE_READ_ONLY) =>
                {
                    Self::ReadOnly(text)
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
    if let Some(primary) = sqlite_code(refusal) {
        return SQLITE_LATER.contains(&primary);
    }
    let code = refusal.code().unwrap_or_default();
    code.starts_with("08") || LATER.contains(&&*code)
}

fn has_code(refusal: &dyn DatabaseError, postgres: &str, sqlite: i32) -> bool {
    match sqlite_code(refusal) {
        Some(primary) => primary == sqlite,
        None => refusal.code().is_some_and(|code| code == postgres),
    }
}

/// SQLite's primary result code.
pub(in crate::store) fn sqlite_code(refusal: &dyn DatabaseError) -> Option<i32> {
    refusal.try_downcast_ref::<SqliteError>()?;
    Some(refusal.code()?.parse::<i32>().ok()? & 0xff)
}

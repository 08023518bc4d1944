//! What can stop us, told apart by what helps.

use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

use crate::failpoint::Failure;

/// What the store's functions return.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store could not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another change of the order was first. Load it again and decide again.
    #[error("the order was changed by somebody else")]
    Conflict,
    /// The fresh voucher code exists. Decide again with another.
    #[error("the fresh voucher code is taken")]
    CodeTaken,
    /// No connection, a lock that was not given, no room on the disk: later may be better.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Another session has a row or a key locked for longer than was waited for.
    #[error("the database is not available: {0}")]
    Locked(String),
    /// Another server has the SQLite file.
    #[error("database.url: another malipo serves from {0}; one server a file")]
    InUse(String),
    /// The database refused; everything is rolled back.
    #[error("the database refused: {0}")]
    Aborted(DbErr),
    /// The commit was sent and its answer was lost: the sale may be there or not.
    #[error("it is not known whether the commit took place: {0}")]
    CommitUnknown(DbErr),
    /// A row holds what we never write.
    #[error("the database holds what cannot be: {0}")]
    Corrupt(String),
    /// A bug of ours; everything is rolled back.
    #[error("a database task panicked: {0}")]
    Panicked(String),
}

/// PostgreSQL's codes after which a later try may succeed (appendix A of its manual):
/// shutdown, cannot connect now, too many connections, disk full, out of memory, a standby that
/// only reads, our own transaction time-out, idle time-out, I/O error. Class 08, connection
/// exceptions, counts too.
const LATER: [&str; 10] = [
    "57P01", "57P02", "57P03", "53300", "53100", "53200", "25006", "25P03", "57P05", "58030",
];

/// PostgreSQL's codes for what another session does with the same rows: lock not available,
/// serialization failure, deadlock, and a statement that was cancelled while it waited.
const LOCKS: [&str; 4] = ["55P03", "40001", "40P01", "57014"];

/// SQLite's primary result codes with the same meaning: busy, locked, no memory, read-only,
/// I/O error, full, cannot open, protocol.
const SQLITE_LATER: [i32; 8] = [5, 6, 7, 8, 10, 13, 14, 15];

impl StoreError {
    /// Classifies an error of a statement before the commit: nothing of it will stay.
    pub(super) fn before_commit(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(what)) = error.sql_err() {
            // PostgreSQL names the constraint, SQLite the column.
            if what.contains("vouchers") && what.contains("code") {
                return Self::CodeTaken;
            }
        }
        if is_lock(&error) {
            Self::Locked(error.to_string())
        } else if later_helps(&error) {
            Self::Unavailable(error.to_string())
        } else {
            Self::Aborted(error)
        }
    }

    /// Whether what was written may be the cause: without it, its neighbours may be written.
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

    /// Whether a unique key refused a row.
    pub(super) fn is_duplicate(error: &DbErr) -> bool {
        matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    }
}

/// What sqlx says of it, if it comes from a statement.
fn of_statement(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            Some(&**error)
        }
        _ => None,
    }
}

fn is_lock(error: &DbErr) -> bool {
    let refusal = of_statement(error).and_then(sqlx::Error::as_database_error);
    let code = refusal.and_then(|refusal| refusal.code());
    code.is_some_and(|code| LOCKS.contains(&&*code))
}

fn later_helps(error: &DbErr) -> bool {
    match of_statement(error) {
        Some(sqlx::Error::Database(refusal)) => {
            let code = refusal.code().unwrap_or_default();
            if refusal.try_downcast_ref::<SqliteError>().is_some() {
                let primary = code.parse::<i32>().map(|code| code & 0xff);
                primary.is_ok_and(|code| SQLITE_LATER.contains(&code))
            } else {
                code.starts_with("08") || LATER.contains(&&*code)
            }
        }
        Some(error) => matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        ),
        None => matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)),
    }
}

/// Before the commit: nothing of it will stay.
impl From<Failure> for StoreError {
    fn from(wanted: Failure) -> Self {
        Self::Aborted(DbErr::Custom(wanted.to_string()))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self::before_commit(error)
    }
}

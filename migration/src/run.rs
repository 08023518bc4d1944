//! Applies the migrations, also when several processes start at the same moment.
//!
//! All steps of a call run in one transaction, which is also the lock: on PostgreSQL it takes an advisory
//! lock, on SQLite it is `BEGIN IMMEDIATE`.
//!
//! # Invariants
//! Everything happens in that transaction, so that a process which dies or loses its connection leaves
//! neither a lock nor half a schema.

use std::time::Duration;

use sea_orm_migration::MigratorTrait;
use sea_orm_migration::migrator::MigrationStatus;
use sea_orm_migration::sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IsolationLevel, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{Migrator, file};

/// The key of the advisory lock: the letters `malipo`.
const LOCK_KEY: i64 = 0x6d61_6c69_706f;

/// How long SQLite waits for another process that writes.
const SQLITE_BUSY: Duration = Duration::from_secs(10);

const CONNECT: Duration = Duration::from_secs(10);

/// One migration and whether this database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub applied: bool,
}

/// Applies all pending steps and returns their number; 0 if another process has applied them.
pub async fn up(url: &str) -> Result<u32, DbErr> {
    let db = connect(url).await?;

    let applied = up_locked(&db).await;

    close(db, applied).await
}

/// Reverts the last `steps` migrations, or all of them, including their data.
pub async fn down(url: &str, steps: Option<u32>) -> Result<u32, DbErr> {
    let db = connect(url).await?;

    let reverted = down_locked(&db, steps).await;

    close(db, reverted).await
}

/// Returns every migration, oldest first. Writes nothing and waits for no lock.
pub async fn status(url: &str) -> Result<Vec<Step>, DbErr> {
    let db = connect(url).await?;

    let steps = Migrator::get_migration_with_status_read_only(&db)
        .await
        .map(|migrations| {
            migrations
                .iter()
                .map(|migration| Step {
                    name: migration.name().to_owned(),
                    applied: migration.status() == MigrationStatus::Applied,
                })
                .collect()
        });

    close(db, steps).await
}

async fn up_locked(db: &DatabaseConnection) -> Result<u32, DbErr> {
    let txn = lock(db).await?;

    // Counted under the lock, because another process may have applied some steps before.
    let pending = count(
        Migrator::get_pending_migrations_read_only(&txn)
            .await?
            .len(),
    );
    if pending > 0 {
        Migrator::up(&txn, None).await?;
    }

    txn.commit().await?;
    Ok(pending)
}

async fn down_locked(db: &DatabaseConnection, steps: Option<u32>) -> Result<u32, DbErr> {
    let txn = lock(db).await?;

    let applied = count(
        Migrator::get_applied_migrations_read_only(&txn)
            .await?
            .len(),
    );
    let reverted = steps.map_or(applied, |steps| steps.min(applied));
    if reverted > 0 {
        Migrator::down(&txn, Some(reverted)).await?;
    }

    txn.commit().await?;
    Ok(reverted)
}

/// Begins the transaction in which the schema is changed.
async fn lock(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let postgres = db.get_database_backend() == DbBackend::Postgres;

    let txn = db
        .begin_with_options(TransactionOptions {
            // With a stricter isolation level the snapshot would be taken before the lock, and would not
            // include the steps that another process has just applied.
            isolation_level: postgres.then_some(IsolationLevel::ReadCommitted),
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        })
        .await?;

    if postgres {
        // A start that cannot get the lock fails with a message; a step itself may take any time. The lock
        // belongs to the transaction, because a connection pooler would not preserve a session's lock.
        txn.execute_unprepared(&format!(
            "SET LOCAL lock_timeout = '60s';
             SET LOCAL statement_timeout = 0;
             SET LOCAL client_min_messages = warning;
             SELECT pg_advisory_xact_lock({LOCK_KEY})"
        ))
        .await?;
    }
    Ok(txn)
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    file::create(url)
        .map_err(|error| DbErr::Custom(format!("the file cannot be made: {error}")))?;
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .connect_timeout(CONNECT)
        .acquire_timeout(CONNECT)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(SQLITE_BUSY))
        // PgBouncer refuses a connection that begins with this setting.
        .map_sqlx_postgres_opts(|postgres| postgres.extra_float_digits(None));

    Database::connect(options).await
}

/// Closes the connection before it returns, so that it cannot disturb the caller's next step. Returns the
/// error of the work, or else that of closing.
async fn close<T>(db: DatabaseConnection, result: Result<T, DbErr>) -> Result<T, DbErr> {
    let closed = db.close().await;

    let value = result?;
    closed?;
    Ok(value)
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

//! Applying the migrations when several processes start at the same moment.
//!
//! All steps of one call share one transaction, and that transaction is the lock: on PostgreSQL
//! it first takes an advisory lock, on SQLite it is `BEGIN IMMEDIATE`, of which a file has one.
//! Invariant: who migrates does everything on that one transaction, so a process that dies, or
//! loses its connection, leaves neither a lock nor half a schema behind.

use std::time::Duration;

use sea_orm_migration::MigratorTrait;
use sea_orm_migration::migrator::MigrationStatus;
use sea_orm_migration::sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, IsolationLevel, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{Migrator, file};

/// Names the lock among all advisory locks of that PostgreSQL: the letters `malipo`.
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

/// Applies whatever is pending and tells how many steps that was; 0 when another process was
/// first.
pub async fn up(url: &str) -> Result<u32, DbErr> {
    let db = connect(url).await?;

    let applied = up_locked(&db).await;

    close(db, applied).await
}

/// Takes back the last `steps` migrations, or all of them, with the data they hold.
pub async fn down(url: &str, steps: Option<u32>) -> Result<u32, DbErr> {
    let db = connect(url).await?;

    let reverted = down_locked(&db, steps).await;

    close(db, reverted).await
}

/// Every migration, oldest first. Writes nothing and waits for no lock.
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

    // Counted only now: before the lock another process may have been half way through.
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

/// Begins the transaction in which alone the schema may change.
async fn lock(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let postgres = db.get_database_backend() == DbBackend::Postgres;

    let txn = db
        .begin_with_options(TransactionOptions {
            // A stricter default of that database would take its snapshot before the lock is
            // ours, and then not see what the process before us has applied.
            isolation_level: postgres.then_some(IsolationLevel::ReadCommitted),
            access_mode: None,
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        })
        .await?;

    if postgres {
        // A start that cannot get the lock should say so rather than hang; once it has the lock,
        // a step may take as long as it takes. Transaction scope is what a connection pooler
        // in front of PostgreSQL keeps intact; a session's lock it would not.
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
        .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(SQLITE_BUSY));

    Database::connect(options).await
}

/// Closes first, so that what the caller does next never meets our connection, and then prefers
/// the error of the work to that of closing.
async fn close<T>(db: DatabaseConnection, result: Result<T, DbErr>) -> Result<T, DbErr> {
    let closed = db.close().await;

    let value = result?;
    closed?;
    Ok(value)
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

//! Whether the database can be written, and the size of SQLite's log.

use std::path::Path;
use std::sync::Arc;

use migration::file;
use sea_orm::sqlx::Executor;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr};
use tracing::info;

use super::connect::SQLITE_LOG_BYTES;
use super::suitable::STATE;
use super::{files, sql};
use crate::store::Store;
use crate::store::error::Result;

/// With less on the disk of a SQLite file, the next sales may find no room.
const ROOM: u64 = 1024 * 1024;
/// How long readers may delay the shortening of SQLite's log, and sales with it, in milliseconds; and
/// what `connect.rs` sets.
const WAIT_SHORTLY: &str = "PRAGMA busy_timeout = 100";
const WAIT_AS_USUAL: &str = "PRAGMA busy_timeout = 4000";
/// Writes into the log, on SQLite.
const TRY_LOG: &str = "UPDATE seaql_migrations SET applied_at = applied_at";
/// Needs new pages, on PostgreSQL.
const TRY_PAGES: &str = "CREATE TEMP TABLE malipo_room ON COMMIT DROP AS \
     SELECT repeat(md5(n::text), 100) AS room FROM generate_series(1, 1000) AS n";

/// Why nothing can be sold with this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWritable {
    /// Or not in time.
    #[error("the database does not answer")]
    Silent,
    /// As after a fail-over.
    #[error("the database is a replica")]
    Replica,
    /// Its administrator has forbidden writes.
    #[error("the database is read-only")]
    ReadOnly,
    /// No more rows can be written.
    #[error("the database's disk is full")]
    Full,
}

impl Store {
    /// Whether the database answers and can be written. Writes nothing.
    ///
    /// # Errors
    /// [`NotWritable`].
    pub async fn writable(&self) -> Result<(), NotWritable> {
        match self.state().await {
            Err(_) => Err(NotWritable::Silent),
            Ok((true, _)) => Err(NotWritable::Replica),
            Ok((false, true)) => Err(NotWritable::ReadOnly),
            Ok((false, false)) if self.inner.runtime.stalled.is_full() || self.has_no_room() => {
                Err(NotWritable::Full)
            }
            Ok((false, false)) => Ok(()),
        }
    }

    /// Whether PostgreSQL is a replica, and whether it is read-only.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn state(&self) -> Result<(bool, bool)> {
        if self.backend() == DbBackend::Sqlite {
            self.ping().await?;
            return Ok((false, false));
        }
        let (writer, stalled) = (
            self.inner.pools.writer.clone(),
            self.inner.runtime.stalled.clone(),
        );
        let asked = async move {
            let state = stalled.read(sql::tuple(&writer, STATE, [])).await?;
            let (is_replica, is_read_only): (bool, bool) = state.unwrap_or_default();
            if is_replica || is_read_only {
                // The server at this address may be another one by now.
                stalled.distrust();
            }
            Ok((is_replica, is_read_only))
        };
        self.inner.runtime.run(asked).await
    }

    /// Whether the disk of a SQLite file is full.
    fn has_no_room(&self) -> bool {
        let path = file::sqlite_file(self.inner.url.expose());
        let room = |path: &Path| {
            let disk = rustix::fs::statvfs(path).ok()?;
            Some(disk.f_bavail.saturating_mul(disk.f_frsize))
        };
        path.and_then(|path| room(&path))
            .is_some_and(|room| room < ROOM)
    }

    /// After a write that found no room: tries whether there is some again.
    ///
    /// # Errors
    /// As `Store::transaction`: there is none.
    pub async fn look_for_room(&self) -> Result<()> {
        let stalled = &self.inner.runtime.stalled;
        if !stalled.is_full() {
            return Ok(());
        }
        let attempt = match self.backend() {
            DbBackend::Postgres => TRY_PAGES,
            _ => TRY_LOG,
        };
        let tried = self.transaction(move |txn| {
            Box::pin(async move { Ok(txn.execute_unprepared(attempt).await.map(drop)?) })
        });
        tried.await?;
        stalled.has_room();
        info!("the database's disk has room again");
        Ok(())
    }

    /// Bytes of SQLite's log; `None` on PostgreSQL.
    pub fn log_bytes(&self) -> Option<u64> {
        let log = files::log_of(self.inner.url.expose())?;
        // Without a log there is no file.
        Some(log.metadata().map_or(0, |file| file.len()))
    }

    /// Copies SQLite's log into the database and empties it, if readers have made it too long. A reader
    /// that is still there keeps it from being emptied; sales wait for it for a tenth of a second at
    /// most. Returns whether the log is still too long.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn shorten_log(&self) -> Result<bool> {
        let is_long = |store: &Self| store.log_bytes() > Some(SQLITE_LOG_BYTES / 4 * 5);
        if !is_long(self) {
            return Ok(false);
        }
        let pool = self.inner.pools.writer.connections();
        self.run(async move {
            let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
            let pool = pool.get_sqlite_connection_pool();
            let mut writer = pool.acquire().await.map_err(failed)?;
            writer.execute(WAIT_SHORTLY).await.map_err(failed)?;
            let shortened = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
            writer.execute(WAIT_AS_USUAL).await.map_err(failed)?;
            Ok(shortened.map(drop).map_err(failed)?)
        })
        .await?;
        Ok(is_long(self))
    }
}

//! How connections are opened: commits are durable, every wait has a limit, and no statement is logged.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection, Executor, PgConnection, Row};
use tracing::log::LevelFilter;

use super::pool::{ACQUIRE_TIMEOUT, Pool};
use super::runtime::{READ_WITHIN, Stalled, WRITE_WITHIN, in_time};
use super::suitable::{self, STATE};
use crate::store::error::Result;

/// PostgreSQL gives up a statement or a lock after this long. Longer than the five seconds
/// in which ZenoPay is answered: the answer is then "unknown", while the sale goes on and
/// is committed when the lock is free.
///
/// `synchronous_commit`: a 200 must survive a power cut. `default_transaction_isolation`: a purchase waits
/// for the lock of its phone and then counts earlier purchases, so it must see those that were committed
/// while it waited. `client_min_messages`: sqlx logs each warning, and a ROLLBACK outside a transaction
/// causes one.
const SETTINGS: &str = "SET statement_timeout = '25s'; SET lock_timeout = '25s'; \
     SET idle_in_transaction_session_timeout = '25s'; \
     SET synchronous_commit = on; \
     SET default_transaction_isolation = 'read committed'; \
     SET client_min_messages = error";
/// A connection that was idle for this long is tested before use.
const IDLE_BEFORE_PING: Duration = Duration::from_secs(30);
/// Connections to PostgreSQL that write beside the lanes: changes that are written alone, purchases,
/// the outbox, operators. More of them would only wait inside PostgreSQL.
pub(in crate::store) const POSTGRES_WRITERS: u32 = 12;
/// Connections to PostgreSQL for the writer's lanes: while one waits for its COMMIT, the others collect
/// changes.
pub(in crate::store) const POSTGRES_LANES: u32 = 3;
/// A lane waits for a lock for a tenth of a second; the change is then written on another connection.
/// Each statement is planned once for a connection: the best plan does not depend on the values, and
/// planning takes longer than running.
const LANE_SETTINGS: &str = "SET lock_timeout = 100; SET plan_cache_mode = force_generic_plan";
/// Connections to PostgreSQL that only read: many polls at once must not delay a sale.
pub(in crate::store) const POSTGRES_READERS: u32 = 8;
/// How long a connection may take to show that it can be used again. Otherwise the pool closes it and
/// takes another.
const CLEAN_WITHIN: Duration = Duration::from_secs(1);
/// How long a connection may take to come back to its pool, or to be closed, after its use.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(6);
/// Connections that only read, on SQLite.
pub(in crate::store) const SQLITE_READERS: u32 = 4;
/// The page cache of SQLite's connection that writes, in KiB. A batch of sales changes a thousand
/// pages; those that do not fit are written twice. SQLite's default is 2 MiB.
pub const SQLITE_CACHE_KIB: u32 = 32 * 1024;
/// Pages of 4 KiB in SQLite's log before they are copied into its file, which waits for the disk
/// twice. SQLite's default is a thousand, which is sixty sales.
pub const SQLITE_LOG_PAGES: u32 = 8_000;
/// The log is cut to this size when it begins anew, after a reader has made it longer.
pub(in crate::store) const SQLITE_LOG_BYTES: u64 = SQLITE_LOG_PAGES as u64 * 4_096;
/// Statements that a connection to PostgreSQL keeps prepared. A lane needs fewer, whatever is in its
/// batches.
pub(in crate::store) const POSTGRES_STATEMENTS: usize = 100;
/// The same on SQLite. Its one connection that writes needs more: a batch has a text for each table and
/// each power of two of rows.
pub(in crate::store) const SQLITE_STATEMENTS: usize = 256;
/// How long SQLite waits for the write lock of another process, such as `malipo migrate`.
const SQLITE_BUSY: Duration = Duration::from_secs(4);

/// The connections of a store, by what they are for.
#[derive(Clone)]
pub(in crate::store) struct Pools {
    /// SQLite: the one connection that writes. PostgreSQL: those that write beside the lanes.
    pub writer: Pool,
    /// One connection for each lane of the writer; on SQLite the same as `writer`.
    pub lanes: Pool,
    /// Connections that only read.
    pub reader: Pool,
    /// PostgreSQL: the connection that notifies other processes.
    pub notifier: Pool,
}

impl Pools {
    /// Opens them, on the runtime to which they then belong.
    pub async fn open(url: &str, stalled: &Stalled) -> Result<Self> {
        if url.starts_with("sqlite:") {
            let for_writing = vec![
                ("cache_size", format!("-{SQLITE_CACHE_KIB}")),
                ("wal_autocheckpoint", SQLITE_LOG_PAGES.to_string()),
                ("journal_size_limit", SQLITE_LOG_BYTES.to_string()),
                // Also holds the journal that undoes a failed statement; on the disk it would be a file.
                ("temp_store", "memory".to_owned()),
            ];
            let for_reading = vec![("query_only", "on".to_owned())];
            let writer = Pool::open(sqlite(url, 1, for_writing), None).await;
            let writer = writer.map_err(|error| suitable::sqlite_refusal(url, error))?;
            return Ok(Self {
                lanes: writer.clone(),
                notifier: writer.clone(),
                writer,
                reader: Pool::open(sqlite(url, SQLITE_READERS, for_reading), None).await?,
            });
        }
        suitable::test(url).await?;
        let open = |connections, settings, held_for| {
            let options = postgres(url, connections, settings, stalled);
            let replaceable = (stalled.clone(), held_for + GIVEN_BACK_WITHIN);
            Pool::open(options, Some(replaceable))
        };
        Ok(Self {
            writer: open(POSTGRES_WRITERS, "", WRITE_WITHIN).await?,
            lanes: open(POSTGRES_LANES, LANE_SETTINGS, WRITE_WITHIN).await?,
            reader: open(POSTGRES_READERS, "", READ_WITHIN).await?,
            notifier: open(1, "", WRITE_WITHIN).await?,
        })
    }
}

fn common(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        // Statements hold phones and codes; none of them belongs in a log.
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .sqlx_logging_level(LevelFilter::Off)
        // A ping for each use costs a fifth of the throughput; see `postgres`.
        .test_before_acquire(false);
    options
}

fn sqlite(url: &str, connections: u32, pragmas: Vec<(&'static str, String)>) -> ConnectOptions {
    let mut options = common(url, connections);
    options
        // A connection that leaves the pool would lose its page cache for nothing.
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // A 200 must survive a power cut.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(SQLITE_BUSY)
                .statement_cache_capacity(SQLITE_STATEMENTS);
            (pragmas.iter()).fold(sqlite, |sqlite, (name, value)| {
                sqlite.pragma(*name, value.clone())
            })
        })
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // Lets a rollback that is queued run.
                    if connection.is_in_transaction() {
                        connection.ping().await?;
                    }
                    // A full disk makes SQLite roll back by itself, and then sqlx's count of
                    // open transactions is wrong for ever: its next "commit" would release a
                    // savepoint and nothing would be durable. Such a connection is closed.
                    Ok(!connection.is_in_transaction())
                })
            })
        });
    options
}

fn postgres(
    url: &str,
    connections: u32,
    more_settings: &'static str,
    stalled: &Stalled,
) -> ConnectOptions {
    let mut options = common(url, connections);
    let stalled = stalled.clone();
    options
        // sqlx may take five minutes to open a connection that the minimum asks for. Meanwhile it
        // counts as one of the maximum, so a caller may wait as long.
        .min_connections(0)
        .set_application_name("malipo")
        .map_sqlx_postgres_opts(|postgres| {
            // PgBouncer refuses a connection that begins with this setting.
            (postgres.extra_float_digits(None)).statement_cache_capacity(POSTGRES_STATEMENTS)
        })
        .map_sqlx_postgres_pool_opts(move |pool| {
            let (before, after) = (stalled.clone(), stalled.clone());
            // By statements, because PgBouncer refuses `options` when a connection begins.
            pool.after_connect(move |connection, _| {
                Box::pin(async move {
                    connection.execute(SETTINGS).await?;
                    connection.execute(more_settings).await?;
                    Ok(())
                })
            })
            .before_acquire(move |connection, used| {
                let is_wary = before.is_wary();
                let must_test = is_wary || used.idle_for >= IDLE_BEFORE_PING;
                Box::pin(async move {
                    if must_test {
                        in_time(CLEAN_WITHIN, connection.ping()).await?;
                    }
                    // One that leads to a server which is only a copy now is closed.
                    Ok(!is_wary || !in_time(CLEAN_WITHIN, is_read_only(connection)).await?)
                })
            })
            .after_release(move |connection, _| {
                let must_clean = after.is_wary();
                Box::pin(async move {
                    if must_clean {
                        // Also ends a transaction whose BEGIN was given up. Outside a transaction
                        // PostgreSQL only warns.
                        in_time(CLEAN_WITHIN, connection.execute("ROLLBACK")).await?;
                    }
                    Ok(true)
                })
            })
        });
    options
}

/// Whether the server accepts no writes: a replica, or one that an administrator has made read-only.
pub(in crate::store) async fn is_read_only(
    connection: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let state = connection.fetch_one(STATE).await?;
    Ok(state.try_get(0)? || state.try_get(1)?)
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DbBackend, Statement};

    use crate::store::engine::tests::migrated;

    #[tokio::test]
    async fn postgresql_sends_no_warnings_that_would_flood_the_log() {
        let store = migrated::open(migrated::on_postgres().await).await;
        for pool in [&store.inner.pools.writer, &store.inner.pools.reader] {
            let asked = Statement::from_string(DbBackend::Postgres, "SHOW client_min_messages");
            let row = pool.query_one_raw(asked).await.unwrap().unwrap();
            let least: String = row.try_get_by_index(0).unwrap();
            assert_eq!(least, "error");
        }
    }
}

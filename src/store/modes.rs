//! Live mode and a sandbox never use the same database.
//!
//! Live mode *marks* its database for ever: there may be paid vouchers in it from then on, so no sandbox uses
//! it again. A *claim* keeps a process from starting while one of the other mode runs: on PostgreSQL an
//! advisory lock that the processes of one mode share, on a connection of its own. A SQLite file has one
//! server at a time anyway (`engine/files.rs`).
//!
//! # Invariants
//! - A process that is dead or frozen has no claim after 15 seconds, because PostgreSQL ends its session.
//! - A process that has lost its claim takes it again or ends.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, ConnectOptions, Connection, Executor, Row};
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::engine::runtime::in_time;
use super::engine::sql;
use super::error::Result;
use super::{Store, StoreError};
use crate::config::Mode;
use crate::domain::people::Secret;
use crate::supervisor::Task;

/// PostgreSQL ends the session of a claim that says nothing for 15 s, also behind a network that lets
/// nothing through.
const SETTINGS: &str = "SET idle_session_timeout = '15s'; SET statement_timeout = '5s'; \
     SET client_min_messages = error";
/// Between two signs of life.
const PERIOD: Duration = Duration::from_secs(3);
/// How long the answer to one may take, or a new connection.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How long a start waits for the other mode to end: longer than the claim of a dead process lasts.
const WAITS: Duration = Duration::from_secs(20);
/// Between two attempts to claim.
const AGAIN: Duration = Duration::from_millis(500);
/// The first key of the advisory locks: the letters `mali`.
const LOCKS: i32 = 0x6d61_6c69;
/// The lock of the other mode must be free at this moment.
const CLAIM: &str = "SELECT CASE WHEN pg_try_advisory_xact_lock($1, $2) \
     THEN pg_try_advisory_lock_shared($1, $3) ELSE false END";
const MARK: &str = "INSERT INTO live_marks (id, since) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";

/// The second key of a mode's lock. Key 0 is for the moment in which a process claims.
fn key(mode: Mode) -> i32 {
    match mode {
        Mode::Sandbox => 1,
        Mode::Live => 2,
    }
}

fn other(mode: Mode) -> Mode {
    match mode {
        Mode::Sandbox => Mode::Live,
        Mode::Live => Mode::Sandbox,
    }
}

impl Store {
    /// When live mode first served this database, as far as that is known. `None` also for a database that
    /// is not migrated.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn live_since(&self) -> Result<Option<DateTime<Utc>>> {
        let exists = match self.is_shared() {
            true => "SELECT COUNT(to_regclass('live_marks'))",
            false => "SELECT COUNT(*) FROM sqlite_master WHERE name = 'live_marks'",
        };
        match sql::tuple(&self.db(), exists, []).await? {
            Some(0_i64) | None => Ok(None),
            Some(_) => sql::tuple(&self.db(), "SELECT since FROM live_marks", []).await,
        }
    }

    /// Marks the database as one that live mode serves.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn mark_live(&self) -> Result<()> {
        let now = self.clock().now();
        self.execute(MARK, [now.into()]).await.map(drop)
    }

    /// Keeps processes of the other mode from starting on this database, until the store is closed.
    ///
    /// # Errors
    /// `StoreError::Unusable` if one runs; `StoreError::Unavailable`.
    pub async fn claim_mode(&self, mode: Mode) -> Result<()> {
        self.inner.mode.get_or_init(|| mode);
        if !self.is_shared() {
            return Ok(());
        }
        let url = self.inner.url.clone();
        let claimed = (self.inner.runtime).run(async move { Claim::wait(url, mode).await });
        let first = Mutex::new(Some(claimed.await?));
        let (runtime, tasks) = (&self.inner.runtime.handle, &self.inner.while_open);
        tasks.run_droppable(runtime, Task::ModeClaim, move || {
            let claim = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            async move {
                // Not started twice: its failure ends the process.
                if let Some(claim) = claim {
                    claim.keep().await;
                }
            }
        });
        Ok(())
    }

    /// Whether this is a live process, and its database has payments that a sandbox has simulated.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn simulated_in_live(&self) -> Result<bool> {
        if self.inner.mode.get() != Some(&Mode::Live) {
            return Ok(false);
        }
        let first = "SELECT id FROM sandbox_payments LIMIT 1";
        let found: Option<i64> = sql::tuple(&self.db(), first, []).await?;
        Ok(found.is_some())
    }
}

/// The same mark within a transaction.
pub(super) async fn mark(txn: &DatabaseTransaction, now: DateTime<Utc>) -> Result<()> {
    sql::execute(txn, MARK, [now.into()]).await.map(drop)
}

/// The lock of one process on PostgreSQL.
struct Claim {
    url: Secret,
    mode: Mode,
    connection: PgConnection,
}

impl Claim {
    /// Waits for processes of the other mode that are ending, or dead.
    async fn wait(url: Secret, mode: Mode) -> Result<Self> {
        let began = Instant::now();
        loop {
            let taken = Self::take(&url, mode).await;
            let taken = taken.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            if let Some(connection) = taken {
                return Ok(Self {
                    url,
                    mode,
                    connection,
                });
            }
            if began.elapsed() >= WAITS {
                return Err(StoreError::Unusable(in_use(mode)));
            }
            sleep(AGAIN).await;
        }
    }

    /// `None` while a process of the other mode has a claim.
    async fn take(url: &Secret, mode: Mode) -> Result<Option<PgConnection>, sqlx::Error> {
        // PgBouncer refuses a connection that begins with this setting.
        let options = PgConnectOptions::from_str(url.expose())?.extra_float_digits(None);
        let options = options.application_name("malipo mode");
        in_time(ANSWERED_WITHIN, async {
            let mut connection = options.connect().await?;
            connection.execute(SETTINGS).await?;
            // One process at a time, so that of two that start together one succeeds.
            connection.execute("BEGIN").await?;
            let one = sqlx::query("SELECT pg_advisory_xact_lock($1, 0)").bind(LOCKS);
            one.execute(&mut connection).await?;
            let claim = sqlx::query_scalar(CLAIM).bind(LOCKS).bind(key(other(mode)));
            let has: bool = claim.bind(key(mode)).fetch_one(&mut connection).await?;
            connection.execute("COMMIT").await?;
            if !has {
                connection.close().await?;
                return Ok(None);
            }
            Ok(Some(connection))
        })
        .await
    }

    /// Shows signs of life, and takes the claim again when its connection is lost. Returns when this process
    /// must not use the database any more.
    async fn keep(mut self) {
        loop {
            sleep(PERIOD).await;
            if in_time(ANSWERED_WITHIN, self.connection.ping())
                .await
                .is_ok()
            {
                continue;
            }
            warn!(
                "the connection that claims the database for this mode is lost; claiming it again"
            );
            loop {
                match self.again().await {
                    Ok(true) => break info!("the database is claimed again"),
                    Ok(false) => return error!("{}", in_use(self.mode)),
                    // The database is away, for the other mode as well.
                    Err(_) => sleep(AGAIN).await,
                }
            }
        }
    }

    /// Whether the database is still one for this mode, and claimed.
    async fn again(&mut self) -> Result<bool, sqlx::Error> {
        let Some(mut connection) = Self::take(&self.url, self.mode).await? else {
            return Ok(false);
        };
        let marks = connection.fetch_one("SELECT COUNT(*) FROM live_marks");
        let marks: i64 = in_time(ANSWERED_WITHIN, marks).await?.try_get(0)?;
        self.connection = connection;
        Ok(self.mode == Mode::Live || marks == 0)
    }
}

fn in_use(mode: Mode) -> String {
    let other = match mode {
        Mode::Live => "a sandbox, whose vouchers cost nothing,",
        Mode::Sandbox => "a malipo in live mode",
    };
    format!(
        "{other} uses this database, so {} mode cannot; stop the other process, or name another database",
        mode.as_str()
    )
}

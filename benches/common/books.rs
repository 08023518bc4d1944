//! A database of a benchmark's own, and orders to sell from. Orders are written by the database
//! itself, thousands at a time: what is measured begins with the webhook.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use malipo::domain::order::ids::OrderId;
use rusqlite::Connection as Sqlite;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Executor, PgConnection, Row};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::options::{Kind, Options};
use super::{Outcome, fill};

/// An order that waits for its money.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Its number in `payments`.
    pub row: i64,
    /// Its name.
    pub id: OrderId,
}

enum Look {
    Postgres(RefCell<PgConnection>),
    Sqlite(Sqlite),
}

/// A database of a benchmark's own.
pub struct Books {
    pub url: String,
    pub kind: Kind,
    runtime: Runtime,
    look: Look,
}

/// Where the benchmarks write: below `target`, on the disk that is measured.
pub fn folder() -> Outcome<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Books {
    /// An empty database with its schema.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(kind: Kind, name: &str) -> Outcome<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let name = format!("bench_{name}_{}", std::process::id());
        let (url, look) = match kind {
            Kind::Postgres => {
                let server = Options::postgres()?;
                let mut admin = runtime.block_on(connect(&format!("{server}/postgres")))?;
                runtime.block_on(run(&mut admin, &format!("CREATE DATABASE {name}")))?;
                let url = format!("{server}/{name}");
                let look = runtime.block_on(connect(&url))?;
                runtime.block_on(migration::up(&url))?;
                (url, Look::Postgres(RefCell::new(look)))
            }
            Kind::Sqlite => {
                let folder = folder()?.join(&name);
                std::fs::create_dir_all(&folder)?;
                let file = folder.join("books.db");
                let url = format!("sqlite://{}?mode=rwc", file.display());
                runtime.block_on(migration::up(&url))?;
                (url, Look::Sqlite(durable(&file)?))
            }
        };
        Ok(Self {
            url,
            kind,
            runtime,
            look,
        })
    }

    /// Runs statements.
    ///
    /// # Errors
    /// In the database's words.
    pub fn execute(&self, sql: &str) -> Outcome<()> {
        match &self.look {
            Look::Postgres(look) => {
                self.block_on(run(&mut look.borrow_mut(), sql))?;
            }
            Look::Sqlite(look) => look.execute_batch(sql)?,
        }
        Ok(())
    }

    /// The number that a query answers with.
    ///
    /// # Errors
    /// In the database's words.
    pub fn number(&self, sql: &str) -> Outcome<i64> {
        Ok(match &self.look {
            Look::Postgres(look) => self
                .block_on(look.borrow_mut().fetch_one(query(sql)))?
                .try_get::<i64, _>(0)?,
            Look::Sqlite(look) => look.query_row(sql, [], |row| row.get(0))?,
        })
    }

    /// The text that a query answers with.
    ///
    /// # Errors
    /// In the database's words.
    pub fn text(&self, sql: &str) -> Outcome<String> {
        Ok(match &self.look {
            Look::Postgres(look) => self
                .block_on(look.borrow_mut().fetch_one(query(sql)))?
                .try_get::<String, _>(0)?,
            Look::Sqlite(look) => look.query_row(sql, [], |row| row.get(0))?,
        })
    }

    /// Writes so many orders that wait for their money, and lets the planner know of them. They
    /// follow each other in `payments` without a gap.
    ///
    /// # Errors
    /// In the database's words.
    pub fn place(&self, count: usize) -> Outcome<Vec<Order>> {
        let before = self.number("SELECT coalesce(max(id), 0) FROM payments")?;
        self.execute(&fill::orders(self.kind, count))?;
        let orders = self.orders_after(before)?;
        self.execute(match self.kind {
            Kind::Postgres => "ANALYZE payments; CHECKPOINT",
            Kind::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
        })?;
        Ok(orders)
    }

    /// Writes so many payments that are long finished. Indexes are built afterwards, where the
    /// database can do that.
    ///
    /// # Errors
    /// In the database's words.
    pub fn fill(&self, count: u64) -> Outcome<()> {
        match self.kind {
            Kind::Postgres => {
                let (drop, create) = (
                    self.text(fill::DROP_INDEXES)?,
                    self.text(fill::CREATE_INDEXES)?,
                );
                self.execute(&drop)?;
                self.execute(&fill::finished(self.kind, count))?;
                self.execute(&format!("SET maintenance_work_mem = '1GB'; {create}"))?;
                self.execute("VACUUM ANALYZE payments")
            }
            Kind::Sqlite => {
                self.execute("PRAGMA cache_size = -1500000; PRAGMA synchronous = OFF")?;
                self.execute(&fill::finished(self.kind, count))?;
                self.execute(
                    "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = -2000; PRAGMA synchronous = FULL; ANALYZE",
                )
            }
        }
    }

    fn orders_after(&self, row: i64) -> Outcome<Vec<Order>> {
        let sql = format!("SELECT id, order_id FROM payments WHERE id > {row} ORDER BY id");
        match &self.look {
            Look::Postgres(look) => {
                let rows = self.block_on(look.borrow_mut().fetch_all(query(&sql)))?;
                rows.iter()
                    .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                    .map(|row| row.map(order))
                    .collect()
            }
            Look::Sqlite(look) => {
                let mut statement = look.prepare(&sql)?;
                let rows = statement.query_map([], |row| {
                    let id: [u8; 16] = row.get(1)?;
                    Ok((row.get(0)?, Uuid::from_bytes(id)))
                })?;
                Ok(rows.map(|row| row.map(order)).collect::<Result<_, _>>()?)
            }
        }
    }

    /// Waits for what the benchmark's own runtime does.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The file, on SQLite.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.url.strip_prefix("sqlite://")?;
        Some(PathBuf::from(path.split('?').next()?))
    }
}

impl Drop for Books {
    /// A cluster is thrown away with all that is in it; a file is ours to remove.
    fn drop(&mut self) {
        if let Some(folder) = self.file().as_deref().and_then(Path::parent) {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn order((row, id): (i64, Uuid)) -> Order {
    Order {
        row,
        id: OrderId(id),
    }
}

/// One connection to PostgreSQL, as the server's driver makes it.
///
/// # Errors
/// In the database's words.
pub async fn connect(url: &str) -> Outcome<PgConnection> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    Ok(options.connect().await?)
}

/// Runs statements on a connection to PostgreSQL.
///
/// # Errors
/// In the database's words.
pub async fn run(connection: &mut PgConnection, sql: &str) -> Outcome<()> {
    let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    connection.execute(statements).await?;
    Ok(())
}

fn query(sql: &str) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
}

/// A connection to a SQLite file that commits as ours do.
///
/// # Errors
/// In the database's words.
pub fn durable(file: &Path) -> Outcome<Sqlite> {
    let connection = Sqlite::open(file)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

//! The database of one benchmark, and open orders in it. The database generates the orders itself,
//! thousands at a time, because the measurement begins with the webhook.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use malipo::domain::order::OrderId;
use rusqlite::Connection as Sqlite;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Executor, PgConnection, Row};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::options::{Kind, Options};
use super::{Outcome, fill};

/// An unpaid order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// `payments.id`.
    pub row: i64,
    /// `payments.order_id`.
    pub id: OrderId,
}

enum Client {
    Postgres(RefCell<PgConnection>),
    Sqlite(Sqlite),
}

/// A database that only this benchmark uses.
pub struct Database {
    pub url: String,
    pub kind: Kind,
    runtime: Runtime,
    client: Client,
}

/// The folder for files of the benchmarks: below `target`, on the disk that is measured.
pub fn folder() -> Outcome<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    );
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Database {
    /// Creates an empty database with the current schema.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(kind: Kind, name: &str) -> Outcome<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let name = format!("bench_{name}_{}", std::process::id());
        let (url, client) = match kind {
            Kind::Postgres => {
                let server = Options::postgres()?;
                let mut admin = runtime.block_on(connect(&format!("{server}/postgres")))?;
                runtime.block_on(run(&mut admin, &format!("CREATE DATABASE {name}")))?;
                let url = format!("{server}/{name}");
                let client = runtime.block_on(connect(&url))?;
                runtime.block_on(migration::up(&url))?;
                (url, Client::Postgres(RefCell::new(client)))
            }
            Kind::Sqlite => {
                let folder = folder()?.join(&name);
                std::fs::create_dir_all(&folder)?;
                let file = folder.join("database.db");
                let url = format!("sqlite://{}?mode=rwc", file.display());
                runtime.block_on(migration::up(&url))?;
                (url, Client::Sqlite(durable(&file)?))
            }
        };
        Ok(Self {
            url,
            kind,
            runtime,
            client,
        })
    }

    /// Runs statements.
    ///
    /// # Errors
    /// The database's error.
    pub fn execute(&self, sql: &str) -> Outcome<()> {
        match &self.client {
            Client::Postgres(client) => {
                self.block_on(run(&mut client.borrow_mut(), sql))?;
            }
            Client::Sqlite(client) => client.execute_batch(sql)?,
        }
        Ok(())
    }

    /// Runs a query that returns one integer.
    ///
    /// # Errors
    /// The database's error.
    pub fn number(&self, sql: &str) -> Outcome<i64> {
        Ok(match &self.client {
            Client::Postgres(client) => self
                .block_on(client.borrow_mut().fetch_one(query(sql)))?
                .try_get::<i64, _>(0)?,
            Client::Sqlite(client) => client.query_row(sql, [], |row| row.get(0))?,
        })
    }

    /// Runs a query that returns one string.
    ///
    /// # Errors
    /// The database's error.
    pub fn text(&self, sql: &str) -> Outcome<String> {
        Ok(match &self.client {
            Client::Postgres(client) => self
                .block_on(client.borrow_mut().fetch_one(query(sql)))?
                .try_get::<String, _>(0)?,
            Client::Sqlite(client) => client.query_row(sql, [], |row| row.get(0))?,
        })
    }

    /// Inserts `count` unpaid orders and updates the planner's statistics. Their ids in `payments` have
    /// no gaps.
    ///
    /// # Errors
    /// The database's error.
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

    /// Inserts `count` payments that were sold in the past. On PostgreSQL the indexes are built
    /// afterwards.
    ///
    /// # Errors
    /// The database's error.
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
        match &self.client {
            Client::Postgres(client) => {
                let rows = self.block_on(client.borrow_mut().fetch_all(query(&sql)))?;
                rows.iter()
                    .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                    .map(|row| row.map(order))
                    .collect()
            }
            Client::Sqlite(client) => {
                let mut statement = client.prepare(&sql)?;
                let rows = statement.query_map([], |row| {
                    let id: [u8; 16] = row.get(1)?;
                    Ok((row.get(0)?, Uuid::from_bytes(id)))
                })?;
                Ok(rows.map(|row| row.map(order)).collect::<Result<_, _>>()?)
            }
        }
    }

    /// Runs a future on the benchmark's own runtime.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The database file, on SQLite.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.url.strip_prefix("sqlite://")?;
        Some(PathBuf::from(path.split('?').next()?))
    }
}

impl Drop for Database {
    /// Removes the SQLite file. A PostgreSQL database goes with its temporary cluster.
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

/// Opens a connection to PostgreSQL with the server's driver.
///
/// # Errors
/// The database's error.
pub async fn connect(url: &str) -> Outcome<PgConnection> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    Ok(options.connect().await?)
}

/// Runs statements on a connection to PostgreSQL.
///
/// # Errors
/// The database's error.
pub async fn run(connection: &mut PgConnection, sql: &str) -> Outcome<()> {
    let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    connection.execute(statements).await?;
    Ok(())
}

fn query(sql: &str) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
}

/// Opens a connection to a SQLite file with the server's durability settings.
///
/// # Errors
/// The database's error.
pub fn durable(file: &Path) -> Outcome<Sqlite> {
    let connection = Sqlite::open(file)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

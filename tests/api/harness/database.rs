//! A database for each test: a file in a temporary folder, or a new database in the throw-away
//! PostgreSQL that `scripts/with-postgres` starts.

use std::process::Command;
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};
use tempfile::TempDir;

use super::SaleCounts;
use super::templates::{connect, copy_file, copy_on_server, create_on_server, url_of};
use super::waiting::GIVE_UP_AFTER;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database of one test, and a connection to it.
pub struct TestDatabase {
    pub url: String,
    pub kind: Kind,
    look: DatabaseConnection,
    _folder: Option<TempDir>,
}

/// The address of a database that may not exist yet.
pub struct Place {
    pub url: String,
    kind: Kind,
    folder: Option<TempDir>,
}

impl Place {
    /// Opens the database that was created at this address.
    pub async fn open(self) -> TestDatabase {
        let look = connect(&self.url).await;
        TestDatabase {
            url: self.url,
            kind: self.kind,
            look,
            _folder: self.folder,
        }
    }
}

impl TestDatabase {
    /// An empty database with its schema.
    pub async fn create(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => {
                let place = Self::reserve(kind).await;
                copy_file("migrated", file_of(&place.url).as_ref(), migrate).await;
                place.open().await
            }
            Kind::Postgres => {
                let url = copy_on_server("migrated", migrate).await;
                let place = Place {
                    url,
                    kind,
                    folder: None,
                };
                place.open().await
            }
        }
    }

    /// A SQLite file of the caller's, with its schema.
    pub async fn at(url: String) -> Self {
        migration::up(&url).await.unwrap();
        let (kind, folder) = (Kind::Sqlite, None);
        Place { url, kind, folder }.open().await
    }

    /// An address for a database that does not exist yet.
    pub async fn reserve(kind: Kind) -> Place {
        let (url, folder) = match kind {
            Kind::Sqlite => {
                let folder = TempDir::new().unwrap();
                let url = url_of(&folder.path().join("malipo.db"));
                (url, Some(folder))
            }
            Kind::Postgres => (create_on_server(None).await, None),
        };
        Place { url, kind, folder }
    }

    /// Runs a statement and returns the number of affected rows.
    pub async fn execute(&self, sql: &str) -> u64 {
        self.look
            .execute_unprepared(sql)
            .await
            .unwrap()
            .rows_affected()
    }

    /// The number that a query returns.
    pub async fn count(&self, sql: &str) -> i64 {
        let row = self
            .look
            .query_one_raw(self.statement(sql))
            .await
            .unwrap()
            .unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// The text that a query returns; `None` if it is null or there is no row.
    pub async fn text(&self, sql: &str) -> Option<String> {
        let row = self
            .look
            .query_one_raw(self.statement(sql))
            .await
            .unwrap()?;
        row.try_get_by_index(0).unwrap()
    }

    /// The texts of a query's first column.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.look.query_all_raw(self.statement(sql)).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }

    /// The steps of a query plan of SQLite, a line each.
    pub async fn plan(&self, explained: &str) -> String {
        let rows = self.look.query_all_raw(self.statement(explained)).await;
        let steps = rows.unwrap().into_iter();
        let steps = steps.map(|row| row.try_get::<String>("", "detail").unwrap());
        steps.collect::<Vec<_>>().join("\n")
    }

    /// A condition that names one order in `payments`, whose id is a blob on SQLite.
    pub fn is_order(&self, order_id: &str) -> String {
        match self.kind {
            Kind::Sqlite => format!("order_id = x'{}'", order_id.replace('-', "")),
            Kind::Postgres => format!("order_id = '{order_id}'"),
        }
    }

    /// Counts everything that a sale writes, for one order.
    pub async fn sale_of(&self, order_id: &str) -> SaleCounts {
        let order = self.is_order(order_id);
        let payment = format!("SELECT id FROM payments WHERE {order}");
        let code = format!("SELECT code FROM vouchers WHERE payment_id = ({payment})");
        let counts = [
            format!("SELECT COUNT(*) FROM payments WHERE {order} AND status = 'COMPLETED'"),
            format!(
                "SELECT COUNT(*) FROM customers WHERE phone = (SELECT phone FROM payments WHERE {order})"
            ),
            format!("SELECT COUNT(*) FROM invoices WHERE payment_id = ({payment})"),
            format!("SELECT COUNT(*) FROM vouchers WHERE payment_id = ({payment})"),
            format!(
                "SELECT COUNT(*) FROM radcheck WHERE attribute = 'Cleartext-Password' AND username = ({code})"
            ),
            format!("SELECT COUNT(*) FROM sms_messages WHERE payment_id = ({payment})"),
        ];
        // One statement, so that a sale in the middle of its commit is seen completely or not at
        // all.
        let sql = format!("SELECT ({})", counts.join("), ("));
        let row = self
            .look
            .query_one_raw(self.statement(&sql))
            .await
            .unwrap()
            .unwrap();
        let count = |at| row.try_get_by_index(at).unwrap();
        SaleCounts {
            completed: count(0),
            customers: count(1),
            invoices: count(2),
            vouchers: count(3),
            radius_users: count(4),
            sms: count(5),
        }
    }

    /// Names of the tables that contain this text in any column, binary bodies included.
    pub async fn tables_with(&self, text: &str) -> Vec<String> {
        let tables = match self.kind {
            Kind::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            }
            Kind::Postgres => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
            }
        };
        let mut found = Vec::new();
        for table in self.texts(tables).await {
            let holds = match self.kind {
                Kind::Sqlite => {
                    let columns = format!("SELECT name FROM pragma_table_info('{table}')");
                    let columns = self.texts(&columns).await;
                    let holds = columns
                        .iter()
                        .map(|column| format!("CAST({column} AS text) LIKE '%{text}%'"));
                    holds.collect::<Vec<_>>().join(" OR ")
                }
                // A row cast to text shows bytes as hexadecimal digits.
                Kind::Postgres => {
                    let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                    format!("{table}::text LIKE '%{text}%' OR {table}::text LIKE '%{bytes}%'")
                }
            };
            if self
                .count(&format!("SELECT COUNT(*) FROM {table} WHERE {holds}"))
                .await
                > 0
            {
                found.push(table);
            }
        }
        found
    }

    /// The whole database as SQL, as an operator would search a backup.
    pub fn dump(&self) -> String {
        let mut command = match self.kind {
            Kind::Sqlite => {
                let mut command = Command::new("sqlite3");
                command.args([file_of(&self.url), ".dump"]);
                command
            }
            Kind::Postgres => {
                let mut command = Command::new("pg_dump");
                command.arg(&self.url);
                command
            }
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The address of the PostgreSQL server.
    pub fn server_address(&self) -> std::net::SocketAddr {
        let rest = self.url.split('@').nth(1).unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }

    /// Waits until at least this many connections to this PostgreSQL database wait for a lock.
    pub async fn until_so_many_wait_for_a_lock(&self, waiting: i64) {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let begun = Instant::now();
        while begun.elapsed() < GIVE_UP_AFTER {
            if self.count(sql).await >= waiting {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("fewer than {waiting} wait for a lock");
    }

    /// Another connection, for a test that holds a lock.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// Another writing transaction, for a test that holds a lock. On SQLite it takes the write lock
    /// at once: a deferred transaction whose snapshot is outdated (for example by the relay) is
    /// refused without waiting.
    pub async fn begin(&self) -> DatabaseTransaction {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let connection = self.connect().await;
        connection.begin_with_options(options).await.unwrap()
    }

    /// Another transaction that keeps all others from changing this order: on PostgreSQL it locks
    /// the order's row, on SQLite the whole file.
    pub async fn hold(&self, order_id: &str) -> DatabaseTransaction {
        let held = self.begin().await;
        if self.kind == Kind::Postgres {
            let order = self.is_order(order_id);
            held.execute_unprepared(&format!("SELECT id FROM payments WHERE {order} FOR UPDATE"))
                .await
                .unwrap();
        }
        held
    }

    /// Waits until the query returns this number.
    pub async fn wait_for_count(&self, sql: &str, wanted: i64) {
        self.wait_for_count_within(GIVE_UP_AFTER, sql, wanted).await;
    }

    /// The same with another time limit, for changes that would also happen later by themselves.
    pub async fn wait_for_count_within(&self, limit: Duration, sql: &str, wanted: i64) {
        let mut seen = 0;
        let begun = Instant::now();
        while begun.elapsed() < limit {
            seen = self.count(sql).await;
            if seen == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{seen} instead of {wanted}: {sql}");
    }

    fn statement(&self, sql: &str) -> Statement {
        let backend = match self.kind {
            Kind::Sqlite => DbBackend::Sqlite,
            Kind::Postgres => DbBackend::Postgres,
        };
        Statement::from_string(backend, sql)
    }
}

async fn migrate(url: &str) {
    migration::up(url).await.unwrap();
}

/// The path in a URL of SQLite.
fn file_of(url: &str) -> &str {
    let file = url.trim_start_matches("sqlite://");
    file.split('?').next().unwrap()
}

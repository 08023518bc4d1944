//! The plans of queries, on both databases with filled tables. A query that scans a table of twenty
//! thousand rows is slow on one of ten million.
//!
//! PostgreSQL is named by `MALIPO_TEST_POSTGRES`, as `scripts/with-postgres` sets it.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tempfile::TempDir;

use super::templates::{connect, copy_file, copy_on_server, url_of};

/// A filled database.
pub(in crate::store) struct FilledDatabase {
    db: DatabaseConnection,
    _folder: Option<TempDir>,
}

impl FilledDatabase {
    /// Both databases, filled: 20,000 orders over 200 days, sold but for a hundred, each with
    /// its invoice, a delivery and, one in twenty, an alert; and as many printed vouchers, each
    /// used once.
    pub async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("malipo.db");
        let fill_file = async |url: &str| {
            fill(url, "strftime('%Y-%m-%dT%H:%M:%f+00:00', '2026-01-01', '+' || (i * 15) || ' minutes')",
                "randomblob(16)", "x''", "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n)").await;
        };
        copy_file("filled", &file, fill_file).await;
        Self {
            db: connect(&url_of(&file)).await,
            _folder: Some(folder),
        }
    }

    async fn postgres() -> Self {
        let fill_database = async |url: &str| {
            let at = "timestamptz '2026-01-01T00:00:00Z' + i * interval '15 minutes'";
            let numbers = "generate_series(1, 20000) AS n(i)";
            fill(url, at, "gen_random_uuid()", "''::bytea", numbers).await;
        };
        let url = copy_on_server("filled", fill_database).await;
        Self {
            db: connect(&url).await,
            _folder: None,
        }
    }

    pub fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    pub fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    /// The database's plan for a query.
    pub async fn plan(&self, query: &Statement) -> String {
        let (explain, column) = match self.backend() {
            DbBackend::Postgres => ("EXPLAIN", 0),
            _ => ("EXPLAIN QUERY PLAN", 3),
        };
        let mut asked = query.clone();
        asked.sql = format!("{explain} {}", query.sql);
        let rows = self.db.query_all_raw(asked).await.unwrap();
        let lines: Vec<String> = rows
            .iter()
            .map(|row| row.try_get_by_index(column).unwrap())
            .collect();
        lines.join("\n")
    }
}

async fn fill(url: &str, at: &str, id: &str, body: &str, numbers: &str) {
    migration::up(url).await.unwrap();
    let db = connect(url).await;
    let sold = "CASE WHEN i % 200 = 0 THEN 'PENDING' WHEN i % 200 = 1 THEN 'HELD' WHEN i % 200 = 2 THEN 'REFUNDED' ELSE 'COMPLETED' END";
    // FreeRADIUS writes seconds since 1970 on SQLite.
    let session = match db.get_database_backend() {
        DbBackend::Postgres => "created_at",
        _ => "CAST(strftime('%s', created_at) AS integer)",
    };
    let due = format!("CASE WHEN i % 200 < 2 OR i > 19900 THEN {at} END");
    let refunded = format!("CASE WHEN i % 200 = 2 THEN {at} END");
    for text in [
        format!("INSERT INTO customers (phone, orders_paid, total_paid, first_paid_at, last_paid_at) SELECT '255712345678', 1, 1, {at}, {at} FROM {numbers} WHERE i = 1"),
        format!("INSERT INTO payments (order_id, status, version, phone, language, package_id, package_code, package_name_sw, package_name_en, amount, currency, duration_minutes, validity, download_kbps, upload_kbps, shared_devices, webhook_secret, created_at, deadline_at, due_at, confirmed_at, refunded_at) SELECT {id}, {sold}, 1, '255712345678', 'sw', 2, 'daily', 'Siku', 'Day', 2000, 'TZS', 1440, 'purchase', 1, 1, 1, 's', {at}, {at}, {due}, {at}, {refunded} FROM {numbers}"),
        "INSERT INTO invoices (number, payment_id, customer_phone, package_code, description, amount, currency, issued_at) SELECT CAST(id AS text), id, phone, package_code, 'd', amount, 'TZS', created_at FROM payments".to_owned(),
        format!("INSERT INTO webhook_deliveries (order_id, outcome, proof, received_at, processing_ms, body) SELECT CAST(i AS text), CASE WHEN i % 500 = 0 THEN 'unknown_order' WHEN i % 500 = 1 THEN 'error' ELSE 'duplicate' END, 'key', {at}, 1.0, {body} FROM {numbers}"),
        "INSERT INTO order_events (order_id, at, kind, level, summary) SELECT order_id, created_at, 'second_charge', CASE WHEN id % 20 = 0 THEN 'alert' ELSE 'note' END, 's' FROM payments".to_owned(),
        "INSERT INTO sms_messages (payment_id, kind, phone, language, body, reference, state, due_at, created_at) SELECT id, 'voucher', phone, 'sw', 'b', CAST(id AS text), CASE WHEN id % 1000 = 0 THEN 'queued' WHEN id % 1000 = 1 THEN 'failed' WHEN id % 1000 = 2 THEN 'dead' ELSE 'sent' END, created_at, created_at FROM payments".to_owned(),
        "INSERT INTO voucher_batches (package_code, package_name, price, count, operator, created_at) SELECT 'daily', 'Day', 2000, 240, 'o', MIN(created_at) FROM payments".to_owned(),
        "INSERT INTO vouchers (code, batch_id, package_code, duration_minutes, validity, shared_devices, issued_at) SELECT 'C' || CAST(id AS text), 1, 'daily', 1440, 'first_login', 1, created_at FROM payments".to_owned(),
        format!("INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctstoptime) SELECT CAST(id AS text), CAST(id AS text), 'C' || CAST(id AS text), '10.0.0.1', {session}, CASE WHEN id % 1000 > 0 THEN {session} END FROM payments"),
        "ANALYZE".to_owned(),
    ] {
        db.execute_unprepared(&text).await.unwrap();
    }
    // A copy of a database with connections is refused, and one of a file would miss its log.
    db.close().await.unwrap();
}

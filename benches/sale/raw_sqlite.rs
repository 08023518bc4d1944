//! The baseline on SQLite: the statements of a sale in a bare loop, without server, actors or runtime,
//! with one or sixteen sales per transaction.

use std::time::Instant;

use chrono::{Duration, SecondsFormat, Utc};
use malipo::store::{SQLITE_CACHE_KIB, SQLITE_LOG_PAGES};
use rusqlite::{Connection, params};

use crate::common::Outcome;
use crate::common::database::{Database, Order, durable};
use crate::common::options::Kind;

/// The loop and its own database file.
pub struct RawLoop {
    database: Database,
    connection: Connection,
    orders: Vec<Order>,
    used: usize,
}

/// SQLite's cache size, checkpoint interval and temporary store.
#[derive(Clone, Copy)]
pub enum Settings {
    /// As set by `store/engine/connect.rs`.
    Server,
    /// SQLite's defaults.
    Sqlite,
}

impl RawLoop {
    /// Creates the database.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn prepare() -> Outcome<Self> {
        let database = Database::create(Kind::Sqlite, "raw")?;
        let file = database.file().ok_or("a SQLite database is a file")?;
        Ok(Self {
            connection: durable(&file)?,
            database,
            orders: Vec::new(),
            used: 0,
        })
    }

    /// Applies the server's settings or SQLite's defaults. Commits are durable with both.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn set(&self, settings: Settings) -> Outcome<()> {
        let (kib, pages, memory) = match settings {
            Settings::Server => (SQLITE_CACHE_KIB, SQLITE_LOG_PAGES, 2),
            Settings::Sqlite => (2_000, 1_000, 0),
        };
        self.connection.execute_batch(&format!(
            "PRAGMA cache_size = -{kib}; PRAGMA wal_autocheckpoint = {pages}; PRAGMA temp_store = {memory};"
        ))?;
        Ok(())
    }

    /// Runs the loop with `together` sales per transaction and returns the sales per second. `orders` is
    /// an upper bound for the sales of the run.
    ///
    /// # Errors
    /// SQLite's error.
    pub fn run(&mut self, together: usize, seconds: f64, orders: usize) -> Outcome<f64> {
        let waiting = self.orders.len() - self.used;
        if waiting < orders {
            self.orders.extend(self.database.place(orders - waiting)?);
        }
        let (began, first) = (Instant::now(), self.used);
        while began.elapsed().as_secs_f64() < seconds && self.used + together <= self.orders.len() {
            self.connection
                .prepare_cached("BEGIN IMMEDIATE")?
                .execute([])?;
            for order in &self.orders[self.used..self.used + together] {
                sell(&self.connection, order)?;
            }
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            self.used += together;
        }
        Ok((self.used - first) as f64 / began.elapsed().as_secs_f64())
    }
}

/// Runs the statements of one sale, which write the same rows as the server.
fn sell(db: &Connection, order: &Order) -> rusqlite::Result<()> {
    let stamp = |at: chrono::DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, false);
    #[expect(clippy::disallowed_methods, reason = "a baseline without a store")]
    let at = Utc::now();
    let (now, ends) = (stamp(at), stamp(at + Duration::days(1)));
    // Unique, and distributed over the index like a random code.
    let code = format!(
        "{:08}",
        order.row.wrapping_mul(2_654_435_761) % 4_294_967_296
    );
    let id = order.id.to_string();

    let phone: String = db
        .prepare_cached("UPDATE payments SET status = 'COMPLETED', version = version + 1, reference = ?2, confirmed_at = ?3, processed_at = ?3, due_at = ?4 WHERE id = ?1 AND version = 1 RETURNING phone")?
        .query_row(params![order.row, code, now, stamp(at + Duration::minutes(1))], |row| row.get(0))?;
    let write = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        db.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    write(
        "INSERT INTO customers (phone, name, orders_paid, total_paid, first_paid_at, last_paid_at) VALUES (?1, NULL, 1, 2000, ?2, ?2) ON CONFLICT (phone) DO UPDATE SET name = coalesce(excluded.name, customers.name), orders_paid = customers.orders_paid + 1, total_paid = customers.total_paid + excluded.total_paid, last_paid_at = excluded.last_paid_at",
        &[&phone, &now],
    )?;
    write(
        "INSERT INTO invoices (number, payment_id, customer_phone, customer_name, package_code, description, amount, currency, issued_at) VALUES (?1, ?2, ?3, NULL, 'daily', 'Siku moja', 2000, 'TZS', ?4)",
        &[
            &format!("INV-2026-{:07}", order.row),
            &order.row,
            &phone,
            &now,
        ],
    )?;
    write(
        "INSERT INTO vouchers (code, payment_id, package_code, duration_minutes, validity, data_limit_mb, shared_devices, issued_at, expires_at) VALUES (?1, ?2, 'daily', 1440, 'purchase', NULL, 1, ?3, ?4)",
        &[&code, &order.row, &now, &ends],
    )?;
    write(
        "INSERT INTO radcheck (username, attribute, op, value) VALUES (?1, 'Cleartext-Password', ':=', ?1), (?1, 'Simultaneous-Use', ':=', '1'), (?1, 'Expiration', ':=', ?2)",
        &[&code, &at.timestamp().to_string()],
    )?;
    write(
        "INSERT INTO radreply (username, attribute, op, value) VALUES (?1, 'Mikrotik-Rate-Limit', ':=', '2048k/5120k'), (?1, 'WISPr-Bandwidth-Max-Up', ':=', '2048000'), (?1, 'WISPr-Bandwidth-Max-Down', ':=', '5120000')",
        &[&code],
    )?;
    write(
        "INSERT INTO radusergroup (username, groupname, priority) VALUES (?1, 'daily', 1)",
        &[&code],
    )?;
    write(
        "INSERT INTO sms_messages (payment_id, kind, phone, language, body, reference, state, attempts, due_at, created_at, parts) VALUES (?1, 'voucher', ?2, 'sw', ?3, ?4, 'queued', 0, ?5, ?5, 1)",
        &[
            &order.row,
            &phone,
            &format!(
                "malipo: Malipo yamepokelewa. Vocha yako ni {code}. Kifurushi: Siku moja. Mwisho: 25/11/2026 17:20. http://127.0.0.1:44885/v/7QWK8iP5NIzqlcltHwD9Wd"
            ),
            &format!("{}-voucher", order.row),
            &now,
        ],
    )?;
    write("INSERT INTO webhook_deliveries (order_id, outcome, proof, source, word, reference, amount, received_at, processing_ms, content_type, body) VALUES (?1, 'completed', 'key', 'webhook', 'COMPLETED', ?2, NULL, ?3, 1.5, 'application/json', ?4)",
        &[&id, &code, &now,
          &format!(r#"{{"order_id":"{id}","payment_status":"COMPLETED","reference":"{code}","metadata":{{"product_id":"12345"}}}}"#).into_bytes()])
}

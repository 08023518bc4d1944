//! A sandbox's database that is taken into live mode: what its simulated payments gave away is taken back.
//!
//! A database is a sandbox's while it has payments of the simulated ZenoPay, whoever wrote them: a sandbox of
//! an earlier version, or the drill. An order was simulated if one of them has its webhook URL: the simulated
//! ZenoPay takes any order id from anybody, but only our own checkout knows the secret in the URL.
//!
//! # Invariants
//! - Afterwards no simulated payment is money in any report: it is CANCELLED, without an amount, an invoice or
//!   a time of payment. What an operator has done to it stays in the audit log.
//! - Its voucher opens nothing, and its webhook secret, which the sandbox has shown, proves nothing.
//! - All of it is one transaction, with a line in the audit log.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};

use super::engine::sql;
use super::error::Result;
use super::modes;
use super::operators::audit_log;
use super::outbox::sessions_to_end::queue_sessions_of;
use super::{AuditEntry, Store};

/// The reason of a revoked voucher and of its Disconnect-Requests.
const WHY: &str = "sandbox";

/// What was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Simulated payments that are orders here.
    pub payments: u64,
    /// Vouchers that were still valid.
    pub vouchers: u64,
}

impl Store {
    /// How many payments the simulated ZenoPay has made in this database.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn simulated_payments(&self) -> Result<i64> {
        let count = "SELECT COUNT(*) FROM sandbox_payments";
        Ok(sql::tuple(&self.db(), count, []).await?.unwrap_or(0))
    }

    /// Makes a sandbox's database one of live mode.
    ///
    /// # Errors
    /// As `Store::transaction`; nothing is changed.
    pub async fn adopt_sandbox(&self, operator: &'static str) -> Result<Adopted> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                let simulated = Simulated::of(txn.get_database_backend());
                queue_sessions_of(txn, &simulated.vouchers(), WHY, now).await?;
                let vouchers = revoke(txn, &simulated, now).await?;
                forget_sales(txn, &simulated).await?;
                let payments = cancel(txn, &simulated, now).await?;
                for table in ["sandbox_webhooks", "sandbox_payments", "sandbox_switches"] {
                    sql::execute(txn, &format!("DELETE FROM {table}"), []).await?;
                }
                let entry = AuditEntry {
                    operator: operator.to_owned(),
                    action: "adopt-sandbox",
                    order_id: None,
                    subject: "database".to_owned(),
                    detail: Some(format!("{payments} payments, {vouchers} valid vouchers")),
                };
                audit_log::insert(txn, &entry, now).await?;
                modes::mark(txn, now).await?;
                Ok(Adopted { payments, vouchers })
            })
        })
        .await
    }
}

/// Queries that find what belongs to simulated payments.
struct Simulated {
    backend: DbBackend,
    /// The order ids.
    orders: &'static str,
}

impl Simulated {
    fn of(backend: DbBackend) -> Self {
        let orders = match backend {
            DbBackend::Postgres => {
                "SELECT o.order_id FROM sandbox_payments s JOIN payments o \
                 ON CAST(o.order_id AS text) = s.order_id \
                 WHERE s.webhook_url LIKE '%.' || o.webhook_secret"
            }
            _ => {
                "SELECT o.order_id FROM sandbox_payments s JOIN payments o \
                 ON o.order_id = unhex(replace(s.order_id, '-', '')) \
                 WHERE s.webhook_url LIKE '%.' || o.webhook_secret"
            }
        };
        Self { backend, orders }
    }

    /// The rows of their payments, by these columns.
    fn payments(&self, columns: &str) -> String {
        let orders = self.orders;
        format!("SELECT {columns} FROM payments WHERE order_id IN ({orders})")
    }

    /// Their vouchers, also those whose code was replaced: `code` and `order_id`.
    fn vouchers(&self) -> String {
        let payments = self.payments("id, order_id");
        format!(
            "SELECT v.code, p.order_id FROM ({payments}) p \
             JOIN vouchers v ON COALESCE(v.payment_id, v.former_payment_id) = p.id"
        )
    }

    /// A fresh secret of 128 bits.
    fn secret(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => "replace(CAST(gen_random_uuid() AS text), '-', '')",
            _ => "lower(hex(randomblob(16)))",
        }
    }
}

/// Closes the codes, and returns how many vouchers were still valid.
async fn revoke(
    txn: &DatabaseTransaction,
    simulated: &Simulated,
    now: DateTime<Utc>,
) -> Result<u64> {
    let codes = format!("SELECT s.code FROM ({}) s", simulated.vouchers());
    for table in ["radcheck", "radreply", "radusergroup"] {
        let delete = format!("DELETE FROM {table} WHERE username IN ({codes})");
        sql::execute(txn, &delete, []).await?;
    }
    let valid = format!(
        "SELECT COUNT(*) FROM vouchers WHERE code IN ({codes}) AND revoked_at IS NULL \
         AND (expires_at IS NULL OR expires_at > $1)"
    );
    let valid: Option<i64> = sql::tuple(txn, &valid, [now.into()]).await?;
    let revoke = format!(
        "UPDATE vouchers SET revoked_at = $1, revoked_reason = $2 \
         WHERE code IN ({codes}) AND revoked_at IS NULL"
    );
    sql::execute(txn, &revoke, [now.into(), WHY.into()]).await?;
    let unsent = format!(
        "UPDATE sms_messages SET state = 'dead', last_error = 'dropped: the payment was simulated' \
         WHERE state IN ('queued', 'failed') AND payment_id IN ({})",
        simulated.payments("id")
    );
    sql::execute(txn, &unsent, []).await?;
    Ok(valid.unwrap_or(0).unsigned_abs())
}

/// Takes the sales out of what reports and sums read.
async fn forget_sales(txn: &DatabaseTransaction, simulated: &Simulated) -> Result<()> {
    let (ids, phones) = (simulated.payments("id"), simulated.payments("phone"));
    let orders = simulated.orders;
    for forget in [
        format!("DELETE FROM invoices WHERE payment_id IN ({ids})"),
        format!(
            "UPDATE customers SET \
             orders_paid = (SELECT COUNT(*) FROM invoices i WHERE i.customer_phone = customers.phone), \
             total_paid = (SELECT COALESCE(SUM(i.amount), 0) FROM invoices i \
                 WHERE i.customer_phone = customers.phone) WHERE phone IN ({phones})"
        ),
        format!("DELETE FROM customers WHERE orders_paid = 0 AND phone IN ({phones})"),
        // Nothing is to be done about them any more.
        format!(
            "UPDATE order_events SET level = 'note' WHERE level = 'alert' AND order_id IN ({orders})"
        ),
        "UPDATE webhook_deliveries SET word = NULL WHERE outcome IN ('error', 'unconfirmed') \
         AND order_id IN (SELECT order_id FROM sandbox_payments)"
            .to_owned(),
    ] {
        sql::execute(txn, &forget, []).await?;
    }
    Ok(())
}

/// Cancels the payments, and says so in the timeline of each.
async fn cancel(
    txn: &DatabaseTransaction,
    simulated: &Simulated,
    now: DateTime<Utc>,
) -> Result<u64> {
    let remark = format!(
        "INSERT INTO order_events (order_id, at, kind, level, summary) {}",
        simulated.payments(
            "order_id, $1, 'adopted', 'note', \
             'the payment was simulated: it is cancelled, because this database is in live mode now'"
        )
    );
    let remark = match simulated.backend {
        // The type of a selected parameter is not inferred.
        DbBackend::Postgres => remark.replace("$1", "CAST($1 AS timestamptz)"),
        _ => remark,
    };
    sql::execute(txn, &remark, [now.into()]).await?;
    let cancel = format!(
        "UPDATE payments SET status = 'CANCELLED', version = version + 1, failure_reason = 'cancelled', \
         gateway_word = 'SANDBOX', due_at = NULL, paid_amount = NULL, confirmed_at = NULL, \
         gateway_confirmed_at = NULL, refunded_at = NULL, webhook_secret = {} \
         WHERE order_id IN ({})",
        simulated.secret(),
        simulated.orders
    );
    sql::execute(txn, &cancel, []).await
}

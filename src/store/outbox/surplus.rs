//! Devices over the limit of their voucher: FreeRADIUS counts the devices that routers have reported, so phones
//! that log in at the same moment are all accepted.

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;

use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::outbox::sessions_to_end::queue_found;

/// Sessions of devices that came after the voucher was full and are not queued yet. As for FreeRADIUS, a session
/// counts that was reported after `value`.
fn surplus(backend: DbBackend, value: &str) -> String {
    let since = match backend {
        DbBackend::Postgres => format!("CAST({value} AS timestamptz)"),
        _ => format!("CAST({value} AS integer)"),
    };
    format!(
        "WITH devices AS (SELECT username, callingstationid, MIN(radacctid) AS first FROM radacct \
            WHERE acctstoptime IS NULL AND callingstationid <> '' \
            AND COALESCE(acctupdatetime, acctstarttime) > {since} \
            GROUP BY username, callingstationid), \
         ranked AS (SELECT username, callingstationid, \
            ROW_NUMBER() OVER (PARTITION BY username ORDER BY first) AS place FROM devices) \
         SELECT a.radacctid AS id, p.order_id AS order_id FROM ranked r \
         JOIN vouchers v ON v.code = r.username AND r.place > v.shared_devices \
         JOIN radacct a ON a.username = r.username AND a.callingstationid = r.callingstationid \
         LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
         WHERE a.acctstoptime IS NULL AND a.acctsessionid <> '' \
         AND NOT EXISTS (SELECT 1 FROM outbox_messages o \
            WHERE o.reference = 'disconnect-' || a.acctuniqueid)"
    )
}

impl Store {
    /// Queues the sessions of devices over the limit of their voucher; the devices that came first stay. Returns
    /// the number of sessions.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn queue_surplus(&self, now: DateTime<Utc>) -> Result<u64> {
        let since = self.session_time(now - self.silence().await?);
        // Read first: on SQLite even a write that finds nothing blocks FreeRADIUS.
        let look = format!(
            "SELECT id FROM ({}) s LIMIT 1",
            surplus(self.backend(), "$1")
        );
        let found: Option<i64> = sql::tuple(&self.db(), &look, [since.clone()]).await?;
        if found.is_none() {
            return Ok(0);
        }
        let found = surplus(self.backend(), "$4");
        self.transaction(move |txn| {
            Box::pin(async move { queue_found(txn, &found, since, now).await })
        })
        .await
    }
}

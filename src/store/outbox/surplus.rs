//! Devices over the limit of their voucher: FreeRADIUS counts the devices that routers have reported, so phones
//! that log in at the same moment are all accepted.

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;

use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::outbox::sessions_to_end::{AGAIN_AFTER, SESSIONS_MAX, is_asked, queue_found};

/// Sessions of devices that came after the voucher was full and are not queued yet; `before` is the time of
/// [`is_asked`]. As for FreeRADIUS, a session counts that was reported after `value`. Nearly every voucher has one device on-line, so those that have more
/// are found in an index of the open sessions alone.
fn surplus(backend: DbBackend, value: &str, before: &str) -> String {
    let is_asked = is_asked("s.acctuniqueid", before);
    let (since, open_devices) = match backend {
        DbBackend::Postgres => (format!("CAST({value} AS timestamptz)"), ""),
        _ => (
            format!("CAST({value} AS integer)"),
            "INDEXED BY radacct_open_devices",
        ),
    };
    format!(
        "WITH crowded AS (SELECT username FROM radacct {open_devices} \
            WHERE acctstoptime IS NULL AND callingstationid <> '' \
            GROUP BY username HAVING MIN(callingstationid) < MAX(callingstationid)), \
         devices AS (SELECT a.username, a.callingstationid, MIN(a.radacctid) AS first \
            FROM crowded c CROSS JOIN radacct a \
            WHERE a.username = c.username AND a.acctstoptime IS NULL AND a.callingstationid <> '' \
            AND COALESCE(a.acctupdatetime, a.acctstarttime) > {since} \
            GROUP BY a.username, a.callingstationid), \
         ranked AS (SELECT username, callingstationid, \
            ROW_NUMBER() OVER (PARTITION BY username ORDER BY first) AS place FROM devices), \
         surplus AS (SELECT a.radacctid AS id, a.acctuniqueid, p.order_id, ROW_NUMBER() \
            OVER (PARTITION BY a.username, a.packetsource ORDER BY a.radacctid) AS place FROM ranked r \
         JOIN vouchers v ON v.code = r.username AND r.place > v.shared_devices \
         JOIN radacct a ON a.username = r.username AND a.callingstationid = r.callingstationid \
         LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
         WHERE a.acctstoptime IS NULL AND a.acctsessionid <> '') \
         SELECT s.id AS id, s.order_id AS order_id FROM surplus s \
         WHERE s.place <= {SESSIONS_MAX} AND NOT {is_asked}"
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
            surplus(self.backend(), "$1", "$2")
        );
        let values = [since.clone(), (now - AGAIN_AFTER).into()];
        let found: Option<i64> = sql::tuple(&self.db(), &look, values).await?;
        if found.is_none() {
            return Ok(0);
        }
        let found = surplus(self.backend(), "$5", "$4");
        let reason = "too many devices";
        self.transaction(move |txn| {
            Box::pin(async move { queue_found(txn, &found, reason, since, now).await })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Statement;

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn vouchers_with_several_devices_are_found_in_an_index_of_the_open_sessions() {
        for database in FilledDatabase::both().await {
            let backend = database.backend();
            let value = match backend {
                DbBackend::Postgres => "'2026-01-01T00:00:00Z'",
                _ => "1767225600",
            };
            let query = Statement::from_string(backend, surplus(backend, value, value));

            let plan = database.plan(&query).await;

            let scans = ["Seq Scan on radacct", "SCAN radacct USING INDEX", "SCAN a"];
            let is_scan = |line: &str| scans.iter().any(|it| line.contains(it));
            assert!(!plan.lines().any(is_scan), "{plan}");
            assert!(plan.contains("radacct_open_devices"), "{plan}");
            if backend == DbBackend::Sqlite {
                let scan = "SCAN radacct USING COVERING INDEX radacct_open_devices";
                assert!(plan.contains(scan), "{plan}");
            }
        }
    }
}

//! Sessions of vouchers that have ended: their time or their data is used up, or they were revoked while a
//! guest was just logging in.

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;

use crate::domain::order::OrderId;
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::outbox::sessions_to_end::{AGAIN_AFTER, SESSIONS_MAX, is_asked, queue_found};
use crate::store::radius::sessions::epoch;

/// Sessions to end, by what three values are: the time, the same in seconds since 1970, and the time before
/// which a request that had no effect was answered. Data counts as for FreeRADIUS: of all sessions, also of
/// the codes that this one replaced.
fn ended(backend: DbBackend, [now, secs, before]: [&str; 3], limit: u64) -> String {
    let first_login = epoch(backend, "MIN(f.acctstarttime)");
    let is_asked = is_asked("a.acctuniqueid", before);
    format!(
        "WITH ended AS (SELECT a.radacctid AS id, a.acctuniqueid, p.order_id, \
            ROW_NUMBER() OVER (PARTITION BY a.username, a.packetsource ORDER BY a.radacctid) AS place \
            FROM radacct a JOIN vouchers v ON v.code = a.username \
            LEFT JOIN payments p ON p.id = COALESCE(v.payment_id, v.former_payment_id) \
            WHERE a.acctstoptime IS NULL AND a.acctsessionid <> '' \
            AND (v.revoked_at IS NOT NULL OR v.expires_at <= {now} \
                OR (v.validity = 'first_login' AND v.duration_minutes * 60 + \
                    (SELECT {first_login} FROM radacct f WHERE f.username = v.code) <= {secs}) \
                OR v.data_limit_mb * 1048576.0 <= (SELECT SUM(1.0 * COALESCE(f.acctinputoctets, 0) \
                    + COALESCE(f.acctoutputoctets, 0)) FROM radacct f WHERE f.username IN \
                    (SELECT v.code UNION ALL SELECT o.code FROM vouchers o \
                    WHERE o.former_payment_id = v.payment_id)))) \
         SELECT a.id AS id, a.order_id AS order_id FROM ended a \
         WHERE a.place <= {SESSIONS_MAX} AND NOT {is_asked} LIMIT {limit}"
    )
}

impl Store {
    /// Queues the open sessions of vouchers that have ended. Returns the number of sessions.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn queue_ended(&self, now: DateTime<Utc>, limit: u64) -> Result<u64> {
        let (backend, secs) = (self.backend(), now.timestamp());
        // Read first: on SQLite even a write that finds nothing blocks FreeRADIUS.
        let look = ended(backend, ["$1", "$2", "$3"], 1);
        let values = [now.into(), secs.into(), (now - AGAIN_AFTER).into()];
        let found: Option<(i64, Option<OrderId>)> = sql::tuple(&self.db(), &look, values).await?;
        if found.is_none() {
            return Ok(0);
        }
        let found = ended(backend, ["$2", "$5", "$4"], limit);
        self.transaction(move |txn| {
            Box::pin(async move { queue_found(txn, &found, "ended", secs.into(), now).await })
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
    async fn ended_vouchers_are_found_among_the_open_sessions() {
        for database in FilledDatabase::both().await {
            let backend = database.backend();
            let time = match backend {
                DbBackend::Postgres => "'2026-01-01T00:00:00Z'",
                _ => "'2026-01-01T00:00:00+00:00'",
            };
            let query =
                Statement::from_string(backend, ended(backend, [time, "1767225600", time], 500));

            let plan = database.plan(&query).await;

            let scans = ["Seq Scan on radacct", "SCAN v", "SCAN f", "SCAN o"];
            let is_scan = |line: &str| scans.iter().any(|it| line.contains(it));
            assert!(!plan.lines().any(is_scan), "{plan}");
        }
    }
}

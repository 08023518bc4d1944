//! What routers report of their sessions, and which of them let guests in without reporting any.
//!
//! FreeRADIUS writes a row when it accepts a code for the first time (see `deploy/freeradius`), so a
//! router that never accounts is seen by its accepts.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DbBackend, Value};

use super::sessions::{FIRST_ACCEPT, epoch};
use crate::domain::access::{FirstAccept, UnaccountedRouter};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// A router reports a session's beginning at once, and the session itself every five minutes. After
/// three reports that did not come, none is expected.
const REPORTED_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// Older accepts are not considered.
const ACCEPTED_WITHIN: TimeDelta = TimeDelta::days(1);
/// The newest accepts, so that the look is cheap.
const ACCEPTS: u64 = 200;

/// When each router last reported a session, in seconds since 1970: sessions that are open or began
/// since `$1`.
fn last_reports(backend: DbBackend) -> String {
    let router = router(backend);
    let at = epoch(
        backend,
        "COALESCE(acctupdatetime, acctstoptime, acctstarttime)",
    );
    format!(
        "SELECT router, MAX(at) FROM (SELECT {router} AS router, {at} AS at FROM radacct \
         WHERE acctstarttime >= $1 AND COALESCE(acctterminatecause, '') <> '{FIRST_ACCEPT}' \
         UNION ALL SELECT {router}, {at} FROM radacct WHERE acctstoptime IS NULL) AS reports \
         GROUP BY router"
    )
}

/// Codes that were accepted for the first time between `$1` and `$2`, newest first.
fn first_accepts(backend: DbBackend) -> String {
    let router = router(backend);
    let at = epoch(backend, "a.acctstarttime");
    format!(
        "SELECT {router}, COALESCE(a.nasidentifier, ''), \
         COALESCE((SELECT n.shortname FROM nas n WHERE n.nasname = a.packetsource \
             ORDER BY n.id DESC LIMIT 1), {router}), CAST({at} AS bigint), \
         EXISTS (SELECT 1 FROM radacct s WHERE s.username = a.username \
             AND s.radacctid <> a.radacctid) \
         FROM radacct a WHERE a.acctterminatecause = '{FIRST_ACCEPT}' \
         AND a.acctstarttime >= $1 AND a.acctstarttime < $2 \
         ORDER BY a.acctstarttime DESC LIMIT {ACCEPTS}"
    )
}

/// Where packets of a session come from; what the router says if the session is older than that column.
fn router(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "COALESCE(packetsource, host(nasipaddress))",
        _ => "COALESCE(packetsource, nasipaddress)",
    }
}

/// Whether a router, by its address `$1` and its own name `$2`, has a session that is open or began
/// since `$3`.
fn reports(backend: DbBackend) -> String {
    let router = router(backend);
    format!(
        "SELECT 1 FROM radacct WHERE {router} = $1 AND COALESCE(nasidentifier, $2) = $2 \
         AND COALESCE(acctterminatecause, '') <> '{FIRST_ACCEPT}' \
         AND (acctstarttime >= $3 OR acctstoptime IS NULL) LIMIT 1"
    )
}

impl Store {
    /// When each router last reported a session, by the address that its packets come from, if a
    /// session is open or began since `since`.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn last_accounting(&self, since: DateTime<Utc>) -> Result<Vec<(String, i64)>> {
        let query = last_reports(self.backend());
        sql::tuples(&self.db(), &query, [self.session_time(since)]).await
    }

    /// Routers that have let codes in for the first time in the last day, at least fifteen minutes ago,
    /// and have reported no session since.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn unaccounted_routers(&self, now: DateTime<Utc>) -> Result<Vec<UnaccountedRouter>> {
        let (from, to) = (now - ACCEPTED_WITHIN, now - REPORTED_WITHIN);
        let query = first_accepts(self.backend());
        let values = [self.session_time(from), self.session_time(to)];
        let found: Vec<(String, String, String, i64, bool)> =
            sql::tuples(&self.db(), &query, values).await?;
        let accepts = found.into_iter().map(|row| {
            let (address, identifier, name, at, is_accounted) = row;
            FirstAccept {
                address,
                identifier,
                name,
                at,
                is_accounted,
            }
        });
        let mut routers = Vec::new();
        for router in UnaccountedRouter::all(accepts.collect()) {
            if router.are_several() || !self.reports_since(&router).await? {
                routers.push(router);
            }
        }
        Ok(routers)
    }

    async fn reports_since(&self, router: &UnaccountedRouter) -> Result<bool> {
        let since = DateTime::from_timestamp(router.since, 0).unwrap_or_default();
        let values = [
            router.last.address.as_str().into(),
            router.last.identifier.as_str().into(),
            self.session_time(since),
        ];
        let found: Option<i32> = sql::tuple(&self.db(), &reports(self.backend()), values).await?;
        Ok(found.is_some())
    }

    /// A time as FreeRADIUS writes it.
    pub(in crate::store) fn session_time(&self, at: DateTime<Utc>) -> Value {
        match self.backend() {
            DbBackend::Postgres => at.into(),
            _ => at.timestamp().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::Statement;

    use super::*;
    use crate::store::engine::tests::plans::FilledDatabase;

    #[tokio::test]
    async fn accounting_is_found_by_index() {
        for database in FilledDatabase::both().await {
            let backend = database.backend();
            let time = |text: &str| {
                let at: DateTime<Utc> = text.parse().unwrap();
                match backend {
                    DbBackend::Postgres => Value::from(at),
                    _ => at.timestamp().into(),
                }
            };
            let (from, to) = (time("2026-07-27T21:00:00Z"), time("2026-07-28T21:00:00Z"));
            let accepts = first_accepts(backend);
            let accepts = Statement::from_sql_and_values(backend, accepts, [from.clone(), to]);
            let reports = last_reports(backend);
            let reports = Statement::from_sql_and_values(backend, reports, [from]);

            let plan = database.plan(&accepts).await;
            assert!(plan.contains("radacct_first_accepts"), "{plan}");
            let plans = [plan, database.plan(&reports).await];

            for plan in plans {
                let wholes = [
                    "Seq Scan on radacct",
                    "SCAN radacct\n",
                    "SCAN a\n",
                    "SCAN s\n",
                ];
                let plan = format!("{plan}\n");
                assert!(wholes.iter().all(|whole| !plan.contains(whole)), "{plan}");
            }
        }
    }
}

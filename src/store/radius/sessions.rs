//! Sessions as routers report them, in FreeRADIUS's table `radacct`.
//!
//! FreeRADIUS writes that table; we only close sessions that no router reports any more. Its times are
//! seconds since 1970 on SQLite and timestamps on PostgreSQL, hence two texts where time is
//! compared.

use core::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbBackend;

use crate::domain::access::{Allowance, Usage, VoucherCode};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{Store, rows};

/// User names of a voucher's sessions: its code `$1`, and the codes that it replaced.
const NAMES: &str = "SELECT CAST($1 AS text) UNION ALL \
     SELECT f.code FROM vouchers v JOIN vouchers f ON f.former_payment_id = v.payment_id \
     WHERE v.code = $1";

/// How FreeRADIUS marks the first Accept of a code: a row without duration, which starts the code's time
/// also if its router reports no session.
pub const FIRST_ACCEPT: &str = "Accept";

/// `Acct-Interim-Interval` of a package that does not set it.
const INTERIM_SECS: i64 = 300;
/// A session is over when its router has not reported it for so many intervals.
const SILENT_INTERVALS: i64 = 3;

impl Store {
    /// What the voucher with this code gives, and how much of it is used; `None` if there is no such
    /// voucher.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn voucher_usage(&self, code: &VoucherCode) -> Result<Option<(Allowance, Usage)>> {
        let found = sql::model(&self.db(), "WHERE code = $1", [code.as_str().into()]).await?;
        let Some(row) = found else { return Ok(None) };
        Ok(Some((
            rows::allowance(&row)?,
            self.usage(code.as_str()).await?,
        )))
    }

    /// What routers have reported of this code.
    pub(in crate::store) async fn usage(&self, code: &str) -> Result<Usage> {
        let first = epoch(self.backend(), "MIN(acctstarttime)");
        let query = format!(
            "SELECT {first}, CAST(COALESCE(SUM(COALESCE(acctinputoctets, 0) + \
             COALESCE(acctoutputoctets, 0)), 0) AS bigint), \
             COUNT(CASE WHEN acctstoptime IS NULL THEN 1 END) \
             FROM radacct WHERE username IN ({NAMES})"
        );
        let found = sql::tuple(&self.db(), &query, [code.into()]).await?;
        let used = |(first, octets, online): (Option<i64>, i64, i64)| Usage {
            first_login_at: first.and_then(|secs| DateTime::from_timestamp(secs, 0)),
            octets: u64::try_from(octets).unwrap_or(0),
            devices_online: u32::try_from(online).unwrap_or(0),
        };
        Ok(found.map(used).unwrap_or_default())
    }

    /// The voucher with which the device at this address of the hotspot is online.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn online_at(&self, device: IpAddr) -> Result<Option<VoucherCode>> {
        let address = match self.backend() {
            DbBackend::Postgres => "host(framedipaddress)",
            _ => "framedipaddress",
        };
        let query = format!(
            "SELECT username FROM radacct WHERE acctstoptime IS NULL AND {address} = $1 \
             AND username IS NOT NULL ORDER BY radacctid DESC LIMIT 1"
        );
        sql::tuple(&self.db(), &query, [device.to_string().into()]).await
    }

    /// Closes sessions that their router has not reported for three intervals, as of its last
    /// report. Any number of processes may do it at once. Returns the number of sessions.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn close_silent_sessions(&self, now: DateTime<Utc>) -> Result<u64> {
        let silent_since = now - self.silence().await?;
        let limit = self.session_time(silent_since);
        // Read first: on SQLite even a write that finds nothing blocks FreeRADIUS.
        let look = "SELECT 1 FROM radacct WHERE acctstoptime IS NULL \
             AND COALESCE(acctupdatetime, acctstarttime) < $1 LIMIT 1";
        let is_any: Option<i32> = sql::tuple(&self.db(), look, [limit.clone()]).await?;
        if is_any.is_none() {
            return Ok(0);
        }
        // FreeRADIUS opens one again when the router reports it after all (see
        // `deploy/freeradius/radiusd.conf`).
        let close = "UPDATE radacct SET acctstoptime = COALESCE(acctupdatetime, acctstarttime), \
             acctterminatecause = 'Silent' WHERE acctstoptime IS NULL \
             AND COALESCE(acctupdatetime, acctstarttime) < $1";
        self.execute(close, [limit]).await
    }

    /// Three times the longest interval that a package sets.
    async fn silence(&self) -> Result<TimeDelta> {
        let intervals = "SELECT value FROM radgroupreply WHERE attribute = 'Acct-Interim-Interval'";
        let intervals: Vec<String> = sql::tuples(&self.db(), intervals, []).await?;
        let secs = |text: &String| text.trim().parse::<i64>().ok();
        let longest = intervals.iter().filter_map(secs).max();
        // A wrong value in the table must not end all sessions.
        let secs = longest.unwrap_or(0).clamp(INTERIM_SECS, 86_400);
        Ok(TimeDelta::seconds(secs * SILENT_INTERVALS))
    }
}

/// A time of `radacct` in seconds since 1970.
pub fn epoch(backend: DbBackend, time: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("CAST(EXTRACT(EPOCH FROM {time}) AS bigint)"),
        _ => time.to_owned(),
    }
}

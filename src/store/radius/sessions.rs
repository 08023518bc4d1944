//! Sessions as routers report them, in FreeRADIUS's table `radacct`.
//!
//! FreeRADIUS writes that table; we only close sessions that no router reports any more. Its times are
//! seconds since 1970 on SQLite and timestamps on PostgreSQL, hence two texts where time is
//! compared.

use core::net::IpAddr;
use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbBackend;

use crate::domain::access::{Allowance, DeviceMac, Usage, VoucherCode};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{Store, rows};

/// User names of a voucher's sessions: its code `$1`, and the codes that it replaced.
pub(super) const NAMES: &str = "SELECT CAST($1 AS text) UNION ALL \
     SELECT f.code FROM vouchers v JOIN vouchers f ON f.former_payment_id = v.payment_id \
     WHERE v.code = $1";

/// The condition for a row of `vouchers` that no guest has logged in with.
pub const IS_UNUSED: &str = "NOT EXISTS (SELECT 1 FROM radacct a WHERE a.username = vouchers.code)";

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
        let used = used(self.backend());
        let query = format!("SELECT {used} FROM radacct WHERE username IN ({NAMES})");
        let found = sql::tuple(&self.db(), &query, [code.into()]).await?;
        Ok(found.map(usage).unwrap_or_default())
    }

    /// The same of each card of a batch that was used, by its code. A printed code is never replaced.
    pub(in crate::store) async fn usage_of_batch(&self, id: i64) -> Result<HashMap<String, Usage>> {
        let used = used(self.backend());
        let query = format!(
            "SELECT username, {used} FROM radacct \
             WHERE username IN (SELECT code FROM vouchers WHERE batch_id = $1) GROUP BY username"
        );
        let found: Vec<(String, Option<i64>, i64, i64)> =
            sql::tuples(&self.db(), &query, [id.into()]).await?;
        let by_code = |(code, first, octets, online)| (code, usage((first, octets, online)));
        Ok(found.into_iter().map(by_code).collect())
    }

    /// Whether a router has reported a session of this voucher by this device.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn was_used_by(&self, code: &VoucherCode, device: &DeviceMac) -> Result<bool> {
        let query = format!(
            "SELECT DISTINCT callingstationid FROM radacct WHERE username IN ({NAMES}) \
             AND callingstationid IS NOT NULL"
        );
        let stations: Vec<String> = sql::tuples(&self.db(), &query, [code.as_str().into()]).await?;
        // Routers spell addresses differently.
        let is_this = |station: &String| DeviceMac::read(station).as_ref() == Ok(device);
        Ok(stations.iter().any(is_this))
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
    pub(in crate::store) async fn silence(&self) -> Result<TimeDelta> {
        let intervals = "SELECT value FROM radgroupreply WHERE attribute = 'Acct-Interim-Interval'";
        let intervals: Vec<String> = sql::tuples(&self.db(), intervals, []).await?;
        let secs = |text: &String| text.trim().parse::<i64>().ok();
        let longest = intervals.iter().filter_map(secs).max();
        // A wrong value in the table must not end all sessions.
        let secs = longest.unwrap_or(0).clamp(INTERIM_SECS, 86_400);
        Ok(TimeDelta::seconds(secs * SILENT_INTERVALS))
    }
}

/// The columns of a [`Usage`], over rows of `radacct`.
fn used(backend: DbBackend) -> String {
    let first = epoch(backend, "MIN(acctstarttime)");
    // A router's counters may be anything: their sum must fit.
    let octets = match backend {
        DbBackend::Postgres => {
            "CAST(LEAST(COALESCE(SUM(CAST(COALESCE(acctinputoctets, 0) AS numeric) + \
             COALESCE(acctoutputoctets, 0)), 0), 9000000000000000000) AS bigint)"
        }
        _ => "CAST(MIN(TOTAL(acctinputoctets) + TOTAL(acctoutputoctets), 9e18) AS integer)",
    };
    format!(
        "{first}, {octets}, \
         COUNT(CASE WHEN acctstoptime IS NULL THEN 1 END)"
    )
}

fn usage((first, octets, online): (Option<i64>, i64, i64)) -> Usage {
    Usage {
        first_login_at: first.and_then(|secs| DateTime::from_timestamp(secs, 0)),
        octets: u64::try_from(octets).unwrap_or(0),
        devices_online: u32::try_from(online).unwrap_or(0),
    }
}

/// A time of `radacct` in seconds since 1970.
pub fn epoch(backend: DbBackend, time: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("CAST(EXTRACT(EPOCH FROM {time}) AS bigint)"),
        _ => time.to_owned(),
    }
}

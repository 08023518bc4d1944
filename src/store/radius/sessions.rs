//! What routers have told of sessions, in FreeRADIUS's table.
//!
//! FreeRADIUS writes `radacct`; we only close what it cannot know to be over. Its times are
//! seconds since 1970 on SQLite and timestamps on PostgreSQL, hence two texts where time is
//! compared.

use core::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use entities::{radgroupreply, vouchers};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QuerySelect, Statement,
    Value,
};

use crate::domain::access::usage::{Allowance, Usage};
use crate::domain::access::voucher::VoucherCode;
use crate::store::orders::reissue::NAMES;
use crate::store::{Store, StoreError, rows};

/// `Acct-Interim-Interval` of a package that says nothing.
const INTERIM_SECS: i64 = 300;
/// A session is taken to be over when the router has not told of it for so many intervals.
const SILENT_INTERVALS: i64 = 3;
/// Why we closed it; FreeRADIUS opens it again when the router tells of it after all (see
/// `deploy/freeradius/radiusd.conf`).
const SILENT: &str = "Silent";

impl Store {
    /// What was issued by this code, and what of it is used; `None` if there is no such
    /// voucher.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn voucher_usage(
        &self,
        code: &VoucherCode,
    ) -> Result<Option<(Allowance, Usage)>, StoreError> {
        let (store, code) = (self.clone(), code.clone());
        self.read(async move {
            let row = vouchers::Entity::find()
                .filter(vouchers::Column::Code.eq(code.as_str()))
                .one(&store.inner.reader)
                .await?;
            let Some(row) = row else {
                return Ok(None);
            };
            let usage = store.usage(&code).await?;
            Ok(Some((rows::allowance(&row)?, usage)))
        })
        .await
    }

    /// What routers have told of this code.
    pub(in crate::store) async fn usage(&self, code: &VoucherCode) -> Result<Usage, StoreError> {
        let first = epoch(self.backend(), "MIN(acctstarttime)");
        let sql = format!(
            "SELECT {first} AS first_login, \
             CAST(COALESCE(SUM(COALESCE(acctinputoctets, 0) + COALESCE(acctoutputoctets, 0)), 0) AS bigint) AS octets, \
             COUNT(CASE WHEN acctstoptime IS NULL THEN 1 END) AS online \
             FROM radacct WHERE username IN ({NAMES})"
        );
        let ask = Statement::from_sql_and_values(self.backend(), sql, [code.as_str().into()]);
        let Some(row) = self.inner.reader.query_one_raw(ask).await? else {
            return Ok(Usage::default());
        };
        let first: Option<i64> = row.try_get("", "first_login")?;
        let octets: i64 = row.try_get("", "octets")?;
        let online: i64 = row.try_get("", "online")?;
        Ok(Usage {
            first_login_at: first.and_then(|secs| DateTime::from_timestamp(secs, 0)),
            octets: u64::try_from(octets).unwrap_or(0),
            devices_online: u32::try_from(online).unwrap_or(0),
        })
    }

    /// Whose voucher the device at this address of the hotspot is on-line with.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn online_at(&self, device: IpAddr) -> Result<Option<VoucherCode>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let backend = store.backend();
            let address = match backend {
                DbBackend::Postgres => "host(framedipaddress)",
                _ => "framedipaddress",
            };
            let sql = format!(
                "SELECT username FROM radacct WHERE acctstoptime IS NULL AND {address} = $1 \
                 AND username IS NOT NULL ORDER BY radacctid DESC LIMIT 1"
            );
            let ask = Statement::from_sql_and_values(backend, sql, [device.to_string().into()]);
            let row = store.inner.reader.query_one_raw(ask).await?;
            let user = row.map(|row| row.try_get::<String>("", "username"));
            Ok(user.transpose()?.map(VoucherCode::from_stored))
        })
        .await
    }

    /// Closes sessions of which the router has told nothing for three intervals, as of the
    /// last word of them. One statement that says what is true, so any number of processes
    /// may do it at once. Says how many there were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn close_silent_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let store = self.clone();
        self.run(async move {
            let silent_since = now - store.silence().await?;
            let backend = store.backend();
            let limit: Value = match backend {
                DbBackend::Postgres => silent_since.into(),
                _ => silent_since.timestamp().into(),
            };
            let is_silent = "acctstoptime IS NULL AND COALESCE(acctupdatetime, acctstarttime) < $1";
            // Read first: on SQLite even a write that finds nothing holds up FreeRADIUS.
            let look = format!("SELECT 1 FROM radacct WHERE {is_silent} LIMIT 1");
            let look = Statement::from_sql_and_values(backend, look, [limit.clone()]);
            if store.inner.reader.query_one_raw(look).await?.is_none() {
                return Ok(0);
            }
            let close = format!(
                "UPDATE radacct SET acctstoptime = COALESCE(acctupdatetime, acctstarttime), \
                 acctterminatecause = '{SILENT}' WHERE {is_silent}"
            );
            let close = Statement::from_sql_and_values(backend, close, [limit]);
            let closed = store.inner.writer.execute_raw(close).await?;
            Ok(closed.rows_affected())
        })
        .await
    }

    /// Three of the longest interval that a package asks for.
    async fn silence(&self) -> Result<TimeDelta, StoreError> {
        let intervals: Vec<String> = radgroupreply::Entity::find()
            .select_only()
            .column(radgroupreply::Column::Value)
            .filter(radgroupreply::Column::Attribute.eq("Acct-Interim-Interval"))
            .into_tuple()
            .all(&self.inner.reader)
            .await?;
        let longest = intervals
            .iter()
            .filter_map(|text| text.trim().parse::<i64>().ok())
            .max();
        // An owner's odd number must not throw everybody out.
        let secs = longest.unwrap_or(0).clamp(INTERIM_SECS, 86_400);
        Ok(TimeDelta::seconds(secs * SILENT_INTERVALS))
    }
}

/// A time of `radacct` in seconds since 1970.
pub(in crate::store) fn epoch(backend: DbBackend, time: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("CAST(EXTRACT(EPOCH FROM {time}) AS bigint)"),
        _ => time.to_owned(),
    }
}

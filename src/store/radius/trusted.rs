//! Sessions of guests whom this server lets in itself, at a router that reports none (openNDS): one for
//! each voucher and device.
//!
//! Such a session counts as a device until its time is over: its last report lies in the future. It has
//! no id, because no router ends it on request.

use std::net::Ipv4Addr;

use chrono::TimeDelta;
use sea_orm::{DbBackend, Value};
use sha2::{Digest, Sha256};

use super::sessions::NAMES;
use crate::domain::access::{DeviceMac, VoucherCode};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// Without a `Session-Timeout` the guest is counted for a day.
const USUAL_SECS: u32 = 86_400;

/// A guest who is let in.
#[derive(Clone, Debug)]
pub struct TrustedSession {
    pub code: VoucherCode,
    pub device: DeviceMac,
    /// The device's address in the hotspot.
    pub address: Option<Ipv4Addr>,
    /// What the router calls itself.
    pub router: String,
    /// How long it may last; 0 is not limited.
    pub seconds: u32,
}

impl Store {
    /// Opens the session, or lengthens it: a voucher has one for each device. `None` if other devices took the
    /// last place since FreeRADIUS counted them, or if the voucher was closed.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn open_trusted_session(&self, session: TrustedSession) -> Result<Option<()>> {
        let now = self.clock().now();
        let seconds = match session.seconds {
            0 => USUAL_SECS,
            seconds => seconds,
        };
        let end = now + TimeDelta::seconds(i64::from(seconds));
        let (inet, address) = match self.backend() {
            DbBackend::Postgres => ("CAST($6 AS inet)", session.address.map(|it| it.to_string())),
            // FreeRADIUS writes an empty text where there is none.
            _ => (
                "$6",
                Some(session.address.map_or(String::new(), |it| it.to_string())),
            ),
        };
        let open = format!(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, \
             nasidentifier, callingstationid, framedipaddress, acctstarttime, acctupdatetime, \
             acctsessiontime, acctinputoctets, acctoutputoctets, acctterminatecause) \
             VALUES ('', $1, $2, '0.0.0.0', $3, $4, {inet}, $5, $7, 0, 0, 0, '') \
             ON CONFLICT (acctuniqueid) DO UPDATE SET acctupdatetime = excluded.acctupdatetime, \
             acctstoptime = NULL, acctterminatecause = '', \
             framedipaddress = excluded.framedipaddress, nasidentifier = excluded.nasidentifier"
        );
        let since = self.session_time(now - self.silence().await?);
        let code: Value = session.code.as_str().into();
        let places = [
            code.clone(),
            since,
            session.device.expose().to_ascii_uppercase().into(),
        ];
        let values = [
            key(&session).into(),
            session.code.as_str().into(),
            session.router.into(),
            spelled(&session.device).into(),
            self.session_time(now),
            address.into(),
            self.session_time(end),
        ];
        self.transaction_if(move |txn| {
            Box::pin(async move {
                // Whoever else opens one waits here.
                let lock = "UPDATE vouchers SET shared_devices = shared_devices \
                     WHERE code = $1 AND revoked_at IS NULL";
                if sql::execute(txn, lock, [code]).await? == 0 {
                    return Ok(None);
                }
                let is_free: Option<i32> = sql::tuple(txn, &is_free(), places).await?;
                if is_free.is_none() {
                    return Ok(None);
                }
                sql::execute(txn, &open, values).await?;
                Ok(Some(()))
            })
        })
        .await
    }
}

/// Finds the voucher `$1` if it has a place for the device `$3`: counted as FreeRADIUS does, of sessions that were
/// reported after `$2`.
fn is_free() -> String {
    let plain = "UPPER(REPLACE(REPLACE(REPLACE(callingstationid, ':', ''), '-', ''), '.', ''))";
    format!(
        "SELECT 1 FROM vouchers WHERE code = $1 AND shared_devices > (\
            SELECT COUNT(DISTINCT device) FROM (\
                SELECT COALESCE(NULLIF({plain}, ''), acctuniqueid) AS device FROM radacct \
                WHERE username IN ({NAMES}) AND acctstoptime IS NULL \
                AND COALESCE(acctupdatetime, acctstarttime) > $2) AS online \
            WHERE device <> $3)"
    )
}

/// The key of the row, of 32 characters as FreeRADIUS's are.
fn key(session: &TrustedSession) -> String {
    let hash = Sha256::new()
        .chain_update("trusted session\n")
        .chain_update(session.code.as_str())
        .chain_update(session.device.expose())
        .finalize();
    hex::encode(&hash[..16])
}

/// As FreeRADIUS spells it in every other row: `AA:BB:CC:00:11:22`.
fn spelled(device: &DeviceMac) -> String {
    let digits = device.expose().to_ascii_uppercase();
    let pairs = digits.as_bytes().chunks(2);
    let pairs: Vec<_> = pairs.map(String::from_utf8_lossy).collect();
    pairs.join(":")
}

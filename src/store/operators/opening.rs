//! What each log-in ends with: a new session, and a browser that is known from then on.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entities::operator_sessions;
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseTransaction, EntityTrait};

use super::audit_log::{self, AuditEntry};
use super::people::enabled;
use super::tokens::{Fingerprint, fresh_token};
use crate::domain::people::Secret;
use crate::store::engine::sql;
use crate::store::error::Result;

/// A working day; then the operator logs in again.
const SESSION: TimeDelta = TimeDelta::hours(12);

/// The browser that a log-in comes from.
#[derive(Clone)]
pub struct Browser {
    /// Its address, or its /64.
    pub network: String,
    /// As in `Firefox, Android`.
    pub family: String,
    /// Of the cookie that it got at an earlier log-in.
    pub device: Option<Fingerprint>,
}

/// A session that was just opened. Its cookies are sent once and stored nowhere.
pub struct NewSession {
    /// For the browser.
    pub cookie: Secret,
    /// The CSRF token that a write must repeat.
    pub csrf: Secret,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// By which the browser is known at later log-ins; the bootstrap operator has none.
    pub device: Option<Secret>,
}

/// What opens a session.
pub struct Opening<'a> {
    pub operator: &'a str,
    pub token: Option<&'a Fingerprint>,
    pub must_change: bool,
    pub browser: &'a Browser,
}

/// Opens a session, with a line in the audit log.
pub async fn open(
    txn: &DatabaseTransaction,
    opening: Opening<'_>,
    now: DateTime<Utc>,
) -> Result<NewSession> {
    let now = now.trunc_subsecs(3);
    let ended = "DELETE FROM operator_sessions WHERE expires_at <= $1";
    sql::execute(txn, ended, [now.into()]).await?;
    let browser = opening.browser;
    let session = NewSession {
        cookie: fresh_token(),
        csrf: fresh_token(),
        expires_at: now + SESSION,
        device: remember(txn, opening.operator, browser.device.as_ref(), now).await?,
    };
    let token = opening.token.map(|token| token.as_str().to_owned());
    let row = operator_sessions::ActiveModel {
        operator: Set(opening.operator.to_owned()),
        token_hash: Set(token),
        session_hash: Set(Fingerprint::of(session.cookie.expose()).as_str().to_owned()),
        csrf_token: Set(session.csrf.expose().to_owned()),
        network: Set(browser.network.clone()),
        browser: Set(browser.family.clone()),
        must_change: Set(opening.must_change),
        created_at: Set(now),
        expires_at: Set(session.expires_at),
        last_seen_at: Set(now),
        ..Default::default()
    };
    operator_sessions::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    let how = opening.token.map_or("password", |_| "token");
    let (network, family) = (&browser.network, &browser.family);
    let audit = AuditEntry {
        operator: opening.operator.to_owned(),
        action: "log_in",
        order_id: None,
        subject: format!("operator {}", opening.operator),
        detail: Some(format!("by {how}, from {network}, {family}")),
    };
    audit_log::insert(txn, &audit, now).await?;
    Ok(session)
}

/// Makes the browser known to this operator, by a new cookie: one that somebody else has put into the
/// browser knows nothing.
async fn remember(
    txn: &DatabaseTransaction,
    operator: &str,
    before: Option<&Fingerprint>,
    now: DateTime<Utc>,
) -> Result<Option<Secret>> {
    if enabled(txn, operator).await?.is_none() {
        return Ok(None);
    }
    let device = fresh_token();
    let hash = Fingerprint::of(device.expose());
    if let Some(before) = before {
        // The counts of wrong passwords go along: a log-in of one operator must not forget those of another.
        let counts = "UPDATE login_failures SET subject = 'password ' || d.operator || ' ' || $1 \
             FROM operator_devices d WHERE d.device_hash = $2 \
             AND login_failures.subject = 'password ' || d.operator || ' ' || $2";
        sql::execute(txn, counts, [hash.as_str().into(), before.as_str().into()]).await?;
        let renew = "UPDATE operator_devices SET device_hash = $1 WHERE device_hash = $2";
        sql::execute(txn, renew, [hash.as_str().into(), before.as_str().into()]).await?;
    }
    let know = "INSERT INTO operator_devices (device_hash, operator, last_used_at) VALUES ($1, $2, $3) \
         ON CONFLICT (device_hash, operator) DO UPDATE SET last_used_at = excluded.last_used_at";
    sql::execute(
        txn,
        know,
        [hash.as_str().into(), operator.into(), now.into()],
    )
    .await?;
    Ok(Some(device))
}

/// Ends the sessions of an operator but one.
pub async fn end_others(txn: &DatabaseTransaction, operator: &str, but: Option<i64>) -> Result<()> {
    let end = "DELETE FROM operator_sessions WHERE operator = $1 AND id <> $2";
    let values = [operator.into(), but.unwrap_or(0).into()];
    sql::execute(txn, end, values).await.map(drop)
}

//! Wrong log-ins: a pause for the address of wrong tokens, and ten tries an hour for a password.
//!
//! # Invariants
//! A try is counted before it is checked, by one statement on one row. So tries at the same moment, in one
//! process or several, count as one after the other. A right one gives its count back.

use chrono::{DateTime, TimeDelta, Utc};
use entities::login_failures;
use sea_orm::{ConnectionTrait, EntityTrait};

use super::tokens::Fingerprint;
use crate::domain::people::pause_after;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::orders::future::AHEAD;
use crate::store::{Store, StoreError};

/// Wrong passwords before the next one is refused.
pub const WRONG_MAX: i32 = 10;
/// For how long a wrong try counts. The hour begins anew with each one, so there are never more than
/// [`WRONG_MAX`] in any hour.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What the tries of a password are counted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A name, by all browsers that never logged in with it.
    Strangers(String),
    /// A name, by one browser that did.
    Known(String, String),
    /// A name, by those who have a session of it and must prove that it is theirs.
    Proof(String),
}

impl Subject {
    /// Of a log-in with this name by the browser with this cookie.
    async fn of(
        db: &impl ConnectionTrait,
        name: &str,
        device: Option<&Fingerprint>,
    ) -> Result<Self> {
        let Some(device) = device else {
            return Ok(Self::Strangers(name.to_owned()));
        };
        let known =
            "SELECT operator FROM operator_devices WHERE device_hash = $1 AND operator = $2";
        let values = [device.as_str().into(), name.into()];
        let found: Option<String> = sql::tuple(db, known, values).await?;
        Ok(match found {
            Some(name) => Self::Known(name, device.as_str().to_owned()),
            None => Self::Strangers(name.to_owned()),
        })
    }

    /// Whether the browser has logged in with this name before.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(..))
    }

    /// The key of its row. A name has no blank, so no name is another subject's key.
    fn key(&self) -> String {
        match self {
            Self::Strangers(name) => format!("password {name}"),
            Self::Known(name, device) => format!("password {name} {device}"),
            Self::Proof(name) => format!("proof {name}"),
        }
    }
}

impl Store {
    /// Counts a try as a wrong one. Returns the seconds to wait instead, if too many were wrong.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn count_try(&self, subject: &Subject) -> Result<Option<u64>> {
        let (key, now) = (subject.key(), self.clock().now());
        // A row from the future, by a clock that was ahead, is old.
        let count = "INSERT INTO login_failures (subject, failures, last_failed_at) VALUES ($1, 1, $2) \
             ON CONFLICT (subject) DO UPDATE SET failures = CASE \
             WHEN login_failures.last_failed_at < $3 OR login_failures.last_failed_at > $4 \
             THEN 1 ELSE login_failures.failures + 1 END, last_failed_at = excluded.last_failed_at \
             WHERE login_failures.failures < $5 \
             OR login_failures.last_failed_at < $3 OR login_failures.last_failed_at > $4";
        let values = [
            key.as_str().into(),
            now.into(),
            (now - HOUR).into(),
            (now + AHEAD).into(),
            WRONG_MAX.into(),
        ];
        if self.execute(count, values).await? > 0 {
            return Ok(None);
        }
        // Another try was counted in between, or the hour has just ended.
        Ok(Some(self.wait_of(subject).await?.unwrap_or(1)))
    }

    /// The seconds to wait, if too many tries were wrong. It only reads, so that a flood of guesses does not
    /// take the write lock.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn wait_of(&self, subject: &Subject) -> Result<Option<u64>> {
        let now = self.clock().now();
        let row = login_failures::Entity::find_by_id(subject.key());
        let row = row.one(&self.db()).await?;
        let full = row.filter(|row| row.failures >= WRONG_MAX && row.last_failed_at <= now + AHEAD);
        let wait = full.map(|row| (row.last_failed_at + HOUR - now).num_seconds());
        let wait = wait.and_then(|secs| u64::try_from(secs).ok());
        Ok(wait.map(|secs| secs.max(1)))
    }

    /// What the tries of a log-in with this name, by the browser with this cookie, are counted for.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn subject_of(&self, name: &str, device: Option<&Fingerprint>) -> Result<Subject> {
        Subject::of(&self.db(), name, device).await
    }

    /// Takes the count of a right try back.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn uncount_try(&self, subject: &Subject) -> Result<()> {
        let (text, key) = uncounting(subject);
        self.execute(text, [key.into()]).await.map(drop)
    }
}

/// The same in a transaction.
pub async fn uncount(txn: &impl ConnectionTrait, subject: &Subject) -> Result<()> {
    let (text, key) = uncounting(subject);
    sql::execute(txn, text, [key.into()]).await.map(drop)
}

/// A browser's own wrong tries are forgotten with its right one; those of strangers are other people's.
fn uncounting(subject: &Subject) -> (&'static str, String) {
    let text = match subject {
        Subject::Strangers(_) => {
            "UPDATE login_failures SET failures = failures - 1 WHERE subject = $1 AND failures > 0"
        }
        Subject::Known(..) | Subject::Proof(_) => "DELETE FROM login_failures WHERE subject = $1",
    };
    (text, subject.key())
}

/// The row of an address, locked on PostgreSQL, so that guesses at the same moment are counted one after
/// the other. SQLite has one writer.
pub async fn lock_address(
    txn: &impl ConnectionTrait,
    from: &str,
    now: DateTime<Utc>,
) -> Result<login_failures::Model> {
    // Inserts the row, or updates it without changing anything.
    let lock = "INSERT INTO login_failures (subject, failures, last_failed_at) VALUES ($1, 0, $2) \
         ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject";
    sql::execute(txn, lock, [from.into(), now.into()]).await?;
    let failed = login_failures::Entity::find_by_id(from).one(txn).await?;
    failed.ok_or_else(|| StoreError::Corrupt("a row that was just written is gone".to_owned()))
}

/// Seconds until this address may try another token; `None` is now.
pub fn wait_secs(failed: &login_failures::Model, now: DateTime<Utc>) -> Option<u64> {
    let end = failed.last_failed_at + pause_after(failed.failures);
    let millis = u64::try_from((end - now).num_milliseconds()).ok()?;
    // A failure that lies in the future, by a clock that was ahead, counts as old.
    let is_past = failed.last_failed_at <= now + AHEAD;
    (millis > 0 && is_past).then(|| millis.div_ceil(1_000))
}

/// Counts a wrong token of an address.
pub async fn count_address(
    txn: &impl ConnectionTrait,
    failed: &login_failures::Model,
    now: DateTime<Utc>,
) -> Result<()> {
    let is_old = now - failed.last_failed_at > HOUR;
    let before = if is_old { 0 } else { failed.failures };
    let count = "UPDATE login_failures SET failures = $1, last_failed_at = $2 WHERE subject = $3";
    let values = [
        before.saturating_add(1).into(),
        now.into(),
        failed.subject.as_str().into(),
    ];
    sql::execute(txn, count, values).await.map(drop)
}

/// Forgets the wrong tokens of an address.
pub async fn forget_address(txn: &impl ConnectionTrait, from: &str) -> Result<()> {
    let forget = "DELETE FROM login_failures WHERE subject = $1";
    sql::execute(txn, forget, [from.into()]).await.map(drop)
}

/// Deletes what no longer counts, so that the table stays small.
pub async fn forget_old(txn: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<u64> {
    let forget = "DELETE FROM login_failures WHERE last_failed_at < $1";
    sql::execute(txn, forget, [(now - HOUR).into()]).await
}

//! Passwords: setting them, and a log-in in two steps, between which the caller compares the hash.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseTransaction;

use super::attempts::{Subject, uncount};
use super::audit_log::{self, AuditEntry};
use super::hashing::PasswordHash;
use super::opening::{Browser, Opening, end_others, open};
use super::people::enabled;
use super::second_factor::use_code;
use super::sessions::LogInResult;
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// A try that is counted as a wrong one.
pub struct CountedTry {
    /// As it was typed.
    name: String,
    subject: Subject,
    /// Of the password that is right now; `None` if nobody of this name has one.
    pub hash: Option<PasswordHash>,
}

/// A new password.
pub struct NewPassword {
    pub operator: String,
    pub hash: PasswordHash,
    /// Whether an admin has made it: its first log-in uses it up, and must set another.
    pub is_once: bool,
    /// The session that stays open; all others end.
    pub session: Option<i64>,
}

impl Store {
    /// The first step of a log-in: counts it as a wrong one. Returns the seconds to wait instead, if too
    /// many were wrong.
    ///
    /// # Errors
    /// As `Store::execute`.
    pub async fn begin_log_in(
        &self,
        name: String,
        subject: Subject,
    ) -> Result<std::result::Result<CountedTry, u64>> {
        if let Some(secs) = self.count_try(&subject).await? {
            return Ok(Err(secs));
        }
        let hash = self.password_of(&name).await?;
        Ok(Ok(CountedTry {
            name,
            subject,
            hash,
        }))
    }

    /// The second step, after the password was right: compares the code if one is needed, and opens a
    /// session.
    ///
    /// # Errors
    /// As `Store::transaction`; then there is no session.
    pub async fn finish_log_in(
        &self,
        tried: CountedTry,
        code: String,
        browser: Browser,
    ) -> Result<LogInResult> {
        let now = self.clock().now();
        let done = self.transaction_if(move |txn| {
            Box::pin(async move { finish(txn, &tried, &code, &browser, now).await })
        });
        Ok(done.await?.unwrap_or(LogInResult::Wrong))
    }

    /// The hash of an operator's password.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn password_of(&self, name: &str) -> Result<Option<PasswordHash>> {
        let row = enabled(&self.db(), name).await?;
        let hash = row.and_then(|row| row.password_hash);
        Ok(hash.map(PasswordHash::from_stored))
    }

    /// Sets a password, and ends the other sessions. `false` if there is no such operator.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn set_password(&self, new: NewPassword, audit: AuditEntry) -> Result<bool> {
        let now = self.clock().now();
        let done = self.transaction_if(move |txn| {
            Box::pin(async move {
                let name = new.operator.as_str();
                let set = "UPDATE operators SET password_hash = $1, password_once = $2 \
                     WHERE name = $3 AND disabled_at IS NULL";
                let values = [new.hash.as_str().into(), new.is_once.into(), name.into()];
                if sql::execute(txn, set, values).await? == 0 {
                    return Ok(None);
                }
                end_others(txn, name, new.session).await?;
                let free = "UPDATE operator_sessions SET must_change = false WHERE operator = $1";
                sql::execute(txn, free, [name.into()]).await?;
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(()))
            })
        });
        Ok(done.await?.is_some())
    }
}

/// `None`, which writes nothing, if the code is wrong or the password was changed meanwhile.
async fn finish(
    txn: &DatabaseTransaction,
    tried: &CountedTry,
    code: &str,
    browser: &Browser,
    now: DateTime<Utc>,
) -> Result<Option<LogInResult>> {
    let (Some(row), Some(hash)) = (enabled(txn, &tried.name).await?, &tried.hash) else {
        return Ok(None);
    };
    // The one statement that takes a password made by an admin, so that it opens one session.
    let take = "UPDATE operators SET \
         password_hash = CASE WHEN password_once THEN NULL ELSE password_hash END, \
         password_once = false WHERE name = $1 AND password_hash = $2";
    let values = [tried.name.as_str().into(), hash.as_str().into()];
    if sql::execute(txn, take, values).await? == 0 {
        return Ok(None);
    }
    if row.totp_confirmed && !use_code(txn, &row, code, now).await? {
        return Ok(None);
    }
    uncount(txn, &tried.subject).await?;
    let opening = Opening {
        operator: &row.name,
        token: None,
        must_change: row.password_once,
        browser,
    };
    let session = open(txn, opening, now).await?;
    Ok(Some(LogInResult::Opened(session)))
}

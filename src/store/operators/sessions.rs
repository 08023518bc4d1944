//! Console sessions: opened with a token or a password, and recognised by a cookie. Of these only the
//! hashes are stored.
//!
//! # Invariants
//! A session lives no longer than what opened it. One of a token names it, and the operator who has that
//! token now is looked up each time; those of a password are deleted when it changes.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entities::{login_failures, operator_sessions};
use sea_orm::{DatabaseTransaction, EntityTrait};
use tracing::warn;

use super::attempts::{count_address, forget_address, forget_old, lock_address, wait_secs};
use super::audit_log::{self, AuditEntry};
use super::opening::{Browser, NewSession, Opening, end_others, open};
use super::people::{enabled, operator_of};
use super::tokens::{self, Fingerprint};
use crate::domain::people::{Operator, Secret};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// `last_seen_at` is written no more often than this.
const SEEN_EACH: TimeDelta = TimeDelta::seconds(60);
/// For how long an unused browser stays known.
const DEVICE: TimeDelta = TimeDelta::days(180);

/// A log-in with a token.
#[derive(Clone)]
pub struct LogIn {
    /// Of the token that was typed.
    pub token: Fingerprint,
    /// Whether it is the token of the configuration, which is in no table.
    pub is_bootstrap: bool,
    /// Whether it may be one that a person chose, so that its guesses must be slow.
    pub is_weak: bool,
    /// Where it comes from.
    pub browser: Browser,
}

/// The result of a log-in.
pub enum LogInResult {
    /// A new session.
    Opened(NewSession),
    /// It is not known who logs in.
    Wrong,
    /// Too many failures: nothing was checked.
    TooSoon {
        /// When to try again.
        retry_after_secs: u64,
    },
}

/// A session that is open.
pub struct FoundSession {
    pub id: i64,
    /// Of the token that opened it; `None` if a password did.
    pub token: Option<Fingerprint>,
    /// The operator whose session it is; `None` if it is of no operator in the table.
    pub operator: Option<Operator>,
    /// The CSRF token that a write must repeat.
    pub csrf: Secret,
    /// Whether a password must be set before anything else.
    pub must_change: bool,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A session that is open, as its operator sees it.
pub type SessionRow = operator_sessions::Model;

impl Store {
    /// Opens a session with a token. A wrong one, and a weak one, waits after failures of its address; a
    /// token that the server has made cannot be guessed, and does not.
    ///
    /// # Errors
    /// As `Store::transaction`; then there is no session.
    pub async fn log_in(&self, request: LogIn, now: DateTime<Utc>) -> Result<LogInResult> {
        let now = now.trunc_subsecs(3);
        let known = tokens::find(&self.db(), &request.token).await?;
        let is_exempt = known.is_some() || (request.is_bootstrap && !request.is_weak);
        if !is_exempt {
            // Failures are read first: a flood of guesses never takes the write lock.
            let failed = login_failures::Entity::find_by_id(&request.browser.network);
            let failed = failed.one(&self.db()).await?;
            if let Some(retry_after_secs) = failed.and_then(|row| wait_secs(&row, now)) {
                return Ok(LogInResult::TooSoon { retry_after_secs });
            }
        }
        self.transaction(move |txn| Box::pin(log_in(txn, request, is_exempt, now)))
            .await
    }

    /// The session of a cookie, if it is open.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn session(
        &self,
        cookie: Fingerprint,
        now: DateTime<Utc>,
    ) -> Result<Option<FoundSession>> {
        let db = self.db();
        let open = "WHERE session_hash = $1 AND expires_at > $2";
        let values = [cookie.as_str().into(), now.into()];
        let found: Option<operator_sessions::Model> = sql::model(&db, open, values).await?;
        let Some(row) = found else { return Ok(None) };
        let token = row.token_hash.map(Fingerprint::from_stored);
        let operator = match &token {
            Some(token) => tokens::find(&db, token).await?.map(|found| found.operator),
            None => enabled(&db, &row.operator)
                .await?
                .map(operator_of)
                .transpose()?,
        };
        if now - row.last_seen_at >= SEEN_EACH {
            let seen = "UPDATE operator_sessions SET last_seen_at = $1 WHERE id = $2";
            let values = [now.trunc_subsecs(3).into(), row.id.into()];
            if let Err(error) = self.execute(seen, values).await {
                // For display only, so it is no reason to refuse the request.
                warn!(%error, "failed to record when a session was last used");
            }
        }
        Ok(Some(FoundSession {
            id: row.id,
            token,
            operator,
            csrf: Secret::new(row.csrf_token),
            must_change: row.must_change,
            expires_at: row.expires_at,
        }))
    }

    /// The open sessions of an operator, newest first.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn sessions_of(&self, operator: &str) -> Result<Vec<SessionRow>> {
        let open = "WHERE operator = $1 AND expires_at > $2 ORDER BY id DESC LIMIT 100";
        let values = [operator.into(), self.clock().now().into()];
        sql::models(&self.db(), open, values).await
    }

    /// Ends a session of an operator. `false` if it is not open.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn end_session(&self, operator: &str, id: i64, audit: AuditEntry) -> Result<bool> {
        let end = "DELETE FROM operator_sessions WHERE operator = $1 AND id = $2";
        let values = [operator.into(), id.into()];
        self.execute_logged(end, values, Some(audit)).await
    }

    /// Ends all sessions of an operator but one, and forgets the browsers that are known.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn end_sessions(
        &self,
        operator: String,
        but: Option<i64>,
        audit: AuditEntry,
    ) -> Result<()> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                end_others(txn, &operator, but).await?;
                let forget = "DELETE FROM operator_devices WHERE operator = $1";
                sql::execute(txn, forget, [operator.into()]).await?;
                audit_log::insert(txn, &audit, now).await
            })
        })
        .await
    }

    /// Ends the session of a cookie; one that is not open is ended already.
    ///
    /// # Errors
    /// As `Store::execute`; it may then still be open.
    pub async fn log_out(&self, cookie: Fingerprint) -> Result<()> {
        let delete = "DELETE FROM operator_sessions WHERE session_hash = $1";
        let ended = self.execute(delete, [cookie.as_str().into()]);
        ended.await.map(drop)
    }

    /// Deletes sessions that have ended, browsers that were not used for long, and failures that no longer
    /// count. Returns how many rows these were.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn forget_old_access(&self) -> Result<u64> {
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                let ended = "DELETE FROM operator_sessions WHERE expires_at <= $1";
                let sessions = sql::execute(txn, ended, [now.into()]).await?;
                let unused = "DELETE FROM operator_devices WHERE last_used_at < $1";
                let devices = sql::execute(txn, unused, [(now - DEVICE).into()]).await?;
                Ok(sessions + devices + forget_old(txn, now).await?)
            })
        })
        .await
    }
}

async fn log_in(
    txn: &DatabaseTransaction,
    request: LogIn,
    is_exempt: bool,
    now: DateTime<Utc>,
) -> Result<LogInResult> {
    let network = &request.browser.network;
    let failed = lock_address(txn, network, now).await?;
    if let (false, Some(retry_after_secs)) = (is_exempt, wait_secs(&failed, now)) {
        return Ok(LogInResult::TooSoon { retry_after_secs });
    }
    let found = tokens::find(txn, &request.token).await?;
    let operator = match found {
        Some(found) => found.operator,
        None if request.is_bootstrap => Operator::bootstrap(),
        None => {
            count_address(txn, &failed, now).await?;
            forget_old(txn, now).await?;
            return Ok(LogInResult::Wrong);
        }
    };
    forget_address(txn, network).await?;
    let opening = Opening {
        operator: &operator.name,
        token: Some(&request.token),
        must_change: false,
        browser: &request.browser,
    };
    open(txn, opening, now).await.map(LogInResult::Opened)
}

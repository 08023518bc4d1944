//! Console sessions: opened with a token and recognised by a cookie. Of these two only the hashes
//! are stored.
//!
//! # Invariants
//! A session lives no longer than the token that opened it. So it names the token, and the operator who
//! has that token now is looked up each time.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entities::{login_failures, operator_sessions};
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseTransaction, EntityTrait};
use tracing::warn;

use super::tokens::{self, Fingerprint, fresh_token};
use crate::domain::people::{Operator, Secret, pause_after};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::orders::future::AHEAD;
use crate::store::{Store, StoreError};

/// A working day; then the operator logs in again.
const SESSION: TimeDelta = TimeDelta::hours(12);
/// `last_seen_at` is written no more often than this.
const SEEN_EACH: TimeDelta = TimeDelta::seconds(60);
/// Failed log-ins that are older than this no longer count.
const FORGET_FAILURES: TimeDelta = TimeDelta::hours(1);

/// A log-in request.
#[derive(Clone)]
pub struct LogIn {
    /// Of the token that was typed.
    pub token: Fingerprint,
    /// Whether it is the token of the configuration, which is in no table.
    pub is_bootstrap: bool,
    /// The address that the request comes from.
    pub from: String,
}

/// The result of a log-in.
pub enum LogInResult {
    /// A new session.
    Opened(NewSession),
    /// No operator has this token.
    Wrong,
    /// Too many failures: the token was not checked.
    TooSoon {
        /// When to try again.
        retry_after_secs: u64,
    },
}

/// A session that was just opened. Its cookie is sent once and stored nowhere.
pub struct NewSession {
    /// For the browser.
    pub cookie: Secret,
    /// The CSRF token that a write must repeat.
    pub csrf: Secret,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A session that is open.
pub struct FoundSession {
    /// Of the token that opened it.
    pub token: Fingerprint,
    /// The operator who has that token now; `None` if no operator in the table has it.
    pub operator: Option<Operator>,
    /// The CSRF token that a write must repeat.
    pub csrf: Secret,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Store {
    /// Opens a session, unless the token is wrong or the last failures are too recent.
    ///
    /// # Errors
    /// As `Store::transaction`; then there is no session.
    pub async fn log_in(&self, request: LogIn, now: DateTime<Utc>) -> Result<LogInResult> {
        let now = now.trunc_subsecs(3);
        // Failures are read first: a flood of guesses never takes the write lock.
        let failed = login_failures::Entity::find_by_id(&request.from);
        let failed = failed.one(&self.db()).await?;
        if let Some(retry_after_secs) = failed.and_then(|row| wait_secs(&row, now)) {
            return Ok(LogInResult::TooSoon { retry_after_secs });
        }
        self.transaction(move |txn| Box::pin(log_in(txn, request, now)))
            .await
    }

    /// The session of a cookie, if it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
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
        let token = Fingerprint::from_stored(row.token_hash);
        let operator = tokens::find(&db, &token).await?;
        if now - row.last_seen_at >= SEEN_EACH {
            let seen = "UPDATE operator_sessions SET last_seen_at = $1 WHERE id = $2";
            let values = [now.trunc_subsecs(3).into(), row.id.into()];
            if let Err(error) = self.execute(seen, values).await {
                // For display only, so it is no reason to refuse the request.
                warn!(%error, "failed to record when a session was last used");
            }
        }
        Ok(Some(FoundSession {
            token,
            operator,
            csrf: Secret::new(row.csrf_token),
            expires_at: row.expires_at,
        }))
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
}

async fn log_in(
    txn: &DatabaseTransaction,
    request: LogIn,
    now: DateTime<Utc>,
) -> Result<LogInResult> {
    // Inserts the row, or updates it without changing anything. Either locks it on PostgreSQL, so
    // that guesses at the same moment are counted one after the other. SQLite has one writer.
    let lock = "INSERT INTO login_failures (subject, failures, last_failed_at) VALUES ($1, 0, $2) \
         ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject";
    sql::execute(txn, lock, [request.from.as_str().into(), now.into()]).await?;
    let failed = login_failures::Entity::find_by_id(&request.from);
    let failed = (failed.one(txn).await?)
        .ok_or_else(|| StoreError::Corrupt("a row that was just written is gone".to_owned()))?;
    if let Some(retry_after_secs) = wait_secs(&failed, now) {
        return Ok(LogInResult::TooSoon { retry_after_secs });
    }
    let is_known = request.is_bootstrap || tokens::find(txn, &request.token).await?.is_some();
    if !is_known {
        count_failure(txn, &failed, now).await?;
        return Ok(LogInResult::Wrong);
    }
    login_failures::Entity::delete_by_id(&request.from)
        .exec(txn)
        .await?;
    open(txn, &request.token, now)
        .await
        .map(LogInResult::Opened)
}

/// Seconds until this address may try again; `None` is now.
fn wait_secs(failed: &login_failures::Model, now: DateTime<Utc>) -> Option<u64> {
    let end = failed.last_failed_at + pause_after(failed.failures);
    let millis = u64::try_from((end - now).num_milliseconds()).ok()?;
    // A failure that lies in the future, by a clock that was ahead, counts as old.
    let is_past = failed.last_failed_at <= now + AHEAD;
    (millis > 0 && is_past).then(|| millis.div_ceil(1_000))
}

async fn count_failure(
    txn: &DatabaseTransaction,
    failed: &login_failures::Model,
    now: DateTime<Utc>,
) -> Result<()> {
    let is_old = now - failed.last_failed_at > FORGET_FAILURES;
    let before = if is_old { 0 } else { failed.failures };
    let count = "UPDATE login_failures SET failures = $1, last_failed_at = $2 WHERE subject = $3";
    let values = [
        before.saturating_add(1).into(),
        now.into(),
        failed.subject.as_str().into(),
    ];
    sql::execute(txn, count, values).await?;
    // Failures that no longer count need no row, so the table stays small.
    let forget = "DELETE FROM login_failures WHERE last_failed_at < $1";
    sql::execute(txn, forget, [(now - FORGET_FAILURES).into()]).await?;
    Ok(())
}

async fn open(
    txn: &DatabaseTransaction,
    token: &Fingerprint,
    now: DateTime<Utc>,
) -> Result<NewSession> {
    let ended = "DELETE FROM operator_sessions WHERE expires_at <= $1";
    sql::execute(txn, ended, [now.into()]).await?;
    let session = NewSession {
        cookie: fresh_token(),
        csrf: fresh_token(),
        expires_at: now + SESSION,
    };
    let row = operator_sessions::ActiveModel {
        token_hash: Set(token.as_str().to_owned()),
        session_hash: Set(Fingerprint::of(session.cookie.expose()).as_str().to_owned()),
        csrf_token: Set(session.csrf.expose().to_owned()),
        created_at: Set(now),
        expires_at: Set(session.expires_at),
        last_seen_at: Set(now),
        ..Default::default()
    };
    operator_sessions::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(session)
}

//! Console sessions: opened with a token, known by a cookie, kept as hashes.
//!
//! The rule that must not be broken: a session lives no longer than the token that opened
//! it. So it names the token, and who has that token now is looked up each time.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use entities::{login_failures, operator_sessions};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use tracing::warn;

use super::credentials::{Fingerprint, fresh_token};
use super::tokens;
use crate::domain::people::operator::{Operator, pause_after};
use crate::domain::people::secret::Secret;
use crate::store::{Store, StoreError};

/// A working day; then the operator logs in again.
const SESSION: TimeDelta = TimeDelta::hours(12);
/// `last_seen_at` is written no more often than this.
const SEEN_EACH: TimeDelta = TimeDelta::seconds(60);
/// Wrong log-ins that are older than this are forgotten.
const FORGET_FAILURES: TimeDelta = TimeDelta::hours(1);

/// A wish to log in.
#[derive(Clone)]
pub struct LogIn {
    /// Of the token that was typed.
    pub token: Fingerprint,
    /// It is the token of the configuration, which is in no table.
    pub is_bootstrap: bool,
    /// Who tries, as far as that can be told: an address.
    pub from: String,
}

/// What became of it.
pub enum LoggedIn {
    /// Welcome.
    Opened(NewSession),
    /// Nobody has this token.
    Wrong,
    /// Too many wrong ones: nothing was looked at.
    TooSoon {
        /// When to try again.
        retry_after_secs: u64,
    },
}

/// A session that was just opened. Its cookie is told once and kept nowhere.
pub struct NewSession {
    /// For the browser.
    pub cookie: Secret,
    /// What a write must repeat.
    pub csrf: Secret,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// A session that is open.
pub struct FoundSession {
    /// Of the token that opened it.
    pub token: Fingerprint,
    /// Who has that token now; `None` if nobody in the table has.
    pub operator: Option<Operator>,
    /// What a write must repeat.
    pub csrf: Secret,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl Store {
    /// Opens a session, unless the token is wrong or the last wrong ones are too fresh.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; then nobody is in.
    pub async fn log_in(&self, wish: LogIn, now: DateTime<Utc>) -> Result<LoggedIn, StoreError> {
        let now = now.trunc_subsecs(3);
        // Who must wait is told so by a read: a flood of guesses never takes the write lock.
        if let Some(retry_after_secs) = self.must_wait(&wish.from, now).await? {
            return Ok(LoggedIn::TooSoon { retry_after_secs });
        }
        self.transaction(move |txn| Box::pin(async move { log_in(txn, &wish, now).await }))
            .await
    }

    async fn must_wait(&self, from: &str, now: DateTime<Utc>) -> Result<Option<u64>, StoreError> {
        let (store, from) = (self.clone(), from.to_owned());
        self.read(async move {
            let failed = failures(&store.inner.reader, &from).await?;
            Ok(failed.and_then(|row| wait_of(&row, now)))
        })
        .await
    }

    /// The session of a cookie, if it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn session(
        &self,
        cookie: Fingerprint,
        now: DateTime<Utc>,
    ) -> Result<Option<FoundSession>, StoreError> {
        let store = self.clone();
        let found = self
            .read(async move {
                let row = operator_sessions::Entity::find()
                    .filter(operator_sessions::Column::SessionHash.eq(cookie.as_str()))
                    .filter(operator_sessions::Column::ExpiresAt.gt(now))
                    .one(&store.inner.reader)
                    .await?;
                let Some(row) = row else { return Ok(None) };
                let token = Fingerprint::from_stored(row.token_hash.clone());
                let operator = tokens::find(&store.inner.reader, &token).await?;
                Ok(Some((row, token, operator)))
            })
            .await?;
        let Some((row, token, operator)) = found else {
            return Ok(None);
        };
        if now - row.last_seen_at >= SEEN_EACH
            && let Err(error) = self.saw_session(row.id, now).await
        {
            // Worth no refusal: it is only for people to read.
            warn!(%error, "when a session was last used could not be kept");
        }
        Ok(Some(FoundSession {
            token,
            operator,
            csrf: Secret::new(row.csrf_token),
            expires_at: row.expires_at,
        }))
    }

    async fn saw_session(&self, id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            operator_sessions::Entity::update_many()
                .col_expr(
                    operator_sessions::Column::LastSeenAt,
                    Expr::value(now.trunc_subsecs(3)),
                )
                .filter(operator_sessions::Column::Id.eq(id))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }

    /// Ends the session of a cookie; one that is not open is ended already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; it is then still open.
    pub async fn log_out(&self, cookie: Fingerprint) -> Result<(), StoreError> {
        let store = self.clone();
        self.run(async move {
            operator_sessions::Entity::delete_many()
                .filter(operator_sessions::Column::SessionHash.eq(cookie.as_str()))
                .exec(&store.inner.writer)
                .await?;
            Ok(())
        })
        .await
    }
}

async fn log_in(
    txn: &DatabaseTransaction,
    wish: &LogIn,
    now: DateTime<Utc>,
) -> Result<LoggedIn, StoreError> {
    let failed = lock_failures(txn, &wish.from, now).await?;
    if let Some(retry_after_secs) = wait_of(&failed, now) {
        return Ok(LoggedIn::TooSoon { retry_after_secs });
    }
    let is_known = wish.is_bootstrap || tokens::find(txn, &wish.token).await?.is_some();
    if !is_known {
        count_failure(txn, &failed, now).await?;
        return Ok(LoggedIn::Wrong);
    }
    login_failures::Entity::delete_by_id(&wish.from)
        .exec(txn)
        .await?;
    open(txn, &wish.token, now).await.map(LoggedIn::Opened)
}

/// The failures of one address, which nobody else can then count before we are done: guesses
/// that come at the same moment are counted one after the other.
async fn lock_failures(
    txn: &DatabaseTransaction,
    from: &str,
    now: DateTime<Utc>,
) -> Result<login_failures::Model, StoreError> {
    let none = login_failures::ActiveModel {
        subject: Set(from.to_owned()),
        failures: Set(0),
        last_failed_at: Set(now),
    };
    // Changes nothing, and so takes the row's lock on PostgreSQL. SQLite has one writer.
    let locked = OnConflict::column(login_failures::Column::Subject)
        .update_column(login_failures::Column::Subject)
        .to_owned();
    login_failures::Entity::insert(none)
        .on_conflict(locked)
        .exec_without_returning(txn)
        .await?;
    failures(txn, from)
        .await?
        .ok_or_else(|| StoreError::Corrupt("a row that was just written is gone".to_owned()))
}

async fn failures(
    db: &impl ConnectionTrait,
    from: &str,
) -> Result<Option<login_failures::Model>, StoreError> {
    Ok(login_failures::Entity::find_by_id(from).one(db).await?)
}

/// Seconds until this address may try again; `None` is now.
fn wait_of(failed: &login_failures::Model, now: DateTime<Utc>) -> Option<u64> {
    let over = failed.last_failed_at + pause_after(failed.failures);
    let millis = u64::try_from((over - now).num_milliseconds()).ok()?;
    (millis > 0).then(|| millis.div_ceil(1_000))
}

async fn count_failure(
    txn: &DatabaseTransaction,
    failed: &login_failures::Model,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let before = if now - failed.last_failed_at > FORGET_FAILURES {
        0
    } else {
        failed.failures
    };
    login_failures::Entity::update_many()
        .col_expr(
            login_failures::Column::Failures,
            Expr::value(before.saturating_add(1)),
        )
        .col_expr(login_failures::Column::LastFailedAt, Expr::value(now))
        .filter(login_failures::Column::Subject.eq(&failed.subject))
        .exec(txn)
        .await?;
    // What is forgotten needs no row; so the table stays as small as the attack.
    login_failures::Entity::delete_many()
        .filter(login_failures::Column::LastFailedAt.lt(now - FORGET_FAILURES))
        .exec(txn)
        .await?;
    Ok(())
}

async fn open(
    txn: &DatabaseTransaction,
    token: &Fingerprint,
    now: DateTime<Utc>,
) -> Result<NewSession, StoreError> {
    operator_sessions::Entity::delete_many()
        .filter(operator_sessions::Column::ExpiresAt.lte(now))
        .exec(txn)
        .await?;
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

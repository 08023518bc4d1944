//! The named tokens of operators.
//!
//! A token is 256 bits from the operating system's random source, and the database has only its
//! SHA-256. A quick hash is right here: a token of that size cannot be guessed, so a slow hash would
//! only delay every request. The lookup is safe too: the time that an index takes to find a hash reveals
//! nothing about the token.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tracing::warn;

use super::audit_log::{self, AuditEntry};
use crate::domain::people::{Operator, Role, Secret};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{Store, StoreError};

/// `last_used_at` is written no more often than this.
const USED_EACH: TimeDelta = TimeDelta::seconds(60);
/// The most valid tokens of one operator.
const TOKENS_MAX: i64 = 20;

/// What is stored of a token or cookie: its SHA-256, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of a token as it was sent.
    pub fn of(sent: &str) -> Self {
        Self(hex::encode(Sha256::digest(sent.as_bytes())))
    }

    /// As it is stored.
    pub(in crate::store) fn as_str(&self) -> &str {
        &self.0
    }

    /// Trusts what is stored.
    pub(in crate::store) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Whether both are of one token, in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// A token that cannot be guessed: 64 hexadecimal digits.
pub fn fresh_token() -> Secret {
    Secret::new(hex::encode(random_bytes::<32>()))
}

/// Bytes from the operating system's random source.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    UnwrapErr(SysRng).fill(&mut bytes[..]);
    bytes
}

/// A valid token, as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedToken {
    /// What it is for.
    pub label: String,
    /// When it was made.
    pub since: DateTime<Utc>,
    /// To the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Makes another token for an operator and returns it; it is stored nowhere. `None` if there is no such
    /// operator, a valid token has this label, or there are twenty.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_token(
        &self,
        operator: &str,
        label: &str,
        audit: AuditEntry,
    ) -> Result<Option<Secret>> {
        let token = fresh_token();
        let add = "INSERT INTO operator_tokens (operator, label, token_hash, created_at) \
             SELECT name, $2, $3, $4 FROM operators WHERE name = $1 AND disabled_at IS NULL \
             AND (SELECT COUNT(*) FROM operator_tokens WHERE operator = $1 AND revoked_at IS NULL) < $5 \
             ON CONFLICT DO NOTHING";
        let values = [
            operator.into(),
            label.into(),
            Fingerprint::of(token.expose()).as_str().into(),
            self.clock().now().into(),
            TOKENS_MAX.into(),
        ];
        let is_added = self.execute_logged(add, values, Some(audit)).await?;
        Ok(is_added.then_some(token))
    }

    /// Ends a token and the sessions that it opened. `false` if the operator has no valid token of that
    /// label.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn revoke_token(
        &self,
        operator: String,
        label: String,
        audit: AuditEntry,
    ) -> Result<bool> {
        let now = self.clock().now();
        let done = self.transaction_if(move |txn| {
            Box::pin(async move {
                // While the token is valid: afterwards its label may be another's.
                let end = "DELETE FROM operator_sessions WHERE token_hash IN (SELECT token_hash \
                     FROM operator_tokens WHERE operator = $1 AND label = $2 AND revoked_at IS NULL)";
                sql::execute(txn, end, [operator.as_str().into(), label.as_str().into()]).await?;
                let revoke = "UPDATE operator_tokens SET revoked_at = $1 \
                     WHERE operator = $2 AND label = $3 AND revoked_at IS NULL";
                let values = [now.into(), operator.into(), label.into()];
                if sql::execute(txn, revoke, values).await? == 0 {
                    return Ok(None);
                }
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(()))
            })
        });
        Ok(done.await?.is_some())
    }

    /// The valid tokens of an operator, oldest first.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn tokens_of(&self, operator: &str) -> Result<Vec<NamedToken>> {
        let valid = "SELECT label, created_at, last_used_at FROM operator_tokens \
             WHERE operator = $1 AND revoked_at IS NULL ORDER BY id";
        let found: Vec<(String, DateTime<Utc>, Option<DateTime<Utc>>)> =
            sql::tuples(&self.db(), valid, [operator.into()]).await?;
        let named = |(label, since, last_used_at)| NamedToken {
            label,
            since,
            last_used_at,
        };
        Ok(found.into_iter().map(named).collect())
    }

    /// The operator who has this token; `None` also if the operator is disabled.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn operator_by_token(&self, token: Fingerprint) -> Result<Option<Operator>> {
        let found = find(&self.db(), &token).await?;
        let now = self.clock().now();
        let Some(found) = found else { return Ok(None) };
        if found.last_used_at.is_none_or(|at| now - at >= USED_EACH) {
            self.record_use(found.id, now);
        }
        Ok(Some(found.operator))
    }

    /// The request does not wait for it: the time is only shown.
    fn record_use(&self, id: i64, now: DateTime<Utc>) {
        let writer = self.inner.pools.writer.clone();
        drop(self.run(async move {
            let used = "UPDATE operator_tokens SET last_used_at = $1 WHERE id = $2";
            let values = [now.trunc_subsecs(3).into(), id.into()];
            let written = sql::execute(&writer, used, values).await;
            if let Err(error) = &written {
                warn!(%error, "failed to record when a token was last used");
            }
            written
        }));
    }
}

/// A valid token.
pub struct FoundToken {
    id: i64,
    /// Who has it.
    pub operator: Operator,
    last_used_at: Option<DateTime<Utc>>,
}

/// The token with this fingerprint, if it is valid now.
pub async fn find(db: &impl ConnectionTrait, token: &Fingerprint) -> Result<Option<FoundToken>> {
    let valid = "SELECT t.id, o.name, o.role, t.last_used_at FROM operator_tokens t \
         JOIN operators o ON o.name = t.operator \
         WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND o.disabled_at IS NULL";
    let found: Option<(i64, String, String, Option<DateTime<Utc>>)> =
        sql::tuple(db, valid, [token.as_str().into()]).await?;
    let Some((id, name, role, last_used_at)) = found else {
        return Ok(None);
    };
    let role = read_role(&role)?;
    Ok(Some(FoundToken {
        id,
        operator: Operator { name, role },
        last_used_at,
    }))
}

/// A role as it is stored.
pub fn read_role(word: &str) -> Result<Role> {
    let corrupt = |_| StoreError::Corrupt(format!("operators.role {word:?}"));
    word.parse().map_err(corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_sha_256_of_the_token() {
        // FIPS 180-4's example.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

        assert_eq!(Fingerprint::of("abc").as_str(), abc);
        assert!(Fingerprint::of("abc").matches(&Fingerprint::from_stored(abc.to_owned())));
        assert!(!Fingerprint::of("abc").matches(&Fingerprint::of("abd")));
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (one, other) = (fresh_token(), fresh_token());

        assert_eq!(one.expose().len(), 64);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }
}

//! Operators, and the tokens by which they are known.
//!
//! A token is 256 bits from the operating system's random source, and the database has only its
//! SHA-256. A quick hash is right here: a token of that size cannot be guessed, so a slow hash would
//! only delay every request. The lookup is safe too: the time that an index takes to find a hash reveals
//! nothing about the token.

use chrono::{DateTime, Utc};
use entities::operators;
use rand::RngExt;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sea_orm::ConnectionTrait;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::people::{Operator, Secret};
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::{AuditEntry, Store, StoreError};

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
    let bytes: [u8; 32] = UnwrapErr(SysRng).random();
    Secret::new(hex::encode(bytes))
}

/// An operator who has or had a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOperator {
    /// Name and role.
    pub operator: Operator,
    /// When the operator was added.
    pub since: DateTime<Utc>,
    /// When the token was disabled.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Adds an operator, or enables a disabled one, and returns a fresh token, which is stored nowhere.
    /// `None` if there is one of that name.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_operator(
        &self,
        operator: Operator,
        audit: Option<AuditEntry>,
    ) -> Result<Option<Secret>> {
        let (token, now) = (fresh_token(), self.clock().now());
        // A disabled operator is enabled again, with this role and token.
        let add = "INSERT INTO operators (name, role, token_hash, created_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET role = excluded.role, \
             token_hash = excluded.token_hash, disabled_at = NULL \
             WHERE operators.disabled_at IS NOT NULL";
        let values = [
            operator.name.into(),
            operator.role.as_str().into(),
            Fingerprint::of(token.expose()).as_str().into(),
            now.into(),
        ];
        let is_added = self.execute_logged(add, values, audit).await?;
        Ok(is_added.then_some(token))
    }

    /// Disables an operator's token, and the sessions that it opened; the name stays in the audit log.
    /// `false` if no operator of that name is able to log in.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn disable_operator(&self, name: &str, audit: Option<AuditEntry>) -> Result<bool> {
        let disable =
            "UPDATE operators SET disabled_at = $1 WHERE name = $2 AND disabled_at IS NULL";
        let values = [self.clock().now().into(), name.into()];
        self.execute_logged(disable, values, audit).await
    }

    /// All operators who have or had a token, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn operators(&self) -> Result<Vec<KnownOperator>> {
        let found = sql::models(&self.db(), "ORDER BY name", []).await?;
        let known = |row: operators::Model| {
            Ok(KnownOperator {
                since: row.created_at,
                disabled_at: row.disabled_at,
                operator: operator(row)?,
            })
        };
        found.into_iter().map(known).collect()
    }

    /// The operator who has this token; `None` also if the operator is disabled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn operator_by_token(&self, token: Fingerprint) -> Result<Option<Operator>> {
        find(&self.db(), &token).await
    }

    /// Whether any operator is enabled, apart from the owner of the bootstrap token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_operators(&self) -> Result<bool> {
        let enabled = "SELECT id FROM operators WHERE disabled_at IS NULL LIMIT 1";
        let enabled: Option<i64> = sql::tuple(&self.db(), enabled, []).await?;
        Ok(enabled.is_some())
    }
}

/// The operator who has this token now.
pub async fn find(db: &impl ConnectionTrait, token: &Fingerprint) -> Result<Option<Operator>> {
    let enabled = "WHERE token_hash = $1 AND disabled_at IS NULL";
    let found = sql::model(db, enabled, [token.as_str().into()]).await?;
    found.map(operator).transpose()
}

fn operator(row: operators::Model) -> Result<Operator> {
    let role = row
        .role
        .parse()
        .map_err(|_| StoreError::Corrupt(format!("operators.role {:?}", row.role)))?;
    Ok(Operator {
        name: row.name,
        role,
    })
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

//! Operators: adding, disabling, and a list of them.

use chrono::{DateTime, Utc};
use entities::operators;
use sea_orm::ConnectionTrait;

use super::audit_log::{self, AuditEntry};
use super::tokens::{Fingerprint, fresh_token, read_role};
use crate::domain::people::{Operator, Secret};
use crate::store::Store;
use crate::store::engine::sql;
use crate::store::error::Result;

/// The label of the token that an operator is added with.
const FIRST_TOKEN: &str = "first";

/// An operator who can or could log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOperator {
    /// Name and role.
    pub operator: Operator,
    /// When the operator was added.
    pub since: DateTime<Utc>,
    /// When the operator was disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether a log-in with the password needs a code.
    pub has_totp: bool,
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
        let hash = Fingerprint::of(token.expose());
        let added = self.transaction_if(move |txn| {
            Box::pin(async move {
                let add = "INSERT INTO operators (name, role, created_at) VALUES ($1, $2, $3) \
                     ON CONFLICT (name) DO UPDATE SET role = excluded.role, disabled_at = NULL \
                     WHERE operators.disabled_at IS NOT NULL";
                let name = operator.name.as_str();
                let values = [name.into(), operator.role.as_str().into(), now.into()];
                if sql::execute(txn, add, values).await? == 0 {
                    return Ok(None);
                }
                let token = "INSERT INTO operator_tokens (operator, label, token_hash, created_at) \
                     VALUES ($1, $2, $3, $4)";
                let hash = hash.as_str().into();
                let values = [name.into(), FIRST_TOKEN.into(), hash, now.into()];
                sql::execute(txn, token, values).await?;
                if let Some(entry) = audit {
                    audit_log::insert(txn, &entry, now).await?;
                }
                Ok(Some(()))
            })
        });
        Ok(added.await?.map(|()| token))
    }

    /// Ends everything by which an operator has access; the name stays in the audit log. `false` if no
    /// operator of that name is able to log in.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn disable_operator(&self, name: &str, audit: Option<AuditEntry>) -> Result<bool> {
        let (name, now) = (name.to_owned(), self.clock().now());
        let done = self.transaction_if(move |txn| {
            Box::pin(async move {
                let disable = "UPDATE operators SET disabled_at = $1, password_hash = NULL, \
                     password_once = false, totp_secret = NULL, totp_confirmed = false \
                     WHERE name = $2 AND disabled_at IS NULL";
                let values = [now.into(), name.as_str().into()];
                if sql::execute(txn, disable, values).await? == 0 {
                    return Ok(None);
                }
                let revoke = "UPDATE operator_tokens SET revoked_at = $1 \
                     WHERE operator = $2 AND revoked_at IS NULL";
                sql::execute(txn, revoke, [now.into(), name.as_str().into()]).await?;
                for forget in [
                    "DELETE FROM operator_sessions WHERE operator = $1",
                    "DELETE FROM operator_devices WHERE operator = $1",
                    "DELETE FROM operator_recovery_codes WHERE operator = $1",
                ] {
                    sql::execute(txn, forget, [name.as_str().into()]).await?;
                }
                if let Some(entry) = audit {
                    audit_log::insert(txn, &entry, now).await?;
                }
                Ok(Some(()))
            })
        });
        Ok(done.await?.is_some())
    }

    /// All operators who can or could log in, by name.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn operators(&self) -> Result<Vec<KnownOperator>> {
        let found: Vec<operators::Model> = sql::models(&self.db(), "ORDER BY name", []).await?;
        let known = |row: operators::Model| {
            Ok(KnownOperator {
                since: row.created_at,
                disabled_at: row.disabled_at,
                has_password: row.password_hash.is_some(),
                has_totp: row.totp_confirmed,
                operator: operator_of(row)?,
            })
        };
        found.into_iter().map(known).collect()
    }

    /// Whether any operator is enabled, apart from the owner of the bootstrap token.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn has_operators(&self) -> Result<bool> {
        let enabled = "SELECT id FROM operators WHERE disabled_at IS NULL LIMIT 1";
        let enabled: Option<i64> = sql::tuple(&self.db(), enabled, []).await?;
        Ok(enabled.is_some())
    }
}

/// The row of an operator who is able to log in.
pub async fn enabled(db: &impl ConnectionTrait, name: &str) -> Result<Option<operators::Model>> {
    let enabled = "WHERE name = $1 AND disabled_at IS NULL";
    sql::model(db, enabled, [name.into()]).await
}

/// Name and role of a row.
pub fn operator_of(row: operators::Model) -> Result<Operator> {
    Ok(Operator {
        role: read_role(&row.role)?,
        name: row.name,
    })
}

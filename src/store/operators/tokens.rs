//! The people who run the hotspots, by their tokens.

use chrono::{DateTime, Utc};
use entities::operators;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

use super::audit_log;
use super::credentials::{Fingerprint, fresh_token};
use crate::domain::people::operator::Operator;
use crate::domain::people::secret::Secret;
use crate::store::engine::sql;
use crate::store::{AuditEntry, Store, StoreError};

/// An operator who has or had a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOperator {
    /// Name and role.
    pub operator: Operator,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When the token was ended.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Adds an operator, or enables one who was disabled, and returns a fresh token, which is kept
    /// nowhere. `None` if there is one of that name.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_operator(
        &self,
        operator: Operator,
        audit: Option<AuditEntry>,
    ) -> Result<Option<Secret>, StoreError> {
        let (token, now) = (fresh_token(), self.clock().now());
        let hash = Fingerprint::of(token.expose());
        let added = self.transaction(move |txn| Box::pin(add(txn, operator, hash, audit, now)));
        Ok(added.await?.then_some(token))
    }

    /// Ends an operator's token, and the sessions that it opened; the name stays in the audit log.
    /// `false` if no operator of that name is able to log in.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn disable_operator(
        &self,
        name: &str,
        audit: Option<AuditEntry>,
    ) -> Result<bool, StoreError> {
        let (name, now) = (name.to_owned(), self.clock().now());
        self.transaction(move |txn| Box::pin(disable(txn, name, audit, now)))
            .await
    }

    /// All who have or had a token, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn operators(&self) -> Result<Vec<KnownOperator>, StoreError> {
        let all = sql::select::<operators::Entity>("ORDER BY name");
        let found: Vec<operators::Model> = sql::rows(&self.db(), &all, []).await?;
        let known = |row: operators::Model| {
            Ok(KnownOperator {
                since: row.created_at,
                disabled_at: row.disabled_at,
                operator: operator(row)?,
            })
        };
        found.into_iter().map(known).collect()
    }

    /// Whose token this is; `None` also for an operator who is disabled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn operator_by_token(
        &self,
        token: Fingerprint,
    ) -> Result<Option<Operator>, StoreError> {
        find(&self.db(), &token).await
    }

    /// Whether there is an operator beside the owner of the bootstrap token.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_operators(&self) -> Result<bool, StoreError> {
        let able = "SELECT COUNT(*) FROM operators WHERE disabled_at IS NULL";
        let able: Option<i64> = sql::tuple(&self.db(), able, []).await?;
        Ok(able.is_some_and(|able| able > 0))
    }
}

/// Whose token this is now.
pub(in crate::store) async fn find(
    db: &impl ConnectionTrait,
    token: &Fingerprint,
) -> Result<Option<Operator>, StoreError> {
    let able = "WHERE token_hash = $1 AND disabled_at IS NULL";
    let able = sql::select::<operators::Entity>(able);
    let found = sql::row(db, &able, [token.as_str().into()]).await?;
    found.map(operator).transpose()
}

async fn disable(
    txn: &DatabaseTransaction,
    name: String,
    audit: Option<AuditEntry>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let disable = "UPDATE operators SET disabled_at = $1 WHERE name = $2 AND disabled_at IS NULL";
    let disabled = sql::execute(txn, disable, [now.into(), name.into()]).await? == 1;
    if let Some(entry) = audit.filter(|_| disabled) {
        audit_log::insert(txn, &entry, now).await?;
    }
    Ok(disabled)
}

async fn add(
    txn: &DatabaseTransaction,
    operator: Operator,
    token: Fingerprint,
    audit: Option<AuditEntry>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // One that is disabled is enabled again, with this role and token.
    let add = "INSERT INTO operators (name, role, token_hash, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET role = excluded.role, \
         token_hash = excluded.token_hash, disabled_at = NULL \
         WHERE operators.disabled_at IS NOT NULL";
    let values = [
        operator.name.into(),
        operator.role.as_str().into(),
        token.as_str().into(),
        now.into(),
    ];
    let added = sql::execute(txn, add, values).await? == 1;
    if let Some(entry) = audit.filter(|_| added) {
        audit_log::insert(txn, &entry, now).await?;
    }
    Ok(added)
}

fn operator(row: operators::Model) -> Result<Operator, StoreError> {
    let role = row
        .role
        .parse()
        .map_err(|_| StoreError::Corrupt(format!("operators.role {:?}", row.role)))?;
    Ok(Operator {
        name: row.name,
        role,
    })
}

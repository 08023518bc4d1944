//! The people who run the hotspots, by their tokens.

use chrono::{DateTime, Utc};
use entities::operators;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder,
};

use super::audit_log;
use super::credentials::{Fingerprint, fresh_token};
use crate::domain::people::operator::Operator;
use crate::domain::people::secret::Secret;
use crate::store::{AuditEntry, Store, StoreError};

/// Somebody who has or had a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownOperator {
    /// Who it is.
    pub operator: Operator,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When the token was ended.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Takes an operator on, or again one who was disabled, and returns a fresh token, which
    /// is kept nowhere. `None` if there is one of that name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn add_operator(
        &self,
        operator: Operator,
        audit: Option<AuditEntry>,
    ) -> Result<Option<Secret>, StoreError> {
        let token = fresh_token();
        let token_hash = Fingerprint::of(token.expose());
        let now = self.clock().now();
        let added = self.transaction(move |txn| {
            Box::pin(
                async move { add_and_log(txn, &operator, &token_hash, audit.as_ref(), now).await },
            )
        });
        Ok(added.await?.then_some(token))
    }

    /// Ends an operator's token, and the sessions that it opened; the name stays in the audit log.
    /// False if there is nobody of that name who is not disabled already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn disable_operator(
        &self,
        name: &str,
        audit: Option<AuditEntry>,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move { disable(txn, &name, audit.as_ref(), now).await })
        })
        .await
    }

    /// Everybody who has or had a token, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn operators(&self) -> Result<Vec<KnownOperator>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let rows = operators::Entity::find()
                .order_by_asc(operators::Column::Name)
                .all(&store.inner.reader)
                .await?;
            rows.into_iter()
                .map(|row| {
                    let (since, disabled_at) = (row.created_at, row.disabled_at);
                    Ok(KnownOperator {
                        operator: operator(row)?,
                        since,
                        disabled_at,
                    })
                })
                .collect()
        })
        .await
    }

    /// Who has this token; `None` also for an operator who is disabled.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn operator_by_token(
        &self,
        token: Fingerprint,
    ) -> Result<Option<Operator>, StoreError> {
        let store = self.clone();
        self.read(async move { find(&store.inner.reader, &token).await })
            .await
    }

    /// Whether anybody but the bootstrap token's owner can come in.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn has_operators(&self) -> Result<bool, StoreError> {
        let store = self.clone();
        self.read(async move {
            let able = operators::Entity::find().filter(operators::Column::DisabledAt.is_null());
            Ok(able.count(&store.inner.reader).await? > 0)
        })
        .await
    }
}

async fn disable(
    txn: &DatabaseTransaction,
    name: &str,
    audit: Option<&AuditEntry>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let disabled = operators::Entity::update_many()
        .col_expr(operators::Column::DisabledAt, Expr::value(now))
        .filter(operators::Column::Name.eq(name))
        .filter(operators::Column::DisabledAt.is_null())
        .exec(txn)
        .await?;
    let disabled = disabled.rows_affected == 1;
    if let Some(entry) = audit.filter(|_| disabled) {
        audit_log::insert(txn, entry, now).await?;
    }
    Ok(disabled)
}

/// Who has this token now.
pub(in crate::store) async fn find(
    db: &impl ConnectionTrait,
    token: &Fingerprint,
) -> Result<Option<Operator>, StoreError> {
    let row = operators::Entity::find()
        .filter(operators::Column::TokenHash.eq(token.as_str()))
        .filter(operators::Column::DisabledAt.is_null())
        .one(db)
        .await?;
    row.map(operator).transpose()
}

async fn add_and_log(
    txn: &DatabaseTransaction,
    operator: &Operator,
    token: &Fingerprint,
    audit: Option<&AuditEntry>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let added = add(txn, operator, token, now).await?;
    if let Some(entry) = audit.filter(|_| added) {
        audit_log::insert(txn, entry, now).await?;
    }
    Ok(added)
}

async fn add(
    txn: &DatabaseTransaction,
    operator: &Operator,
    token: &Fingerprint,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let role = operator.role.as_str().to_owned();
    let again = operators::Entity::update_many()
        .set(operators::ActiveModel {
            role: Set(role.clone()),
            token_hash: Set(token.as_str().to_owned()),
            disabled_at: Set(None),
            ..Default::default()
        })
        .filter(operators::Column::Name.eq(&operator.name))
        .filter(operators::Column::DisabledAt.is_not_null())
        .exec(txn)
        .await?;
    if again.rows_affected == 1 {
        return Ok(true);
    }
    let known = OnConflict::column(operators::Column::Name)
        .do_nothing()
        .to_owned();
    let row = operators::ActiveModel {
        name: Set(operator.name.clone()),
        role: Set(role),
        token_hash: Set(token.as_str().to_owned()),
        created_at: Set(now),
        disabled_at: Set(None),
        ..Default::default()
    };
    let inserted = operators::Entity::insert(row)
        .on_conflict(known)
        .exec_without_returning(txn)
        .await?;
    Ok(inserted == 1)
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

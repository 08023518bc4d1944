//! Routers, in FreeRADIUS's table `nas`. FreeRADIUS looks there when a router speaks.

use chrono::{DateTime, Utc};
use entities::nas;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};

use crate::domain::access::router::{COA_PORT, NewRouter, Router};
use crate::domain::people::secret::Secret;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store, StoreError};

impl Store {
    /// All routers, by their row numbers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn routers(&self) -> Result<Vec<Router>, StoreError> {
        let store = self.clone();
        self.read(async move {
            let rows = nas::Entity::find()
                .order_by_asc(nas::Column::Id)
                .all(&store.inner.reader)
                .await?;
            Ok(rows.into_iter().map(router).collect())
        })
        .await
    }

    /// Adds a router, for this operator; `None` if there is one at that address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn add_router(
        &self,
        new: NewRouter,
        operator: &str,
    ) -> Result<Option<Router>, StoreError> {
        let operator = operator.to_owned();
        let now = self.clock().now();
        self.transaction_if(move |txn| Box::pin(async move { add(txn, &new, operator, now).await }))
            .await
    }

    /// Removes a router, for this operator; `None` if there is none with that number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn remove_router(
        &self,
        id: i32,
        operator: &str,
    ) -> Result<Option<Router>, StoreError> {
        let operator = operator.to_owned();
        let now = self.clock().now();
        self.transaction_if(move |txn| Box::pin(remove(txn, id, operator, now)))
            .await
    }
}

async fn add(
    txn: &DatabaseTransaction,
    new: &NewRouter,
    operator: String,
    now: DateTime<Utc>,
) -> Result<Option<Router>, StoreError> {
    let address = new.address().to_string();
    let known = nas::Entity::find()
        .filter(nas::Column::Nasname.eq(&address))
        .one(txn)
        .await?;
    if known.is_some() {
        return Ok(None);
    }
    let row = nas::ActiveModel {
        nasname: Set(address),
        shortname: Set(Some(new.name().to_owned())),
        nas_type: Set(Some("other".to_owned())),
        ports: Set(Some(i32::from(new.coa_port()))),
        secret: Set(new.secret().expose().to_owned()),
        description: Set(Some("added by malipo".to_owned())),
        require_ma: Set("auto".to_owned()),
        limit_proxy_state: Set("auto".to_owned()),
        ..Default::default()
    };
    let row = nas::Entity::insert(row).exec_with_returning(txn).await?;
    log(txn, operator, "nas_add", &row.nasname, now).await?;
    Ok(Some(router(row)))
}

async fn remove(
    txn: &DatabaseTransaction,
    id: i32,
    operator: String,
    now: DateTime<Utc>,
) -> Result<Option<Router>, StoreError> {
    let Some(row) = nas::Entity::find_by_id(id).one(txn).await? else {
        return Ok(None);
    };
    nas::Entity::delete_by_id(id).exec(txn).await?;
    log(txn, operator, "nas_remove", &row.nasname, now).await?;
    Ok(Some(router(row)))
}

/// What is changed by hand is in the audit log, or it is not changed.
async fn log(
    txn: &DatabaseTransaction,
    operator: String,
    action: &'static str,
    address: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        operator,
        action,
        order_id: None,
        subject: format!("router {address}"),
        detail: None,
    };
    Ok(audit_log::insert(txn, &entry, now).await?)
}

fn router(row: nas::Model) -> Router {
    let port = row.ports.and_then(|port| u16::try_from(port).ok());
    Router {
        id: row.id,
        name: row.shortname.unwrap_or_else(|| row.nasname.clone()),
        address: row.nasname,
        secret: Secret::new(row.secret),
        coa_port: port.filter(|port| *port > 0).unwrap_or(COA_PORT),
    }
}

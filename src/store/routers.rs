//! Routers, in FreeRADIUS's table `nas`. FreeRADIUS looks there when a router speaks.

use entities::nas;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Store, StoreError, roll_back};
use crate::domain::router::{COA_PORT, NewRouter, Router};
use crate::domain::secret::Secret;

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

    /// Adds a router; `None` if there is one at that address.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn add_router(&self, new: NewRouter) -> Result<Option<Router>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let txn = store.begin().await?;
            match add(&txn, &new).await {
                Ok(added) => {
                    txn.commit().await.map_err(StoreError::CommitUnknown)?;
                    Ok(added)
                }
                Err(error) => {
                    roll_back(txn).await;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Removes a router; `None` if there is none with that number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached.
    pub async fn remove_router(&self, id: i32) -> Result<Option<Router>, StoreError> {
        let store = self.clone();
        self.run(async move {
            let found = nas::Entity::find_by_id(id).one(&store.inner.writer).await?;
            let gone = nas::Entity::delete_by_id(id)
                .exec(&store.inner.writer)
                .await?;
            Ok(found.filter(|_| gone.rows_affected > 0).map(router))
        })
        .await
    }
}

async fn add(
    txn: &sea_orm::DatabaseTransaction,
    new: &NewRouter,
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
    Ok(Some(router(row)))
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

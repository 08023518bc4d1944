//! Routers, in FreeRADIUS's table `nas`, where FreeRADIUS looks them up when they send a request.

use entities::nas;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;

use crate::domain::access::{COA_PORT, NewRouter, Router};
use crate::domain::people::Secret;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{AuditEntry, Store};

/// FreeRADIUS's words for `require_ma`.
const MUST_SIGN: &str = "yes";
const MAY_SIGN: &str = "auto";

impl Store {
    /// All routers, by their row numbers.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn routers(&self) -> Result<Vec<Router>> {
        let found = sql::models(&self.db(), "ORDER BY id", []).await?;
        Ok(found.into_iter().map(router).collect())
    }

    /// Adds a router, for this operator; `None` if there is one at that address.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn add_router(&self, new: NewRouter, operator: &str) -> Result<Option<Router>> {
        let address = new.address.to_string();
        let require_ma = match new.require_message_auth {
            true => MUST_SIGN,
            false => MAY_SIGN,
        };
        let (audit, now) = (entry(operator, "nas_add", &address), self.clock().now());
        self.transaction_if(move |txn| {
            Box::pin(async move {
                let known = "SELECT id FROM nas WHERE nasname = $1";
                let known: Option<i32> = sql::tuple(txn, known, [address.as_str().into()]).await?;
                if known.is_some() {
                    return Ok(None);
                }
                let row = nas::ActiveModel {
                    nasname: Set(address),
                    shortname: Set(Some(new.name)),
                    nas_type: Set(Some("other".to_owned())),
                    ports: Set(Some(i32::from(new.coa_port))),
                    secret: Set(new.secret.expose().to_owned()),
                    description: Set(Some("added by malipo".to_owned())),
                    require_ma: Set(require_ma.to_owned()),
                    limit_proxy_state: Set("auto".to_owned()),
                    ..Default::default()
                };
                let row = nas::Entity::insert(row).exec_with_returning(txn).await?;
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(router(row)))
            })
        })
        .await
    }

    /// Removes a router, for this operator; `None` if there is none with that number.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn remove_router(&self, id: i32, operator: &str) -> Result<Option<Router>> {
        let (operator, now) = (operator.to_owned(), self.clock().now());
        self.transaction_if(move |txn| {
            Box::pin(async move {
                let Some(row) = nas::Entity::find_by_id(id).one(txn).await? else {
                    return Ok(None);
                };
                nas::Entity::delete_by_id(id).exec(txn).await?;
                let audit = entry(&operator, "nas_remove", &row.nasname);
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(router(row)))
            })
        })
        .await
    }
}

/// The line of the audit log, in the transaction that changes the router.
fn entry(operator: &str, action: &'static str, address: &str) -> AuditEntry {
    AuditEntry {
        operator: operator.to_owned(),
        action,
        order_id: None,
        subject: format!("router {address}"),
        detail: None,
    }
}

fn router(row: nas::Model) -> Router {
    let port = row.ports.and_then(|port| u16::try_from(port).ok());
    Router {
        id: row.id,
        name: row.shortname.unwrap_or_else(|| row.nasname.clone()),
        address: row.nasname,
        secret: Secret::new(row.secret),
        coa_port: port.filter(|port| *port > 0).unwrap_or(COA_PORT),
        require_message_auth: row.require_ma == MUST_SIGN,
    }
}

//! Routers, in FreeRADIUS's table `nas`, where FreeRADIUS looks them up when they send a request.

use entities::nas;
use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait};

use crate::domain::access::{
    COA_PORT, NewRouter, Router, RouterAddress, RouterKind, RouterTaken, is_in_tunnels,
    tunnel_address,
};
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

    /// The names of routers whose rows FreeRADIUS never finds: they were written by hand, in another spelling
    /// of the address, or as a network without its limits.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn routers_never_found(&self) -> Result<Vec<String>> {
        let rows: Vec<nas::Model> = sql::models(&self.db(), "ORDER BY id", []).await?;
        let lost = rows.into_iter().filter(|row| !is_found(row));
        Ok(lost.map(|row| router(row).name).collect())
    }

    /// Adds a router, for this operator.
    ///
    /// # Errors
    /// As `Store::transaction`; the inner error, if another router has what this one needs.
    pub async fn add_router(
        &self,
        new: NewRouter,
        operator: &str,
    ) -> Result<std::result::Result<Router, RouterTaken>> {
        let audit = entry(operator, "nas_add", &new.address.to_string());
        let now = self.clock().now();
        self.transaction(move |txn| {
            Box::pin(async move {
                lock(txn).await?;
                if let Some(taken) = taken(txn, &new, None).await? {
                    return Ok(Err(taken));
                }
                let row = nas::ActiveModel {
                    description: Set(Some("added by malipo".to_owned())),
                    limit_proxy_state: Set("auto".to_owned()),
                    ..row_of(&new)
                };
                let row = nas::Entity::insert(row).exec_with_returning(txn).await?;
                audit_log::insert(txn, &audit, now).await?;
                Ok(Ok(router(row)))
            })
        })
        .await
    }

    /// Gives a router other values, for this operator; `None` if it was removed. Routers at its address
    /// get its secret.
    ///
    /// # Errors
    /// As `Store::add_router`.
    pub async fn change_router(
        &self,
        id: i32,
        new: NewRouter,
        operator: &str,
    ) -> Result<Option<std::result::Result<Router, RouterTaken>>> {
        let audit = entry(operator, "nas_change", &new.address.to_string());
        let now = self.clock().now();
        self.transaction_if(move |txn| {
            Box::pin(async move {
                lock(txn).await?;
                let Some(old) = nas::Entity::find_by_id(id).one(txn).await? else {
                    return Ok(None);
                };
                if let Some(taken) = taken(txn, &new, Some(&old)).await? {
                    return Ok(Some(Err(taken)));
                }
                let mut row = row_of(&new);
                row.id = Set(id);
                let row = nas::Entity::update(row).exec(txn).await?;
                let audit = AuditEntry {
                    detail: changes(&old, &row),
                    ..audit
                };
                let share = "UPDATE nas SET secret = $1 WHERE nasname = $2";
                let values = [row.secret.as_str().into(), row.nasname.as_str().into()];
                sql::execute(txn, share, values).await?;
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(Ok(router(row))))
            })
        })
        .await
    }

    /// Removes a router, for this operator; `None` if there is none with that number.
    ///
    /// # Errors
    /// As `Store::transaction`.
    pub async fn remove_router(
        &self,
        id: i32,
        operator: &str,
        detail: Option<String>,
    ) -> Result<Option<Router>> {
        let (operator, now) = (operator.to_owned(), self.clock().now());
        self.transaction_if(move |txn| {
            Box::pin(async move {
                let Some(row) = nas::Entity::find_by_id(id).one(txn).await? else {
                    return Ok(None);
                };
                nas::Entity::delete_by_id(id).exec(txn).await?;
                for forget in [
                    "DELETE FROM router_status WHERE router_id = $1",
                    "DELETE FROM router_tunnels WHERE router_id = $1",
                ] {
                    sql::execute(txn, forget, [id.into()]).await?;
                }
                let audit = AuditEntry {
                    detail,
                    ..entry(&operator, "nas_remove", &row.nasname)
                };
                audit_log::insert(txn, &audit, now).await?;
                Ok(Some(router(row)))
            })
        })
        .await
    }
}

/// Lets one change of routers at a time through, on PostgreSQL; SQLite has one writer anyway. FreeRADIUS reads on.
pub(super) async fn lock(txn: &DatabaseTransaction) -> Result<()> {
    if txn.get_database_backend() == DbBackend::Postgres {
        let lock = "LOCK TABLE nas IN SHARE ROW EXCLUSIVE MODE";
        sql::execute(txn, lock, []).await?;
    }
    Ok(())
}

/// What another router than `old` has and `new` needs for itself.
async fn taken(
    txn: &DatabaseTransaction,
    new: &NewRouter,
    old: Option<&nas::Model>,
) -> Result<Option<RouterTaken>> {
    let address = new.address.to_string();
    if is_in_tunnels(new.address) && is_anothers_tunnel(txn, &address, old).await? {
        return Ok(Some(RouterTaken::TunnelAddress));
    }
    let rest = "WHERE id <> $1 AND (nasname = $2 OR shortname = $3)";
    let id = old.map_or(0, |row| row.id);
    let values = [id.into(), address.as_str().into(), new.name.as_str().into()];
    let others: Vec<nas::Model> = sql::models(txn, rest, values).await?;
    // Rows that were made by hand may share a name, and can still be changed.
    let keeps_name = old.is_some_and(|row| row.shortname.as_ref() == Some(&new.name));
    let has_name = |row: &nas::Model| row.shortname.as_ref() == Some(&new.name);
    let here = |row: &&nas::Model| row.nasname == address;
    let same = |row: &nas::Model| row.identifier == new.identifier;
    // A change gives all routers at its own address the new secret, and none at another address.
    let stays = old.is_some_and(|row| row.nasname == address);
    let has_other_secret = |row: &nas::Model| !stays && row.secret != new.secret.expose();
    Ok(if others.iter().filter(here).any(same) {
        Some(RouterTaken::Address)
    } else if !keeps_name && others.iter().any(has_name) {
        Some(RouterTaken::Name)
    } else if others.iter().filter(here).any(has_other_secret) {
        Some(RouterTaken::Secret)
    } else {
        None
    })
}

/// Whether there are tunnels, and the address is not the one that this router has in its own.
async fn is_anothers_tunnel(
    txn: &DatabaseTransaction,
    address: &str,
    old: Option<&nas::Model>,
) -> Result<bool> {
    // Router 0 is the server.
    let hosts = "SELECT router_id, host FROM router_tunnels WHERE router_id IN (0, $1)";
    let id = old.map_or(0, |row| row.id);
    let ends: Vec<(i32, i32)> = sql::tuples(txn, hosts, [id.into()]).await?;
    let is_own = |&(of, host): &(i32, i32)| of != 0 && tunnel_address(host).to_string() == address;
    Ok(!ends.is_empty() && !ends.iter().any(is_own))
}

/// Whether the row is as malipo writes it, which is what FreeRADIUS's query compares.
fn is_found(row: &nas::Model) -> bool {
    let address = row.nasname.parse::<RouterAddress>();
    address.is_ok_and(|address| {
        let limits = (row.range_first.clone(), row.range_last.clone());
        address.to_string() == row.nasname && address.range().unzip() == limits
    })
}

fn row_of(new: &NewRouter) -> nas::ActiveModel {
    let require_ma = match new.require_message_auth {
        true => MUST_SIGN,
        false => MAY_SIGN,
    };
    let (first, last) = new.address.range().unzip();
    nas::ActiveModel {
        nasname: Set(new.address.to_string()),
        shortname: Set(Some(new.name.clone())),
        nas_type: Set(Some(new.kind.as_str().to_owned())),
        ports: Set(Some(i32::from(new.coa_port))),
        secret: Set(new.secret.expose().to_owned()),
        require_ma: Set(require_ma.to_owned()),
        identifier: Set(new.identifier.clone()),
        range_first: Set(first),
        range_last: Set(last),
        ..Default::default()
    }
}

/// The names of the values that have changed. A value may be a secret.
fn changes(old: &nas::Model, new: &nas::Model) -> Option<String> {
    let names = [
        ("address", old.nasname != new.nasname),
        ("name", old.shortname != new.shortname),
        ("identifier", old.identifier != new.identifier),
        ("type", old.nas_type != new.nas_type),
        ("secret", old.secret != new.secret),
        ("coa_port", old.ports != new.ports),
        ("require_message_auth", old.require_ma != new.require_ma),
    ];
    let changed: Vec<&str> = (names.iter().filter(|(_, is_new)| *is_new))
        .map(|(name, _)| *name)
        .collect();
    (!changed.is_empty()).then(|| format!("changed: {}", changed.join(", ")))
}

/// The line of the audit log, in the transaction that changes the router.
pub(super) fn entry(operator: &str, action: &'static str, address: &str) -> AuditEntry {
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
    let kind = row.nas_type.and_then(|word| word.parse().ok());
    Router {
        id: row.id,
        name: row.shortname.unwrap_or_else(|| row.nasname.clone()),
        address: row.nasname,
        identifier: row.identifier,
        kind: kind.unwrap_or(RouterKind::Other),
        secret: Secret::new(row.secret),
        coa_port: port.filter(|port| *port > 0).unwrap_or(COA_PORT),
        require_message_auth: row.require_ma == MUST_SIGN,
    }
}

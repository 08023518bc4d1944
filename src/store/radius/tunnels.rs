//! The tunnels of routers behind NAT: the keys of both ends, and which address each router has in it.
//! They are kept, so that a script can be printed again; a copy of the database has every router's
//! secret anyway. FreeRADIUS's own user may not read them.

use std::net::Ipv4Addr;

use sea_orm::DatabaseTransaction;

use super::routers::{entry, lock};
use crate::domain::access::{
    Router, RouterAddress, RouterTaken, TUNNEL_HOST_MAX, Tunnel, TunnelKeys, is_in_tunnels,
    tunnel_address,
};
use crate::domain::people::Secret;
use crate::store::engine::sql;
use crate::store::error::Result;
use crate::store::operators::audit_log;
use crate::store::{Store, StoreError};

/// The row of the server's own end.
const SERVER: i32 = 0;
/// The server's number in the range; the routers' begin above it.
const SERVER_HOST: i32 = 1;

/// The smallest number that no end has.
const FREE_HOST: &str = "SELECT MIN(host) + 1 FROM router_tunnels t \
     WHERE NOT EXISTS (SELECT 1 FROM router_tunnels n WHERE n.host = t.host + 1)";

impl Store {
    /// The tunnels of all routers that have one, after this router was given one, for this operator: its
    /// row in `nas` then has its address in the tunnel. `new_keys` are for new ends: the server's, and the
    /// router's.
    ///
    /// # Errors
    /// As `Store::transaction`; the inner error, if another router has an address in tunnels.
    pub async fn add_tunnel(
        &self,
        router: &Router,
        new_keys: [Secret; 2],
        operator: &str,
    ) -> Result<std::result::Result<TunnelKeys, RouterTaken>> {
        let (id, now) = (router.id, self.clock().now());
        let audit = entry(operator, "nas_tunnel", &router.name);
        self.transaction(move |txn| {
            Box::pin(async move {
                lock(txn).await?;
                let known = "SELECT host FROM router_tunnels WHERE router_id = $1";
                let host: Option<i32> = sql::tuple(txn, known, [id.into()]).await?;
                if others_in_tunnels(txn, id).await? {
                    return Ok(Err(RouterTaken::TunnelNetwork));
                }
                if host.is_none() {
                    let [server, own] = new_keys;
                    let free: Option<Option<i32>> = sql::tuple(txn, FREE_HOST, []).await?;
                    let free = free.flatten().unwrap_or(SERVER_HOST + 1);
                    if free > TUNNEL_HOST_MAX {
                        return Ok(Err(RouterTaken::TunnelsFull));
                    }
                    add(txn, SERVER, SERVER_HOST, &server).await?;
                    add(txn, id, free, &own).await?;
                    audit_log::insert(txn, &audit, now).await?;
                }
                let keys = read(txn).await?;
                if let Some(own) = keys.routers.iter().find(|tunnel| tunnel.router_id == id) {
                    let follow = "UPDATE nas SET nasname = $1, range_first = NULL, \
                         range_last = NULL WHERE id = $2 AND nasname <> $1";
                    let values = [own.address.to_string().into(), id.into()];
                    sql::execute(txn, follow, values).await?;
                }
                Ok(Ok(keys))
            })
        })
        .await
    }
}

impl Store {
    /// The server's address for a router that has a tunnel.
    ///
    /// # Errors
    /// `StoreError::Unavailable`.
    pub async fn tunnel_server(&self, router_id: i32) -> Result<Option<Ipv4Addr>> {
        let known = "SELECT host FROM router_tunnels WHERE router_id = $1";
        let host: Option<i32> = sql::tuple(&self.db(), known, [router_id.into()]).await?;
        Ok(host.map(|_| tunnel_address(SERVER_HOST)))
    }
}

/// Whether another router than this one is registered in the network of tunnels without being there.
async fn others_in_tunnels(txn: &DatabaseTransaction, id: i32) -> Result<bool> {
    let all = "SELECT n.nasname, t.host FROM nas n LEFT JOIN router_tunnels t ON t.router_id = n.id \
         WHERE n.id <> $1";
    let others: Vec<(String, Option<i32>)> = sql::tuples(txn, all, [id.into()]).await?;
    Ok(others.iter().any(|(address, host)| {
        let is_there = address.parse::<RouterAddress>().is_ok_and(is_in_tunnels);
        is_there && host.map(|host| tunnel_address(host).to_string()).as_ref() != Some(address)
    }))
}

/// The first writer counts.
async fn add(txn: &DatabaseTransaction, id: i32, host: i32, key: &Secret) -> Result<()> {
    let insert = "INSERT INTO router_tunnels (router_id, host, private_key) VALUES ($1, $2, $3) \
         ON CONFLICT (router_id) DO NOTHING";
    let values = [id.into(), host.into(), key.expose().into()];
    sql::execute(txn, insert, values).await.map(drop)
}

async fn read(txn: &DatabaseTransaction) -> Result<TunnelKeys> {
    let all = "SELECT t.router_id, COALESCE(n.shortname, ''), t.host, t.private_key \
         FROM router_tunnels t LEFT JOIN nas n ON n.id = t.router_id ORDER BY t.host";
    let rows: Vec<(i32, String, i32, String)> = sql::tuples(txn, all, []).await?;
    let mut ends = rows.into_iter().map(|(router_id, name, host, key)| Tunnel {
        router_id,
        name,
        address: tunnel_address(host),
        private_key: Secret::new(key),
    });
    let server = ends.next();
    Ok(TunnelKeys {
        server: server
            .ok_or_else(|| StoreError::Corrupt("router_tunnels has no server".to_owned()))?,
        routers: ends.collect(),
    })
}

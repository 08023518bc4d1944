//! Routers, as an operator adds and changes them by the API and in the console, and the script for each.

use super::{Caller, Code, Problem};
use crate::domain::access::{NewRouter, NotARouter, Router, RouterKind, RouterTaken};
use crate::domain::people::Secret;
use crate::radius::client::is_heard;
use crate::radius::fresh_secret;
use crate::radius::mikrotik::{self, MikroTik};

/// The values of a router as they were entered; what is missing stays as it is.
#[derive(Default)]
pub struct Entered {
    pub address: Option<String>,
    pub name: Option<String>,
    /// Blank: none.
    pub identifier: Option<String>,
    pub kind: Option<String>,
    /// Missing: a random one, or that of the routers at the same address.
    pub secret: Option<String>,
    pub coa_port: Option<u32>,
    pub require_message_auth: Option<bool>,
}

/// Adds a router.
///
/// # Errors
/// A 422 if a value is not valid, a 409 if another router has what it needs.
pub async fn add_router(entered: Entered, caller: &Caller) -> Result<Router, Problem> {
    let address = entered.address.as_deref().unwrap_or_default();
    let secret = match &entered.secret {
        Some(secret) => Secret::new(secret.as_str()),
        None => Router::secret_at(caller.api.store.routers().await?, address)
            .unwrap_or_else(fresh_secret),
    };
    let blank = Router {
        id: 0,
        address: String::new(),
        name: String::new(),
        identifier: None,
        kind: RouterKind::default(),
        secret,
        coa_port: crate::domain::access::COA_PORT,
        require_message_auth: false,
    };
    let new = with_values(&blank, entered, caller).await?;
    let store = &caller.api.store;
    let added = store.add_router(new, &caller.operator().name).await?;
    added.map_err(taken)
}

/// Changes a router.
///
/// # Errors
/// As [`add_router`]; a 404 if it was removed.
pub async fn change_router(
    router: &Router,
    entered: Entered,
    caller: &Caller,
) -> Result<Router, Problem> {
    let new = with_values(router, entered, caller).await?;
    let (store, name) = (&caller.api.store, &caller.operator().name);
    let changed = store.change_router(router.id, new, name).await?;
    changed.ok_or_else(no_such_router)?.map_err(taken)
}

/// Removes a router. The detail goes into the audit log.
///
/// # Errors
/// The database's failure.
pub async fn remove_router(
    router: &Router,
    detail: Option<String>,
    caller: &Caller,
) -> Result<(), Problem> {
    let (store, name) = (&caller.api.store, &caller.operator().name);
    store.remove_router(router.id, name, detail).await?;
    Ok(())
}

/// The router of this name.
///
/// # Errors
/// A 404 if there is none, a 409 if rows that were made by hand share the name.
pub async fn router_named(name: &str, caller: &Caller) -> Result<Router, Problem> {
    let mut routers = caller.api.store.routers().await?;
    routers.retain(|router| router.name == name);
    if routers.len() > 1 {
        return Err(Code::InvalidTransition.detail("several routers have this name"));
    }
    routers.pop().ok_or_else(no_such_router)
}

/// The script of a MikroTik, with its secret; `None` for a router of another kind.
///
/// # Errors
/// If the database cannot be read.
pub async fn script_of(router: &Router, caller: &Caller) -> Result<Option<String>, Problem> {
    if !router.kind.has_script() {
        return Ok(None);
    }
    let inside = caller.api.store.tunnel_server(router.id).await?;
    let inside = inside.map(|address| address.to_string());
    let outside = caller.api.site.radius_address.clone();
    let portal = &caller.api.checkout.public_url;
    Ok(Some(mikrotik::script(&MikroTik {
        router,
        radius_server: inside.or(outside).as_deref(),
        portal: portal.as_str(),
        portal_addresses: &mikrotik::fixed_address(portal),
    })))
}

/// The router with these values in place of its own.
async fn with_values(
    router: &Router,
    entered: Entered,
    caller: &Caller,
) -> Result<NewRouter, Problem> {
    let fault = |fault: NotARouter| Code::InvalidValue.detail(fault);
    let address = entered.address.as_deref().unwrap_or(&router.address);
    let name = entered.name.as_deref().unwrap_or(&router.name);
    let secret = entered.secret.map(Secret::new);
    let secret = secret.unwrap_or_else(|| router.secret.clone());
    let port = entered.coa_port.unwrap_or(router.coa_port.into());
    let identifier = entered.identifier.as_ref().or(router.identifier.as_ref());
    let new = NewRouter::parse(address, name, secret, Some(port)).map_err(fault)?;
    let kind = entered.kind.map(|word| word.parse());
    let kind = kind.transpose().map_err(|_| fault(NotARouter::Kind))?;
    let must_sign = entered.require_message_auth;
    let new = NewRouter {
        kind: kind.unwrap_or(router.kind),
        require_message_auth: must_sign.unwrap_or(router.require_message_auth),
        ..new
            .known_as(identifier.map(String::as_str))
            .map_err(fault)?
    };
    is_heard(&new, caller.api.site.radius)
        .await
        .map_err(fault)?;
    Ok(new)
}

fn taken(why: RouterTaken) -> Problem {
    Code::InvalidTransition.detail(why)
}

fn no_such_router() -> Problem {
    Code::NotFound.detail("there is no router of that name")
}

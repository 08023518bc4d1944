//! FreeRADIUS's tables: users, sessions and routers.

pub(super) mod online;
pub(super) mod reports;
pub(super) mod router_status;
pub(super) mod routers;
pub(super) mod sessions;
pub(super) mod trusted;
pub(super) mod tunnels;
pub(super) mod users;

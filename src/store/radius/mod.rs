//! FreeRADIUS's tables: users, sessions and routers.

pub(super) mod reports;
pub(super) mod routers;
pub(super) mod sessions;
pub(super) mod trusted;
pub(super) mod users;

//! What lets a guest in: vouchers, RADIUS users, routers, and the links to an order.

pub(super) mod base62;
pub mod device;
pub mod owner_link;
pub mod radius_health;
pub mod radius_user;
pub mod router;
pub mod session;
pub mod state_link;
pub mod usage;
pub mod voucher;

//! What lets a guest in: vouchers, RADIUS users, routers, and the links to an order.

pub(super) mod base62;
pub mod links;
pub mod radius_health;
pub mod router;
pub mod router_address;
pub mod router_refusal;
pub mod router_status;
#[cfg(test)]
mod router_tests;
pub mod serial;
pub mod session;
pub mod tunnel;
pub mod unaccounted;
pub mod usage;
pub mod voucher;

pub use links::{OwnerToken, StateToken, sms_link};
pub use radius_health::{
    ONLY_AS_PRINTED, RadiusHealth, RadiusTrouble, RefusalReason, VoucherTestResult,
};
pub use router::{COA_PORT, NewRouter, NotARouter, Origin, Router, RouterKind, RouterTaken};
pub use router_address::RouterAddress;
pub use router_refusal::RouterRefusal;
pub use router_status::{DisconnectResult, RouterFault, RouterStatus};
pub use serial::{NotASerial, Serial};
pub use session::{Attribute, DeviceMac, NotADeviceMac, RadiusUser, Session, SessionLimits};
pub use tunnel::{
    TUNNEL_HOST_MAX, TUNNEL_PREFIX, Tunnel, TunnelKeys, is_in_tunnels, tunnel_address,
    tunnel_network,
};
pub use unaccounted::{FirstAccept, UnaccountedRouter};
pub use usage::{Allowance, Remaining, State, Usage};
pub use voucher::{ALPHABET, CODE_LENGTH, Voucher, VoucherCode};

//! A device on-line at a router.

use core::net::{IpAddr, Ipv4Addr};

use super::voucher::VoucherCode;

/// A session as the router's accounting told it: what a Disconnect-Request must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The router, by the address that it gives itself.
    pub router: IpAddr,
    /// Whose voucher it runs on.
    pub user: VoucherCode,
    /// The router's own name for the session.
    pub id: String,
    /// The device's address in the hotspot.
    pub address: Option<Ipv4Addr>,
    /// The device's hardware address.
    pub station: Option<String>,
}

//! The tunnel (WireGuard) of a router behind NAT, through which FreeRADIUS sees it at an address of
//! its own, and a Disconnect-Request reaches it.

use core::net::Ipv4Addr;

use crate::domain::people::Secret;

/// The addresses in tunnels. Each end keeps its own.
const RANGE: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 0);
/// Fixed bits of the range.
pub const TUNNEL_PREFIX: u8 = 16;

/// One end.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// Its row in `nas`; 0 for the server.
    pub router_id: i32,
    /// The router's name; empty for the server.
    pub name: String,
    /// Its address in the tunnel.
    pub address: Ipv4Addr,
    /// Its key, in base64.
    pub private_key: Secret,
}

/// All ends.
#[derive(Clone, Debug)]
pub struct TunnelKeys {
    /// The machine of FreeRADIUS.
    pub server: Tunnel,
    /// The routers, by their addresses.
    pub routers: Vec<Tunnel>,
}

/// The address of the end with this number.
pub fn tunnel_address(host: i32) -> Ipv4Addr {
    let host = u32::try_from(host).unwrap_or(0) & 0xffff;
    Ipv4Addr::from_bits(RANGE.to_bits() | host)
}

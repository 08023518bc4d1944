//! The tunnel (WireGuard) of a router behind NAT, through which FreeRADIUS sees it at an address of
//! its own, and a Disconnect-Request reaches it.

use core::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::router_address::RouterAddress;
use crate::domain::people::Secret;

/// The addresses in tunnels. Each end keeps its own.
const RANGE: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 0);
/// Fixed bits of the range.
pub const TUNNEL_PREFIX: u8 = 16;
/// The number of the last end; the next address is for broadcasts.
pub const TUNNEL_HOST_MAX: i32 = 65_534;

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

/// All addresses in tunnels.
pub fn tunnel_network() -> Ipv4Net {
    Ipv4Net::new_assert(RANGE, TUNNEL_PREFIX)
}

/// Whether a router's address is one of those in tunnels, or a network that has some of them.
pub fn is_in_tunnels(address: RouterAddress) -> bool {
    let tunnels = tunnel_network();
    match address {
        RouterAddress::One(IpAddr::V4(one)) => tunnels.contains(&one),
        RouterAddress::Network(IpNet::V4(network)) => {
            tunnels.contains(&network) || network.contains(&tunnels)
        }
        RouterAddress::One(IpAddr::V6(_))
        | RouterAddress::Network(IpNet::V6(_))
        | RouterAddress::Any => false,
    }
}

/// The address of the end with this number.
pub fn tunnel_address(host: i32) -> Ipv4Addr {
    let host = u32::try_from(host).unwrap_or(0) & 0xffff;
    Ipv4Addr::from_bits(RANGE.to_bits() | host)
}

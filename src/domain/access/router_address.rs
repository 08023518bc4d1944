//! Where a router's packets come from.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use ipnet::IpNet;

/// How `nas` has [`RouterAddress::Any`].
pub const ANY: &str = "any";

/// The text is no address of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is an IP address or a network, as in 10.0.0.1 or 10.0.0.0/24, or any")]
pub struct NotAnAddress;

/// One address, a network, or any address, of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouterAddress {
    /// The router's own address.
    One(IpAddr),
    /// A router whose address changes within a network.
    Network(IpNet),
    /// A router whose address may be any, of IPv4 or IPv6.
    Any,
}

impl RouterAddress {
    /// Whether FreeRADIUS must listen on IPv6 to hear the router.
    pub fn needs_ipv6(&self) -> bool {
        match self {
            Self::One(own) => own.is_ipv6(),
            Self::Network(network) => network.addr().is_ipv6(),
            Self::Any => false,
        }
    }

    /// The first and the last address of a network in hex digits, as FreeRADIUS compares them.
    pub fn range(&self) -> Option<(String, String)> {
        match self {
            Self::One(_) | Self::Any => None,
            Self::Network(network) => {
                Some((digits(network.network()), digits(network.broadcast())))
            }
        }
    }
}

fn digits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => hex::encode(address.octets()),
        IpAddr::V6(address) => hex::encode(address.octets()),
    }
}

impl FromStr for RouterAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if text.eq_ignore_ascii_case(ANY) {
            return Ok(Self::Any);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::One(address));
        }
        let network: IpNet = text.parse().map_err(|_| NotAnAddress)?;
        if network.prefix_len() == network.max_prefix_len() {
            return Ok(Self::One(network.addr()));
        }
        Ok(Self::Network(network.trunc()))
    }
}

impl fmt::Display for RouterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => address.fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Any => f.write_str(ANY),
        }
    }
}

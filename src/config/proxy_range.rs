//! The addresses that requests of a trusted proxy come from.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// The addresses of proxies whose `X-Forwarded-For` counts: one address, or a range in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyRange(IpNet);

impl ProxyRange {
    /// Whether the address is in the range, in IPv4's spelling or in IPv6's (`::ffff:10.0.0.1`).
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for ProxyRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let range = text.parse::<IpNet>().or_else(|_| address());
        let range = range.map_err(
            |_| "each must be an address or a range of addresses, as in 10.0.0.1 or 172.16.0.0/12",
        )?;
        let mapped = IpAddr::to_canonical(&range.addr());
        let range = match (range, mapped, range.prefix_len().checked_sub(96)) {
            (IpNet::V6(_), IpAddr::V4(v4), Some(bits)) => Ipv4Net::new(v4, bits)
                .expect("an IPv6 prefix has at most 128 bits")
                .into(),
            (range, _, _) => range,
        };
        if range.prefix_len() == 0 {
            return Err("a range of all addresses would let every client choose its own address");
        }
        Ok(Self(range))
    }
}

impl Display for ProxyRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            return self.0.addr().fmt(f);
        }
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_or_a_range_in_either_spelling() {
        let contains = |range: &str, address: &str| {
            let range: ProxyRange = range.parse().unwrap();
            range.contains(address.parse().unwrap())
        };
        for (range, inside, outside) in [
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("172.16.0.0/12", "::ffff:172.16.0.0", "2001:db8::1"),
            // The bits behind the prefix do not count.
            ("192.0.2.77/24", "192.0.2.1", "192.0.3.77"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("2001:db8::7", "2001:db8::7", "2001:db8::8"),
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
        ] {
            assert!(contains(range, inside), "{range} {inside}");
            assert!(!contains(range, outside), "{range} {outside}");
        }
        for wrong in [
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/255.0.0.0",
            "proxy.example",
            "2001:db8::/129",
            // All addresses.
            "0.0.0.0/0",
            "::/0",
            "::ffff:0.0.0.0/96",
        ] {
            assert!(wrong.parse::<ProxyRange>().is_err(), "{wrong}");
        }
    }
}

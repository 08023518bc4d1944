//! Which address is the client's.
//!
//! # Invariants
//! `X-Forwarded-For` counts only as far as trusted proxies wrote it. Any client may send one, so it
//! is read from the right, and the first address that is not one of our proxies is the client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::http::header::HeaderMap;

use crate::config::ProxyRange;
use crate::domain::pacing::ClientId;

/// The addresses that a request has passed, as its proxies write them.
pub(super) const FORWARDED_FOR: &str = "x-forwarded-for";

pub(super) fn is_trusted(address: IpAddr, trusted: &[ProxyRange]) -> bool {
    trusted.iter().any(|range| range.contains(address))
}

/// A client and its way to us, as far as trusted proxies wrote it.
pub(super) struct Way {
    pub client: IpAddr,
    /// The client is the peer itself: no proxy named it.
    pub is_direct: bool,
    /// More addresses stand to the left of the client's: it is a proxy that is not trusted, or it sent
    /// the header itself.
    pub has_more: bool,
}

/// Reads `X-Forwarded-For` from the right, up to the first address that is not one of our proxies.
pub(super) fn way(peer: IpAddr, headers: &HeaderMap, trusted: &[ProxyRange]) -> Way {
    let hops: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    let (count, mut client, mut hops) = (hops.len(), peer, hops.iter().rev());
    // Our proxies write valid addresses: an entry that is none, and all to its left, came from the
    // client.
    while is_trusted(client, trusted)
        && let Some(next) = hops.clone().next().and_then(|hop| address(hop.trim()))
    {
        client = next;
        hops.next();
    }
    Way {
        client,
        is_direct: hops.len() == count,
        has_more: hops.len() > 0,
    }
}

/// An address as proxies write it: with a port or without.
fn address(hop: &str) -> Option<IpAddr> {
    let plain = hop.trim_start_matches('[').trim_end_matches(']');
    let parsed = plain.parse().ok().or_else(|| {
        let with_port: SocketAddr = hop.parse().ok()?;
        Some(with_port.ip())
    });
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// An IPv4 address, or the /64 of an IPv6 address (RFC 6177): one client.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

pub(super) fn client_id(address: IpAddr) -> ClientId {
    let bits = match network(address) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    ClientId(bits.to_bits())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn headers(forwarded: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = HeaderValue::from_str(value).unwrap();
            headers.append(HeaderName::from_static(FORWARDED_FOR), value);
        }
        headers
    }

    #[track_caller]
    fn assert_client(peer: &str, forwarded: &[&str], expected: &str) {
        let trusted = [PROXY, "10.0.0.2", "172.16.0.0/12"];
        let trusted = trusted.map(|range| range.parse().unwrap());

        let way = way(ip(peer).to_canonical(), &headers(forwarded), &trusted);

        assert_eq!(way.client, ip(expected), "{peer} {forwarded:?}");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_peer_is_the_client_unless_it_is_a_trusted_proxy() {
        assert_client("192.0.2.7", &[], "192.0.2.7");
        assert_client("192.0.2.7", &["198.51.100.1"], "192.0.2.7");
        assert_client(PROXY, &[], PROXY);
        assert_client(PROXY, &["198.51.100.1"], "198.51.100.1");
        assert_client("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn hops_that_a_client_wrote_itself_do_not_count() {
        assert_client(PROXY, &["203.0.113.9, 198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["203.0.113.9", "198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["10.0.0.2, 198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["198.51.100.1, 10.0.0.2"], "198.51.100.1");
        assert_client(PROXY, &["198.51.100.1, rubbish"], PROXY);
        assert_client(PROXY, &["rubbish, 198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn a_proxy_may_be_anywhere_in_a_trusted_range() {
        assert_client("172.18.0.1", &["198.51.100.1"], "198.51.100.1");
        assert_client("::ffff:172.18.0.1", &["198.51.100.1"], "198.51.100.1");
        assert_client(PROXY, &["198.51.100.1, 172.31.9.9"], "198.51.100.1");
        assert_client("172.32.0.1", &["198.51.100.1"], "172.32.0.1");
    }

    #[test]
    fn the_way_of_a_request_tells_what_lies_beyond_the_client() {
        let trusted = [PROXY.parse().unwrap()];
        for (forwarded, client, is_direct, has_more) in [
            (&[][..], PROXY, true, false),
            (&["rubbish"][..], PROXY, true, true),
            (&["127.0.0.1"][..], "127.0.0.1", false, false),
            (&["198.51.100.1, 10.0.0.2"][..], "10.0.0.2", false, true),
            (&["198.51.100.1", "10.0.0.2"][..], "10.0.0.2", false, true),
        ] {
            let way = way(ip(PROXY), &headers(forwarded), &trusted);

            assert_eq!(way.client, ip(client), "{forwarded:?}");
            let seen = (way.is_direct, way.has_more);
            assert_eq!(seen, (is_direct, has_more), "{forwarded:?}");
        }
    }

    #[test]
    fn an_address_may_have_a_port() {
        assert_client(PROXY, &["198.51.100.1:5000"], "198.51.100.1");
        assert_client(PROXY, &["[2001:db8::1]:5000"], "2001:db8::1");
        assert_client(PROXY, &["2001:db8::1"], "2001:db8::1");
        assert_client(PROXY, &["[2001:db8::1]"], "2001:db8::1");
    }

    #[test]
    fn a_household_is_one_client() {
        let one = |address: &str, other: &str| client_id(ip(address)) == client_id(ip(other));

        assert!(one("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"));
        assert!(!one("2001:db8:1:2::9", "2001:db8:1:3::9"));
        assert!(!one("192.0.2.7", "192.0.2.8"));
        assert!(one("192.0.2.7", "::ffff:192.0.2.7"));
    }
}

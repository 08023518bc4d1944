//! From where the host of a URL can be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Endings of names that exist on one machine or in one network only (RFC 6761, 6762 and 8375; `internal`
/// by ICANN; the others by habit). No authority gives a certificate for them.
const PRIVATE_ENDINGS: [&str; 10] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "lan",
    "home",
    "corp",
    "home.arpa",
];

/// A URL that can be called over HTTP.
pub(super) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Whether a URL names a user or a password, which would be sent, and shown where the URL is.
pub(super) fn has_password(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether the host is on this machine or in a private network, so that the Internet cannot reach it.
pub(super) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_private_name(name.trim_end_matches('.')),
        Some(Host::Ipv4(ip)) => is_private_v4(ip),
        Some(Host::Ipv6(ip)) => match ip.to_canonical() {
            IpAddr::V4(ip) => is_private_v4(ip),
            IpAddr::V6(ip) => is_private_v6(ip),
        },
        None => true,
    }
}

fn is_private_name(name: &str) -> bool {
    let ends = |ending: &&str| {
        let rest = name.strip_suffix(*ending);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !name.contains('.') || PRIVATE_ENDINGS.iter().any(ends)
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is behind the NAT of a carrier (RFC 6598).
    let [first, second, ..] = ip.octets();
    let is_of_carrier = first == 100 && second & 0b1100_0000 == 64;
    // 0.0.0.0/8 is "this network" (RFC 1122).
    first == 0 || ip.is_loopback() || ip.is_private() || ip.is_link_local() || is_of_carrier
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    ip.is_unspecified() || ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_of_the_internet_is_not_private() {
        for (host, private) in [
            ("wifi.example", false),
            ("wifi.example.", false),
            ("localhost.example", false),
            ("mylan.example", false),
            ("home.co.tz", false),
            ("203.0.113.7", false),
            ("100.128.0.1", false),
            ("172.32.0.1", false),
            ("[2001:db8::7]", false),
            ("localhost", true),
            ("LOCALHOST.", true),
            ("shop.localhost", true),
            ("shop.home.arpa", true),
            ("shop.lan", true),
            ("malipo", true),
            ("127.0.0.1", true),
            ("127.9", true),
            ("0x7f000001", true),
            ("0.0.0.0", true),
            ("10.5.50.1", true),
            ("172.16.0.1", true),
            ("192.168.88.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("[::1]", true),
            ("[::]", true),
            ("[::ffff:10.0.0.1]", true),
            ("[fd00::1]", true),
            ("[fe80::1]", true),
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(is_private(&url), private, "{host}");
        }
    }
}

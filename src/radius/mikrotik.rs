//! What an owner pastes into a MikroTik router's terminal, so that its hotspot asks FreeRADIUS,
//! reports its sessions, ends them on request, and shows guests the way to the portal. PAP works in
//! every browser, also without scripts; the router's cookie logs a phone in again that was idle.
//!
//! `script.rsc` is the text. The terminal runs a block in braces only if it understands all of it; so
//! what older versions do not know is in a text that is parsed while the script runs. `tests/browser`
//! has a router that reads the script.

use core::fmt::Write as _;
use core::net::IpAddr;

use url::{Host, Url};

use crate::domain::access::Router;

/// One router, and the two servers that it needs.
#[derive(Clone, Copy)]
pub struct MikroTik<'a> {
    pub router: &'a Router,
    /// FreeRADIUS's address for that router, or its name. `None`: the owner fills it in.
    pub radius_server: Option<&'a str>,
    /// `server.public_url`, with or without a slash at its end.
    pub portal: &'a str,
    /// Addresses of the portal that do not change.
    pub portal_addresses: &'a [IpAddr],
}

/// The portal's address, if its URL has one in place of a name.
pub fn fixed_address(portal: &Url) -> Vec<IpAddr> {
    match portal.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(_)) | None => Vec::new(),
    }
}

/// The script of one router, with its secret.
pub fn script(mikrotik: &MikroTik) -> String {
    let portal = Url::parse(mikrotik.portal).ok();
    let portal = portal.as_ref();
    let host = portal.and_then(Url::host_str).unwrap_or_default();
    let port = portal
        .and_then(Url::port_or_known_default)
        .unwrap_or_default();
    // A hotspot knows IPv4 only.
    let addresses = mikrotik.portal_addresses.iter().filter(|ip| ip.is_ipv4());
    let gardens: String = addresses
        .map(|address| {
            format!(
                "/ip hotspot walled-garden ip add dst-address={address} protocol=tcp \
                 dst-port={port} action=accept comment=\"malipo\"\n"
            )
        })
        .collect();
    let router = mikrotik.router;
    let values = [
        ("{name}", one_line(&router.name)),
        ("{router}", one_line(&router.address)),
        ("{server}", server(router, mikrotik.radius_server)),
        ("{secret}", quoted(router.secret.expose())),
        ("{unsigned}", unsigned(router).to_owned()),
        ("{incoming}", router.coa_port.to_string()),
        ("{host}", quoted(host)),
        ("{gardens}", gardens),
        ("{login}", file(mikrotik.portal, "login.html")),
        ("{api}", file(mikrotik.portal, "api.json")),
    ];
    // Each place is filled once, from the left, so that no value can have another one's place.
    let mut script = String::new();
    let mut rest = include_str!("script.rsc");
    while let Some((at, (place, value))) = values
        .iter()
        .filter_map(|value| Some((rest.find(value.0)?, value)))
        .min_by_key(|(at, _)| *at)
    {
        script.push_str(&rest[..at]);
        script.push_str(value);
        rest = &rest[at + place.len()..];
    }
    script + rest
}

/// RouterOS takes no name as the address of a RADIUS server, and looks up only IPv4 addresses. A router
/// that is known by an IPv6 address must ask an IPv6 address.
fn server(router: &Router, server: Option<&str>) -> String {
    let address = |server: &str| server.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    match (server, server.and_then(address)) {
        (None, _) => "ADDRESS-OF-FREERADIUS".to_owned(),
        (Some(_), Some(address)) if address.is_ipv6() => address.to_string(),
        (Some(_), _) if router.address.contains(':') => "THE-SERVERS-IPV6-ADDRESS".to_owned(),
        (Some(_), Some(address)) => address.to_string(),
        (Some(name), None) => format!("[:resolve {}]", quoted(name)),
    }
}

/// What a RouterOS does that cannot sign.
const fn unsigned(router: &Router) -> &'static str {
    match router.require_message_auth {
        true => {
            ":error \"malipo: FreeRADIUS will not answer this router. Update RouterOS, or set Log-ins to any \
             in the console, and paste this again.\""
        }
        false => {
            ":put \"malipo: this RouterOS is older than 7.15, and does not sign what it asks FreeRADIUS.\""
        }
    }
}

fn file(portal: &str, name: &str) -> String {
    quoted(&format!("{}/router/{name}", portal.trim_end_matches('/')))
}

/// A text as RouterOS reads it. Everything that it could take for more than a character is written as
/// a number, also `?`, which asks the terminal of version 6 for help.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | b'$' => quoted.extend(['\\', char::from(byte)]),
            b'?' | 0..=0x1f | 0x7f.. => {
                write!(quoted, "\\{byte:02X}").expect("a String takes everything");
            }
            _ => quoted.push(char::from(byte)),
        }
    }
    quoted + "\""
}

/// A text in a comment, which ends with the line.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .filter(|c| *c != '?')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::RouterKind;
    use crate::domain::people::Secret;

    fn router(name: &str, secret: &str) -> Router {
        Router {
            id: 1,
            address: "10.0.0.1".to_owned(),
            name: name.to_owned(),
            identifier: None,
            kind: RouterKind::MikroTik,
            secret: Secret::new(secret),
            coa_port: 1_700,
            require_message_auth: false,
        }
    }

    fn printed(router: &Router, server: Option<&str>, portal: &str) -> String {
        let addresses = fixed_address(&portal.parse().unwrap());
        script(&MikroTik {
            router,
            radius_server: server,
            portal,
            portal_addresses: &addresses,
        })
    }

    #[test]
    fn the_script_names_the_servers_and_the_router() {
        let router = router("bar", "0123456789abcdef");

        let script = printed(&router, Some("203.0.113.5"), "https://wifi.example/");

        for line in [
            "# Router bar (10.0.0.1), ",
            "/radius add service=hotspot address=203.0.113.5 secret=\"0123456789abcdef\" timeout=3s comment=\"malipo\"\n",
            "/radius incoming set accept=yes port=1700\n",
            "/ip hotspot walled-garden add dst-host=\"wifi.example\" action=allow comment=\"malipo\"\n",
            "url=\"https://wifi.example/router/login.html\"",
            "url=\"https://wifi.example/router/api.json\"",
        ] {
            assert!(script.contains(line), "{line}: {script}");
        }
        assert!(
            !script.contains("walled-garden ip add"),
            "the address of a name may change"
        );
        assert!(!script.contains(['?', '\t']), "the terminal would answer");
    }

    #[test]
    fn a_portal_with_an_address_is_in_the_walled_garden_by_address() {
        let router = router("bar", "0123456789abcdef");

        let script = printed(&router, Some("[fd00::5]"), "http://203.0.113.9:8080/");

        let garden = "dst-address=203.0.113.9 protocol=tcp dst-port=8080 action=accept";
        assert!(script.contains(garden), "{script}");
        assert!(script.contains("address=fd00::5 "), "{script}");
    }

    #[test]
    fn the_router_looks_up_the_name_of_freeradius() {
        let router = router("bar", "0123456789abcdef");

        let script = printed(&router, Some("wifi.example"), "https://wifi.example/");

        let server = "address=[:resolve \"wifi.example\"] ";
        assert!(script.contains(server), "{script}");
    }

    #[test]
    fn a_router_with_an_ipv6_address_is_told_no_ipv4_address() {
        let router = Router {
            address: "fd00::1".to_owned(),
            ..router("bar", "0123456789abcdef")
        };

        for server in ["wifi.example", "203.0.113.5"] {
            let script = printed(&router, Some(server), "https://wifi.example/");
            let place = "address=THE-SERVERS-IPV6-ADDRESS ";
            assert!(script.contains(place), "{server}: {script}");
        }
        let script = printed(&router, Some("fd00::5"), "https://wifi.example/");
        assert!(script.contains("address=fd00::5 "), "{script}");
    }

    #[test]
    fn only_a_router_that_must_sign_is_stopped_when_it_cannot() {
        let mut router = router("bar", "0123456789abcdef");
        for must_sign in [false, true] {
            router.require_message_auth = must_sign;
            let script = printed(&router, None, "https://wifi.example/");
            let stops = script.contains(":error \"malipo: FreeRADIUS will not answer this router.");
            assert_eq!(stops, must_sign, "{script}");
        }
    }

    #[test]
    fn a_name_or_a_secret_adds_no_line_and_no_command() {
        let router = router(
            "bar\n/user add name=x {secret}",
            "a\"b\\c$d\n[:put \"\"]?{api}",
        );

        let script = printed(&router, None, "https://wifi.example/");

        let secret = "secret=\"a\\\"b\\\\c\\$d\\0A[:put \\\"\\\"]\\3F{api}\" ";
        assert!(script.contains(secret), "{script}");
        let first = script.lines().next().unwrap();
        assert!(
            first.starts_with("# Router bar/user add name=x {secret} ("),
            "{first}"
        );
    }
}

//! What an owner pastes into a MikroTik router's terminal, so that its hotspot asks FreeRADIUS,
//! reports its sessions, and ends them on request. PAP works in every browser, also without scripts;
//! the router's cookie logs a phone in again that was idle.

use core::net::IpAddr;

use url::{Host, Url};

use crate::domain::access::Router;

/// One router, and the two servers that it needs.
#[derive(Clone, Copy)]
pub struct MikroTik<'a> {
    pub router: &'a Router,
    /// FreeRADIUS's address for that router. `None`: the owner fills it in.
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
    let router = mikrotik.router;
    let server = mikrotik.radius_server.unwrap_or("ADDRESS-OF-FREERADIUS");
    let (secret, port) = (router.secret.expose(), router.coa_port);
    format!(
        "# Router {name} ({address}): paste this into its terminal.\n\
         /radius add service=hotspot address={server} secret={secret} timeout=3s comment=malipo\n\
         /radius incoming set accept=yes port={port}\n\
         /ip hotspot profile set [find] use-radius=yes radius-accounting=yes \
         radius-interim-update=received login-by=http-pap,cookie http-cookie-lifetime=3d\n",
        name = router.name,
        address = router.address,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::RouterKind;
    use crate::domain::people::Secret;

    #[test]
    fn the_script_has_everything_that_a_router_needs() {
        let router = Router {
            id: 1,
            address: "10.0.0.1".to_owned(),
            name: "bar".to_owned(),
            identifier: None,
            kind: RouterKind::MikroTik,
            secret: Secret::new("0123456789abcdef"),
            coa_port: 1_700,
            require_message_auth: false,
        };

        let script = script(&MikroTik {
            router: &router,
            radius_server: Some("203.0.113.5"),
            portal: "https://wifi.example",
            portal_addresses: &[],
        });

        let lines: Vec<_> = script.lines().collect();
        assert_eq!(
            lines,
            [
                "# Router bar (10.0.0.1): paste this into its terminal.",
                "/radius add service=hotspot address=203.0.113.5 secret=0123456789abcdef timeout=3s comment=malipo",
                "/radius incoming set accept=yes port=1700",
                "/ip hotspot profile set [find] use-radius=yes radius-accounting=yes radius-interim-update=received login-by=http-pap,cookie http-cookie-lifetime=3d",
            ]
        );
    }
}

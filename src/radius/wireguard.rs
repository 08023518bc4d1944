//! A tunnel to a router behind NAT, by WireGuard: the server's file for `wg-quick`, and the lines for
//! RouterOS 7. The router opens the tunnel and keeps it open, so that a Disconnect-Request gets in.

use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::Ipv4Net;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::client::random_bytes;
use super::mikrotik::one_line;
use crate::domain::access::{TUNNEL_PREFIX, Tunnel, TunnelKeys, tunnel_network};
use crate::domain::people::Secret;

/// The server's interface, after the name of its file.
const INTERFACE: &str = "malipo";
/// Where the server listens.
const PORT: u16 = 51_820;

/// A network of this machine in which the tunnels would hide addresses, or which would hide theirs, with its
/// interface; `routes` is `/proc/net/route`. A route by a gateway counts only within the tunnels: they are more
/// specific than a larger one.
pub fn overlap(routes: &str) -> Option<String> {
    let address = |hex: &str| {
        let bits = u32::from_str_radix(hex, 16).ok()?;
        Some(Ipv4Addr::from(bits.to_ne_bytes()))
    };
    routes.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let interface = fields.next()?;
        let (to, gateway) = (address(fields.next()?)?, address(fields.next()?)?);
        let network = Ipv4Net::with_netmask(to, address(fields.nth(4)?)?).ok()?;
        let tunnels = tunnel_network();
        let is_around = gateway.is_unspecified() && network.contains(&tunnels);
        let is_default = network.prefix_len() == 0;
        let overlaps = tunnels.contains(&network) || (is_around && !is_default);
        (overlaps && interface != INTERFACE).then(|| format!("{network} at {interface}"))
    })
}

/// A private key: random bits, of which five are fixed (RFC 7748, section 5).
pub fn fresh_key() -> Secret {
    let mut key = random_bytes::<32>();
    key[0] &= 0b1111_1000;
    key[31] = key[31] & 0b0111_1111 | 0b0100_0000;
    Secret::new(STANDARD.encode(key))
}

/// The public key of a private one.
fn public_key(private: &Secret) -> String {
    let mut key = [0; 32];
    // Only keys of `fresh_key` are kept; another one makes a tunnel that nothing comes through.
    if let Ok(bytes) = STANDARD.decode(private.expose())
        && let Ok(bytes) = bytes.try_into()
    {
        key = bytes;
    }
    STANDARD.encode(x25519(key, X25519_BASEPOINT_BYTES))
}

/// The server's file, `/etc/wireguard/malipo.conf`, with all routers.
pub fn server_file(keys: &TunnelKeys) -> String {
    let mut file = format!(
        "[Interface]\nAddress = {}/{TUNNEL_PREFIX}\nListenPort = {PORT}\nPrivateKey = {}\n",
        keys.server.address,
        keys.server.private_key.expose(),
    );
    for Tunnel {
        name,
        address,
        private_key,
        ..
    } in &keys.routers
    {
        let (name, public_key) = (one_line(name), public_key(private_key));
        file +=
            &format!("\n# {name}\n[Peer]\nPublicKey = {public_key}\nAllowedIPs = {address}/32\n");
    }
    file
}

/// The lines for the router, to paste before its script. `server` is the public address or name of the
/// server. A second paste changes nothing.
///
/// The firewall's rule comes first in its chain, because RouterOS's own set-up drops what comes from
/// no interface of the list LAN.
pub fn router_lines(keys: &TunnelKeys, router: &Tunnel, server: &str, coa_port: u16) -> String {
    let inside = keys.server.address;
    let rule = format!(
        "/ip firewall filter add chain=input action=accept protocol=udp dst-port={coa_port} \
         in-interface=malipo src-address={inside} comment=malipo-tunnel"
    );
    format!(
        "/interface wireguard peers remove [find comment=malipo]\n\
         /ip address remove [find comment=malipo-tunnel]\n\
         /ip firewall filter remove [find comment=malipo-tunnel]\n\
         /interface wireguard remove [find name=malipo]\n\
         /interface wireguard add name=malipo mtu=1420 private-key=\"{private}\"\n\
         /interface wireguard peers add interface=malipo public-key=\"{public}\" \
         endpoint-address={server} endpoint-port={PORT} allowed-address={inside}/32 \
         persistent-keepalive=25s comment=malipo\n\
         /ip address add address={own}/32 network={inside} interface=malipo comment=malipo-tunnel\n\
         :do {{ {rule} place-before=[:pick [/ip firewall filter find chain=input dynamic=no] 0] }} \
         on-error={{ {rule} }}\n",
        private = router.private_key.expose(),
        public = public_key(&keys.server.private_key),
        own = router.address,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_this_machine_overlaps_if_the_tunnels_would_hide_it_or_be_hidden() {
        let hex = |text: &str| {
            let address: Ipv4Addr = text.parse().unwrap();
            format!("{:08X}", u32::from_ne_bytes(address.octets()))
        };
        for (interface, to, gateway, mask, overlaps) in [
            ("eth0", "0.0.0.0", "192.0.2.1", "0.0.0.0", false),
            ("ppp0", "0.0.0.0", "0.0.0.0", "0.0.0.0", false),
            ("eth0", "10.212.0.0", "0.0.0.0", "255.255.0.0", false),
            ("eth0", "10.0.0.0", "192.0.2.1", "255.0.0.0", false),
            ("eth0", "10.0.0.0", "0.0.0.0", "255.0.0.0", true),
            ("eth0", "10.213.0.0", "0.0.0.0", "255.255.0.0", true),
            ("eth0", "10.213.7.0", "192.0.2.1", "255.255.255.0", true),
            ("malipo", "10.213.0.0", "0.0.0.0", "255.255.0.0", false),
        ] {
            let [to, gateway, mask] = [to, gateway, mask].map(hex);
            let routes = format!(
                "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                 {interface} {to} {gateway} 0001 0 0 0 {mask} 0 0 0\n"
            );
            assert_eq!(overlap(&routes).is_some(), overlaps, "{routes}");
        }
    }

    /// RFC 7748, section 6.1: the keys of Alice.
    #[test]
    fn a_public_key_follows_from_its_private_key() {
        let private = Secret::new("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=");

        let public = public_key(&private);

        assert_eq!(public, "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
        assert_ne!(fresh_key().expose(), fresh_key().expose());
    }
}

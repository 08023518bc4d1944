//! A tunnel to a router behind NAT, by WireGuard: the server's file for `wg-quick`, and the lines for
//! RouterOS 7. The router opens the tunnel and keeps it open, so that a Disconnect-Request gets in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::client::random_bytes;
use super::mikrotik::one_line;
use crate::domain::access::{TUNNEL_PREFIX, Tunnel, TunnelKeys};
use crate::domain::people::Secret;

/// Where the server listens.
const PORT: u16 = 51_820;

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

    /// RFC 7748, section 6.1: the keys of Alice.
    #[test]
    fn a_public_key_follows_from_its_private_key() {
        let private = Secret::new("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=");

        let public = public_key(&private);

        assert_eq!(public, "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=");
        assert_ne!(fresh_key().expose(), fresh_key().expose());
    }
}

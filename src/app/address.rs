//! The addresses under which this server is reached.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use crate::config::Config;

/// FreeRADIUS as routers reach it: where it is, if that is not this machine, and else this
/// machine's public name.
pub fn radius_address(config: &Config) -> Option<String> {
    let server = config.radius.server.map(|server| server.ip());
    let elsewhere = server.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    elsewhere.map(|ip| ip.to_string()).or_else(|| {
        let host = config.server.public_url.as_ref()?.host_str()?;
        let is_here = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        (!is_here).then(|| host.to_owned())
    })
}

/// The address by which this machine reaches itself.
pub(super) fn local_url(address: SocketAddr) -> Url {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1".to_owned(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "[::1]".to_owned(),
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    Url::parse(&format!("http://{host}:{}", address.port())).expect("an address makes a URL")
}

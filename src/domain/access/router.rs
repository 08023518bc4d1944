//! A router that may ask FreeRADIUS.

use core::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::people::Secret;

/// Where routers listen for Disconnect-Requests (RFC 5176, section 3).
pub const COA_PORT: u16 = 3_799;
/// The longest name that FreeRADIUS's table takes on SQLite.
const LONGEST_NAME: usize = 32;
/// Its limit for secrets; one shorter than eight can be guessed from a packet.
const SECRET_LENGTHS: core::ops::RangeInclusive<usize> = 8..=60;

/// A row of `nas`. JSON has no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Router {
    /// The row's number.
    pub id: i32,
    /// The address that its packets come from. Text, because an owner may have entered a network.
    pub address: String,
    /// What people call it.
    pub name: String,
    /// What it shares with FreeRADIUS.
    #[serde(skip)]
    pub secret: Secret,
    /// The port for Disconnect-Requests.
    pub coa_port: u16,
    /// FreeRADIUS answers its log-ins only with a Message-Authenticator.
    pub require_message_auth: bool,
}

/// A router to be added, as [`NewRouter::parse`] has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRouter {
    /// The address that its packets come from.
    pub address: IpAddr,
    /// 1 to 32 letters, digits, dots, dashes and underscores.
    pub name: String,
    /// What it shares with FreeRADIUS.
    pub secret: Secret,
    /// Where it listens for Disconnect-Requests.
    pub coa_port: u16,
    /// FreeRADIUS answers its log-ins only with a Message-Authenticator.
    pub require_message_auth: bool,
}

/// Why a router cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARouter {
    /// Not one address.
    #[error("the address must be one IP address, as in 10.0.0.1")]
    Address,
    /// Too long, or with strange characters.
    #[error("the name must be 1 to 32 letters, digits, dots, dashes and underscores")]
    Name,
    /// Too short, too long, or with characters that configurations stumble over.
    #[error("the secret must be 8 to 60 letters, digits, dots, dashes and underscores")]
    Secret,
    /// Nothing listens at port 0.
    #[error("the port must be 1 to 65535")]
    Port,
    /// FreeRADIUS would not hear it.
    #[error(
        "FreeRADIUS is not known to listen on IPv6: set listen_ipv6 = \"yes\" in its settings.conf, and \
         radius.server here to its address (the one of IPv6, if it runs on another machine)"
    )]
    Ipv6,
}

impl NewRouter {
    /// Checks what an owner has typed. Without a port it is [`COA_PORT`]. The router need not sign.
    ///
    /// # Errors
    /// [`NotARouter`] names the value that is wrong.
    pub fn parse(
        address: &str,
        name: &str,
        secret: Secret,
        coa_port: Option<u32>,
    ) -> Result<Self, NotARouter> {
        let address = address.trim().parse().map_err(|_| NotARouter::Address)?;
        let name = name.trim();
        if !(1..=LONGEST_NAME).contains(&name.len()) || !is_plain(name) {
            return Err(NotARouter::Name);
        }
        if !SECRET_LENGTHS.contains(&secret.expose().len()) || !is_plain(secret.expose()) {
            return Err(NotARouter::Secret);
        }
        let coa_port = u16::try_from(coa_port.unwrap_or(COA_PORT.into()));
        let coa_port = coa_port.ok().filter(|port| *port > 0);
        Ok(Self {
            address,
            name: name.to_owned(),
            secret,
            coa_port: coa_port.ok_or(NotARouter::Port)?,
            require_message_auth: false,
        })
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(
        address: &str,
        name: &str,
        secret: &str,
        port: Option<u32>,
    ) -> Result<u16, NotARouter> {
        NewRouter::parse(address, name, Secret::new(secret), port).map(|router| router.coa_port)
    }

    #[test]
    fn what_an_owner_types_is_checked() {
        assert_eq!(parse(" 10.0.0.1 ", "bar", "0123456789", None), Ok(3_799));
        assert_eq!(
            parse("fd00::1", "bar-2", "0123456789", Some(1_700)),
            Ok(1_700)
        );
        for address in ["", "bar", "10.0.0.0/24", "10.0.0"] {
            assert_eq!(
                parse(address, "bar", "0123456789", None),
                Err(NotARouter::Address)
            );
        }
        for name in ["", " ", "a b", "a'b", &"n".repeat(33)] {
            assert_eq!(
                parse("10.0.0.1", name, "0123456789", None),
                Err(NotARouter::Name)
            );
        }
        for secret in ["", "short", "with space", "%{secret}", &"s".repeat(61)] {
            assert_eq!(
                parse("10.0.0.1", "bar", secret, None),
                Err(NotARouter::Secret)
            );
        }
        for port in [0, 65_536] {
            assert_eq!(
                parse("10.0.0.1", "bar", "0123456789", Some(port)),
                Err(NotARouter::Port)
            );
        }
    }
}

//! A router that may ask FreeRADIUS.

use core::net::IpAddr;

use serde::Serialize;
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use super::router_address::RouterAddress;
use crate::domain::people::Secret;

/// Where routers listen for Disconnect-Requests (RFC 5176, section 3).
pub const COA_PORT: u16 = 3_799;
/// The longest name that FreeRADIUS's table takes on SQLite.
const LONGEST_NAME: usize = 32;
/// Its limit for secrets; one shorter than eight can be guessed from a packet.
const SECRET_LENGTHS: core::ops::RangeInclusive<usize> = 8..=60;
/// Characters of a NAS-Identifier.
const LONGEST_IDENTIFIER: usize = 64;

/// What a router is, and so how it is set up.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, Serialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum RouterKind {
    /// RouterOS; the script is for it.
    #[default]
    MikroTik,
    /// CoovaChilli.
    Chilli,
    /// openNDS.
    OpenNds,
    /// Anything else that speaks RADIUS.
    Other,
}

impl RouterKind {
    /// `mikrotik`, `chilli`, `opennds` or `other`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// As its makers spell it.
    pub fn spelled(self) -> &'static str {
        match self {
            Self::MikroTik => "MikroTik",
            Self::Chilli => "CoovaChilli",
            Self::OpenNds => "openNDS",
            Self::Other => "other",
        }
    }

    /// Whether the script of a MikroTik is of use: also for `other`, as which rows from before are kept.
    pub fn has_script(self) -> bool {
        match self {
            Self::MikroTik | Self::Other => true,
            Self::Chilli | Self::OpenNds => false,
        }
    }
}

/// A row of `nas`. JSON has no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Router {
    /// The row's number.
    pub id: i32,
    /// The address that its packets come from, a network, or `any`.
    pub address: String,
    /// What people call it.
    pub name: String,
    /// Its NAS-Identifier, by which routers behind one address are told apart. Null: its name.
    pub identifier: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: RouterKind,
    /// What it shares with FreeRADIUS.
    #[serde(skip)]
    pub secret: Secret,
    /// The port for Disconnect-Requests.
    pub coa_port: u16,
    /// FreeRADIUS answers its log-ins only with a Message-Authenticator.
    pub require_message_auth: bool,
}

/// Where a session's packets come from, and what its router says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The address that the packets come from; `None` if the session is older than that column.
    pub source: Option<IpAddr>,
    /// The NAS-Identifier; may be empty.
    pub identifier: &'a str,
    /// The NAS-IP-Address: many routers say 192.168.88.1.
    pub says: Option<IpAddr>,
}

impl Router {
    /// The secret that the routers at this address share; `None` if there are none.
    pub fn secret_at(routers: Vec<Self>, address: &str) -> Option<Secret> {
        let address: RouterAddress = address.trim().parse().ok()?;
        let address = address.to_string();
        let there = routers.into_iter().find(|router| router.address == address);
        there.map(|router| router.secret)
    }

    /// What tells it apart from others behind its address.
    pub fn known_as(&self) -> &str {
        self.identifier.as_deref().unwrap_or(&self.name)
    }

    /// The router of a session, and the address to reach it at: where the router is registered, and
    /// for a network the address that the packets come from. The most specific row counts, as in
    /// FreeRADIUS; of several routers behind one address, the one with the session's identifier.
    ///
    /// What a packet says counts only if no row is for its source: the address is registered then, too.
    pub fn of_session<'a>(routers: &'a [Self], origin: &Origin) -> Option<(&'a Self, IpAddr)> {
        // What comes from this machine itself was passed on.
        let source = origin.source.filter(|ip| !is_this_machine(*ip));
        let found = routers.iter().filter_map(|router| {
            let place: RouterAddress = router.address.parse().ok()?;
            let (rank, address) = match place {
                RouterAddress::One(address) if origin.source == Some(address) => (1_000, address),
                RouterAddress::One(address) if origin.says == Some(address) => (0, address),
                RouterAddress::One(_) => return None,
                RouterAddress::Network(network) => {
                    let source = source.filter(|source| network.contains(source))?;
                    (100 + u32::from(network.prefix_len()), source)
                }
                RouterAddress::Any => (50, source?),
            };
            let is_named = router.known_as() == origin.identifier;
            Some(((rank, is_named, router.id), router, address))
        });
        let (_, router, address) = found.max_by_key(|(rank, ..)| *rank)?;
        Some((router, address))
    }
}

fn is_this_machine(address: IpAddr) -> bool {
    address == IpAddr::from([127, 0, 0, 1]) || address == IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])
}

/// A router to be added, as [`NewRouter::parse`] has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRouter {
    /// Where its packets come from.
    pub address: RouterAddress,
    /// 1 to 32 letters, digits, dots, dashes and underscores.
    pub name: String,
    /// Its NAS-Identifier, if that is not its name.
    pub identifier: Option<String>,
    /// What it is.
    pub kind: RouterKind,
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
    /// No address, and no network.
    #[error(
        "the address must be an IP address or a network, as in 10.0.0.1 or 10.0.0.0/24, or any"
    )]
    Address,
    /// Too long, or with strange characters.
    #[error(
        "the name must be 1 to 32 letters, digits, dots, dashes and underscores, and no address"
    )]
    Name,
    /// Too long, or with characters that FreeRADIUS replaces.
    #[error("the identifier must be 1 to 64 letters, digits, blanks and characters of @.-_:/")]
    Identifier,
    /// No word for a router.
    #[error("the type must be mikrotik, chilli, opennds or other")]
    Kind,
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

/// Why a valid router is not written: another one has what it needs for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterTaken {
    /// Two routers could not be told apart.
    #[error(
        "there is a router at this address already; give the routers behind one address an identifier each"
    )]
    Address,
    /// Names are in paths.
    #[error("there is a router of this name already")]
    Name,
    /// FreeRADIUS knows a router by its address before it reads the packet.
    #[error("the routers at one address share one secret, and this is another one")]
    Secret,
    /// A tunnel may lead there.
    #[error(
        "the addresses of 10.213.0.0/16 are in tunnels to routers behind NAT: this router needs another one"
    )]
    TunnelAddress,
    /// The same for a router that was there before the first tunnel.
    #[error(
        "tunnels have the addresses of 10.213.0.0/16, and another router is registered at one of them, or at a network \
         that has some: `malipo router list` shows it; give it another address first"
    )]
    TunnelNetwork,
    /// There are no more addresses.
    #[error("every address of 10.213.0.0/16 is in a tunnel already")]
    TunnelsFull,
}

impl NewRouter {
    /// Checks what an owner has typed. Without a port it is [`COA_PORT`]. The router is a MikroTik that
    /// need not sign.
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
        // An address is looked for before a name, and paths leave dots out.
        let is_other =
            name.parse::<RouterAddress>().is_ok() || name.bytes().all(|byte| byte == b'.');
        if !(1..=LONGEST_NAME).contains(&name.len()) || !is_plain(name) || is_other {
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
            identifier: None,
            kind: RouterKind::default(),
            secret,
            coa_port: coa_port.ok_or(NotARouter::Port)?,
            require_message_auth: false,
        })
    }

    /// The same with an identifier; a blank one is none.
    ///
    /// # Errors
    /// [`NotARouter::Identifier`].
    pub fn known_as(self, identifier: Option<&str>) -> Result<Self, NotARouter> {
        let identifier = identifier.map(str::trim).filter(|text| !text.is_empty());
        // The others are not `safe_characters` of FreeRADIUS's SQL module.
        let is_safe = |text: &str| {
            let mut bytes = text.bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || b"@.-_:/ ".contains(&byte))
        };
        if identifier.is_some_and(|text| text.len() > LONGEST_IDENTIFIER || !is_safe(text)) {
            return Err(NotARouter::Identifier);
        }
        let identifier = identifier.map(str::to_owned);
        Ok(Self { identifier, ..self })
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

//! How single values are read, and the error for a value that cannot be used. No error repeats a
//! value: it may be a secret.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::de::{DeserializeOwned, Error, IntoDeserializer, value};
use serde::{Deserialize, Deserializer};

use crate::domain::people::Secret;

/// What is wrong with the configuration, in one sentence that names the key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    /// What is wrong with this key.
    pub fn of(key: &str, what: impl Display) -> Self {
        Self(format!("configuration key `{key}`: {what}"))
    }
}

/// How we reach ZenoPay.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Mode {
    /// Simulated in the process.
    Sandbox,
    /// ZenoPay itself.
    Live,
}

/// When order-status is asked before a webhook counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Confirm {
    /// Never; a delivery without proof is refused.
    Never,
    /// For deliveries without proof.
    Unproven,
    /// For every delivery.
    Always,
}

/// The service that delivers SMS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SmsProvider {
    /// Written to the log; for the sandbox.
    Log,
    /// NextSMS.
    Nextsms,
    /// Beem.
    Beem,
    /// Africa's Talking.
    Africastalking,
    /// ZenoPay's own SMS.
    Zenopay,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For machines, a line each.
    Json,
}

impl Mode {
    /// `sandbox` or `live`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The groups of this machine, without those of a directory service.
const GROUPS: &str = "/etc/group";

/// A group of this machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

impl TryFrom<String> for Group {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let groups = fs::read_to_string(GROUPS).map_err(|error| format!("{GROUPS}: {error}"))?;
        match number_of(&name, &groups) {
            Some(gid) => Ok(Self { name, gid }),
            None => Err(format!("there is no group of that name in {GROUPS}")),
        }
    }
}

/// `group(5)`: name, password, number and members, separated by colons.
fn number_of(name: &str, groups: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(name);
        fields.nth(1).filter(|_| is_it)?.parse().ok()
    })
}

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

/// White space, and the characters without width that editors and web pages leave behind.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.contains(char::is_control) {
            let why = "has a control character inside, such as a line break";
            return Err(D::Error::custom(why));
        }
        Ok(Self::new(text))
    }
}

pub(super) fn database_url<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    let url = Secret::deserialize(from)?;
    Ok(Secret::new(usual_form(url.expose())))
}

/// The URL of a database in the one form that the libraries read: they do not know `postgresql://`, nor
/// libpq's `postgres://USER@/DATABASE` for a local socket, because a URL has no user without a host.
pub fn usual_form(url: &str) -> String {
    let postgres = ["postgresql://", "postgres://"];
    let Some(rest) = postgres.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
        return url.to_owned();
    };
    let socket = rest
        .split_once("@/")
        .filter(|(user, _)| !user.contains(['/', '?']));
    let Some((user, database)) = socket else {
        return format!("postgres://{rest}");
    };
    // In a query, a plus is a space.
    let user = user.replace('+', "%2B").replace('&', "%26");
    let user = match user.split_once(':') {
        None => format!("user={user}"),
        Some((user, password)) => format!("user={user}&password={password}"),
    };
    let join = if database.contains('?') { '&' } else { '?' };
    format!("postgres:///{database}{join}{user}")
}

/// One of the words of an enum.
pub(super) fn word<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = String::deserialize(from)?;
    T::deserialize(text.as_str().into_deserializer()).map_err(|error: value::Error| {
        // As in "unknown variant `x`, expected `live` or `sandbox`".
        let text = error.to_string();
        let words = text.rsplit("expected ").next().unwrap_or_default();
        D::Error::custom(format!("must be {words}"))
    })
}

/// A list, or in the environment its items separated by commas.
pub(super) fn list<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Items(Vec<String>),
        Text(String),
    }
    let items = match Either::deserialize(from)? {
        Either::Items(items) => items,
        Either::Text(text) => text.split(',').map(str::to_owned).collect(),
    };
    items
        .iter()
        .map(|item| item.trim_matches(is_blank))
        .filter(|item| !item.is_empty())
        .map(|item| item.parse().map_err(D::Error::custom))
        .collect()
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

    #[test]
    fn each_form_of_a_database_url_is_read() {
        for (written, read) in [
            ("postgres://u@/shop", "postgres:///shop?user=u"),
            (
                "postgresql://u:a+b%40c@/shop?host=/run/pg",
                "postgres:///shop?host=/run/pg&user=u&password=a%2Bb%40c",
            ),
            (
                "postgresql://u@localhost/shop",
                "postgres://u@localhost/shop",
            ),
            (
                "postgres://localhost/shop?user=u@/x",
                "postgres://localhost/shop?user=u@/x",
            ),
            ("sqlite://u@/shop", "sqlite://u@/shop"),
        ] {
            assert_eq!(usual_form(written), read, "{written}");
        }
    }

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nfreerad:x:113:malipo,www\nfree:x:7:\nodd\n";

        assert_eq!(number_of("freerad", groups), Some(113));
        assert_eq!(number_of("free", groups), Some(7));
        assert_eq!(number_of("radius", groups), None);
        assert_eq!(number_of("113", groups), None);
    }
}

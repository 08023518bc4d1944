//! How single values are read, and the error for a value that cannot be used. No error repeats a
//! value: it may be a secret.

use std::fmt::Display;
use std::fs;
use std::str::FromStr;

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
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nfreerad:x:113:malipo,www\nfree:x:7:\nodd\n";

        assert_eq!(number_of("freerad", groups), Some(113));
        assert_eq!(number_of("free", groups), Some(7));
        assert_eq!(number_of("radius", groups), None);
        assert_eq!(number_of("113", groups), None);
    }
}

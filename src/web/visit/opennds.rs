//! openNDS's log-in (FAS, level 1), by its `src/http_microhttpd.c` and `fas-hid.php` of 9.10: it sends a
//! guest with what it knows, and lets in a guest whom we give the right token.
//!
//! # Invariants
//! - The token is made after FreeRADIUS has accepted the code, and only then.
//! - What a guest's browser says of itself is not proven at level 1. So the limits for the router are
//!   signed together with the device, its `hid` and the time, and `deploy/opennds/binauth.sh` compares them
//!   with what the router itself knows.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use url::Url;

use super::arrival::{Arrival, Asked, OPENNDS, allowed};
use crate::domain::access::{DeviceMac, RouterRefusal, SessionLimits};
use crate::domain::people::Secret;

/// Bytes of a query of openNDS that are read; it has a few hundred.
const FAS_MAX: usize = 4_096;
/// Bytes of the gateway's name and of an address that links repeat.
const NAME_MAX: usize = 48;
/// What openNDS knows of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fas {
    /// A hash of the token that openNDS has chosen for this guest, in hex digits.
    pub hid: String,
    /// The guest's address in the hotspot.
    pub address: String,
    /// The name of the gateway.
    pub gateway: String,
}

impl Fas {
    /// Takes a parameter of one of our links.
    pub fn take(&mut self, name: &str, value: &str) {
        match name {
            "hid" => self.hid = value.to_ascii_lowercase(),
            "cip" => self.address = clipped(value),
            _ => self.gateway = clipped(value),
        }
    }

    /// The parameters of our links.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let (hid, address, gateway) = (&self.hid, &self.address, &self.gateway);
        vec![
            ("hid", hid.clone()),
            ("cip", address.clone()),
            ("nas", gateway.clone()),
        ]
    }

    /// Whether a guest can be let in with it.
    pub fn is_known(&self) -> bool {
        is_hash(&self.hid)
    }

    /// The URL that lets the guest in. `back` is where the router leads the guest then.
    pub fn log_in(
        &self,
        page: &Url,
        key: &Secret,
        (device, limits, at): (Option<&DeviceMac>, SessionLimits, DateTime<Utc>),
        back: &str,
    ) -> String {
        let mut page = page.clone();
        page.query_pairs_mut()
            .append_pair("tok", &sha256(&[&self.hid, key.expose()]))
            .append_pair("custom", &self.signed(key, device, limits, at))
            .append_pair("redir", back);
        page.into()
    }

    /// The limits for `deploy/opennds/binauth.sh`: version, device, seconds, kbit/s up and down, kB, the second
    /// of now, `hid`; and a digest of these with the key, made twice so that nothing can be appended.
    fn signed(
        &self,
        key: &Secret,
        device: Option<&DeviceMac>,
        limits: SessionLimits,
        at: DateTime<Utc>,
    ) -> String {
        let device = device.map_or("", DeviceMac::expose);
        let SessionLimits {
            seconds,
            up_kbps,
            down_kbps,
            data_kb,
        } = limits;
        let at = at.timestamp();
        let text = format!("1.{device}.{seconds}.{up_kbps}.{down_kbps}.{data_kb}.{at}");
        let inner = sha256(&[key.expose(), ".", &text, ".", &self.hid]);
        format!("{text}.{}", sha256(&[key.expose(), ".", &inner]))
    }
}

fn sha256(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads the query with which openNDS sends a guest; `None` if it is no such query.
pub(super) fn arrival(asked: &Asked<'_>, fas: &str, hosts: &[String]) -> Option<Arrival<Fas>> {
    // A `+` of Base64 is a blank in a query.
    let fas = fas.replace(' ', "+");
    let text = (fas.len() <= FAS_MAX).then(|| base64(&fas))??;
    let text = String::from_utf8(text).ok()?;
    let value = |name: &str| {
        let all = text.split(", ").filter_map(|pair| pair.split_once('='));
        let mut found = all.filter(|(known, _)| *known == name);
        found.next().map_or("", |(_, value)| value)
    };
    let login = allowed(
        &format!("http://{}{OPENNDS}", value("gatewayaddress")),
        hosts,
    );
    let fas = Fas {
        hid: value("hid").to_ascii_lowercase(),
        address: clipped(value("clientip")),
        gateway: clipped(&decoded(value("gatewayname"))),
    };
    let destination = decoded(value("originurl"));
    // The router's own script refuses a log-in by sending the guest back with our own page as the
    // destination.
    let is_refused = destination.starts_with(asked.page) && destination.contains("online=");
    Some(Arrival {
        login: login.filter(|_| fas.is_known()).map(|login| (login, fas)),
        device: value("clientmac").to_owned(),
        refusal: is_refused.then_some(RouterRefusal::Other),
        is_online: false,
        has_left: false,
        destination: if is_refused {
            String::new()
        } else {
            destination
        },
        code: String::new(),
    })
}

/// Base64 (RFC 4648, section 4), with or without its padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut waiting, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        waiting = (waiting << 6) | u32::try_from(value).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((waiting >> bits).to_le_bytes()[0]);
        }
    }
    Some(bytes)
}

/// A text in percent-encoding.
fn decoded(text: &str) -> String {
    let pair = format!("={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or(String::new(), |(_, value)| value.into_owned())
}

fn clipped(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(NAME_MAX)
        .collect()
}

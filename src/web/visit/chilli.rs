//! CoovaChilli's log-in (UAM), by its `src/redir.c`: it sends a guest with a challenge, we answer the
//! challenge with the code, and it sends the guest back with the result.
//!
//! # Invariants
//! With `portal.uam_secret`, a query counts only if its `md` shows that the router has made it.

use chrono::{DateTime, TimeDelta, Utc};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use url::Url;

use super::arrival::{Arrival, Asked, CHILLI, allowed};
use crate::domain::access::RouterRefusal;
use crate::domain::people::Secret;

/// A challenge is answered at once within this time. CoovaChilli replaces an older one after ten minutes
/// (`challengetimeout`), while the guest may still be paying.
const FRESH: TimeDelta = TimeDelta::minutes(4);
/// The identifier of a CHAP response. CoovaChilli takes 0 where the log-in names none.
const CHAP_IDENT: u8 = 0;

/// What the router must be told with the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Uam {
    /// A challenge of 16 bytes, and when the guest came with it, in seconds since 1970.
    Challenge([u8; 16], i64),
    /// The code alone: the router works without challenges (`nochallenge`).
    Plain,
    /// Not known: the router is asked for a challenge.
    #[default]
    Unknown,
}

/// A value of [`Uam::Plain`] in a link.
const PLAIN: &str = "none";

impl Uam {
    /// As in our links.
    pub fn to_text(&self) -> String {
        match self {
            Self::Challenge(challenge, at) => format!("{}.{at}", hex::encode(challenge)),
            Self::Plain => PLAIN.to_owned(),
            Self::Unknown => String::new(),
        }
    }

    /// Reads [`Self::to_text`].
    pub fn read(text: &str) -> Self {
        if text == PLAIN {
            return Self::Plain;
        }
        let read = || {
            let (challenge, at) = text.split_once('.')?;
            Some(Self::Challenge(
                read_challenge(challenge)?,
                at.parse().ok()?,
            ))
        };
        read().unwrap_or_default()
    }

    /// The URL that logs in with this code; `None` if the router must be asked for a challenge first.
    pub fn log_in(
        &self,
        page: &Url,
        code: &str,
        secret: Option<&Secret>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let (name, value) = match self {
            Self::Challenge(challenge, at) => {
                let age = now - DateTime::from_timestamp(*at, 0)?;
                // A clock that was ahead makes no challenge last for ever.
                if age.abs() > FRESH {
                    return None;
                }
                ("response", response(code, challenge, secret))
            }
            Self::Plain => ("password", code.to_owned()),
            Self::Unknown => return None,
        };
        let mut page = page.clone();
        page.query_pairs_mut()
            .append_pair("username", code)
            .append_pair(name, &value);
        Some(page.into())
    }
}

/// The page of the router that sends a guest back with a fresh challenge.
pub(super) fn prelogin(login: &Url) -> String {
    let mut page = login.clone();
    page.set_path("/prelogin");
    page.into()
}

/// RFC 1994, section 4.1; with a secret the challenge is a digest of the router's and that.
fn response(code: &str, challenge: &[u8; 16], secret: Option<&Secret>) -> String {
    let challenge: [u8; 16] = match secret {
        Some(secret) => {
            let both = Md5::new().chain_update(challenge);
            both.chain_update(secret.expose()).finalize().into()
        }
        None => *challenge,
    };
    let digest = Md5::new().chain_update([CHAP_IDENT]).chain_update(code);
    hex::encode(digest.chain_update(challenge).finalize())
}

fn read_challenge(text: &str) -> Option<[u8; 16]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// Reads the query with which CoovaChilli sends a guest; `None` if it is no such query, or not signed.
pub(super) fn arrival(
    asked: &Asked<'_>,
    hosts: &[String],
    secret: Option<&Secret>,
) -> Option<Arrival<Uam>> {
    let values: Vec<_> = url::form_urlencoded::parse(asked.query.as_bytes()).collect();
    let value = |name: &str| {
        let found = values.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| &**value)
    };
    let (result, host) = (value("res"), value("uamip"));
    if result.is_empty() || host.is_empty() {
        return None;
    }
    let is_trusted = secret.is_none_or(|secret| is_signed(asked, secret));
    let page = format!("http://{host}:{}{CHILLI}", value("uamport"));
    let login = allowed(&page, hosts).filter(|_| is_trusted);
    let is_online = matches!(result, "success" | "already");
    let challenge = read_challenge(value("challenge"));
    let uam = match challenge {
        Some(challenge) => Uam::Challenge(challenge, asked.now.timestamp()),
        None if is_online => Uam::Unknown,
        None => Uam::Plain,
    };
    let refusal = match result {
        "failed" | "timeout" => refusal(result, value("reply"), value("reason")),
        _ => None,
    };
    Some(Arrival {
        login: login.map(|login| (login, uam)),
        device: value("mac").to_owned(),
        refusal,
        is_online: is_online && is_trusted,
        has_left: result == "logoff",
        destination: value("userurl").to_owned(),
        code: value("uid").to_owned(),
    })
}

/// Why the log-in failed: by FreeRADIUS's text, else by CoovaChilli's reason. A challenge that is too
/// old has the reason `other` and no text.
fn refusal(result: &str, reply: &str, reason: &str) -> Option<RouterRefusal> {
    let by_reason = match reason {
        _ if result == "timeout" => RouterRefusal::CannotCheck,
        "timeout" => RouterRefusal::CannotCheck,
        "reject" => RouterRefusal::UnknownCode,
        _ => RouterRefusal::TooLate,
    };
    RouterRefusal::of_text(reply).or(Some(by_reason))
}

/// Whether `md`, the last parameter, is the digest of the URL before it and the secret. A browser writes
/// `https://portal.example?res=…` as `https://portal.example/?res=…`.
fn is_signed(asked: &Asked<'_>, secret: &Secret) -> bool {
    let Some((signed, md)) = asked.query.rsplit_once("&md=") else {
        return false;
    };
    let Ok(md) = hex::decode(md) else {
        return false;
    };
    let pages = [asked.page, asked.page.trim_end_matches('/')];
    pages.iter().any(|page| {
        let digest = Md5::new().chain_update(page).chain_update("?");
        let digest = digest.chain_update(signed).chain_update(secret.expose());
        digest.finalize().as_slice().ct_eq(&md).into()
    })
}

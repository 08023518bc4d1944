//! The URL parameters that each link of a guest page repeats: the chosen language, the device, and
//! the log-in page of the router.
//!
//! # Invariants
//! - A code is sent only to the log-in page of a router in `portal.login_hosts`. Otherwise an attacker could
//!   make a guest open a link that sends the code anywhere.
//! - The router's own text is never shown: a refusal is one of our reasons, and counts only with such a
//!   router, in the same link or in this browser's cookie.

use chrono::{DateTime, Utc};
use url::Url;

use super::{Shop, href};
use crate::domain::access::{DeviceMac, RouterRefusal, SessionLimits};
use crate::domain::people::{Language, Secret};

mod arrival;
mod chilli;
mod login;
mod opennds;

pub use arrival::Asked;
use arrival::{Arrival, web_address};
use login::{Kind, Login};
use opennds::Fas;

/// What has to be done before the guest's browser can log in by a form's answer.
pub enum Step<'a> {
    /// The browser goes to this URL.
    Go(String),
    /// The browser fetches a challenge at this URL, and comes back with it.
    Fetch(String),
    /// FreeRADIUS is asked whether the code is good for this guest.
    Ask(Ask<'a>),
}

/// A log-in that we decide, because the router believes us.
pub struct Ask<'a> {
    /// The guest's address in the hotspot, as the router named it.
    pub address: &'a str,
    /// What the router calls itself.
    pub gateway: &'a str,
    page: &'a Url,
    fas: &'a Fas,
    key: &'a Secret,
    device: Option<&'a DeviceMac>,
}

impl Ask<'_> {
    /// The URL that lets the guest in, after FreeRADIUS has accepted the code with these limits, now.
    pub fn accepted(&self, limits: SessionLimits, now: DateTime<Utc>, back: &str) -> String {
        let granted = (self.device, limits, now);
        self.fas.log_in(self.page, self.key, granted, back)
    }
}

/// The parameters.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The language that the guest chose.
    pub language: Option<Language>,
    /// The log-in of the router, if its host is allowed.
    login: Option<Login>,
    /// The page that the guest first requested.
    destination: Option<String>,
    /// The guest's device, as the router named it.
    pub device: Option<DeviceMac>,
    /// Why the router has just refused a log-in; not repeated in links.
    pub refusal: Option<RouterRefusal>,
    /// The router has just let the guest in, or had before.
    pub is_online: bool,
    /// The guest has just logged off.
    pub has_left: bool,
    /// The code that the router names after a log-in.
    pub code: Option<String>,
    /// The query names a router, which may or may not be allowed.
    names_router: bool,
    /// The router's own page has sent the guest here, and not a link of ours.
    comes_from_router: bool,
    /// The secrets of the shop's routers, for answers to them.
    uam_secret: Option<Secret>,
    fas_key: Option<Secret>,
}

impl Visit {
    /// Reads a query, with the names of the router's log-in page or our shorter ones. If it names no
    /// router, the one that this browser came from before counts.
    pub fn read(asked: &Asked<'_>, shop: &Shop) -> Self {
        let mut visit = Self::parse(asked, shop);
        if let Some(query) = asked.remembered.filter(|_| !visit.names_router) {
            let before = Self::parse(&Asked { query, ..*asked }, shop);
            visit.login = before.login;
            visit.device = visit.device.or(before.device);
        }
        // Anyone can make a link that says that the router has refused its reader.
        visit.refusal = visit.refusal.filter(|_| visit.login.is_some());
        visit
    }

    fn parse(asked: &Asked<'_>, shop: &Shop) -> Self {
        let mut visit = Self::default();
        let hosts = &shop.login_hosts;
        let values: Vec<_> = url::form_urlencoded::parse(asked.query.as_bytes()).collect();
        for (name, value) in &values {
            match &**name {
                "lang" => visit.language = value.parse().ok(),
                "login" | "link-login-only" => {
                    visit.names_router = true;
                    visit.comes_from_router = name == "link-login-only";
                    visit.login = Login::allowed(value, hosts);
                }
                "dst" | "link-orig" => visit.destination = web_address(value),
                "online" => visit.is_online = true,
                "status" => visit.is_online = value == "authenticated",
                "mac" => visit.device = DeviceMac::read(value).ok(),
                "error" => visit.refusal = RouterRefusal::of_text(value),
                "refused" => visit.refusal = value.parse().ok(),
                _ => {}
            }
        }
        if let Some(login) = &mut visit.login {
            values
                .iter()
                .for_each(|(name, value)| login.take(name, value));
        }
        if let Some(arrival) = chilli::arrival(asked, hosts, shop.uam_secret.as_ref()) {
            visit.arrived(arrival, Kind::Chilli);
        }
        if let Some((_, fas)) = values.iter().find(|(name, _)| name == "fas")
            && let Some(arrival) = opennds::arrival(asked, fas, hosts)
        {
            visit.arrived(arrival, Kind::OpenNds);
        }
        visit.uam_secret.clone_from(&shop.uam_secret);
        visit.fas_key.clone_from(&shop.fas_key);
        visit
    }

    fn arrived<K>(&mut self, arrival: Arrival<K>, kind: impl Fn(K) -> Kind) {
        self.names_router = true;
        self.comes_from_router = true;
        let login = |(url, know)| Login {
            url,
            kind: kind(know),
        };
        self.login = arrival.login.map(login);
        self.device = DeviceMac::read(&arrival.device).ok();
        self.refusal = arrival.refusal;
        self.is_online = arrival.is_online;
        self.has_left = arrival.has_left;
        self.destination = web_address(&arrival.destination);
        self.code = Some(arrival.code).filter(|code| !code.is_empty());
    }

    /// Whether the page of an allowed router has sent the guest here, and not a link of ours.
    pub fn comes_from_router(&self) -> bool {
        self.comes_from_router && self.login.is_some()
    }

    /// The router and the device, to be kept in the browser: pages that are opened by another link, such
    /// as that of the SMS, know them then.
    pub fn to_remember(&self) -> Option<String> {
        let known = self.comes_from_router().then(|| Self {
            language: None,
            destination: None,
            ..self.clone()
        })?;
        let link = known.link("");
        link.strip_prefix('?').map(str::to_owned)
    }

    /// Whether the router's own page must answer a challenge, which needs a script.
    pub fn needs_script(&self) -> bool {
        let kind = self.login.as_ref().map(|login| &login.kind);
        matches!(
            kind,
            Some(Kind::MikroTik {
                has_challenge: true
            })
        )
    }

    /// Whether a code is sent to us, and we find the way to the router: CoovaChilli or openNDS.
    pub fn logs_in_by_form(&self) -> bool {
        let kind = self.login.as_ref().map(|login| &login.kind);
        match kind {
            None | Some(Kind::MikroTik { .. }) => false,
            Some(Kind::Chilli(_)) => true,
            Some(Kind::OpenNds(fas)) => self.fas_key.is_some() && fas.is_known(),
        }
    }

    /// The next step to the router with this code; `None` if its page is a link.
    pub fn step(&self, code: &str, now: DateTime<Utc>) -> Option<Step<'_>> {
        let login = self.login.as_ref()?;
        match &login.kind {
            Kind::MikroTik { .. } => self.connect_automatically(code).map(Step::Go),
            Kind::Chilli(uam) => {
                let secret = self.uam_secret.as_ref();
                let url = uam.log_in(&login.url, code, secret, now);
                Some(url.map_or_else(|| Step::Fetch(chilli::prelogin(&login.url)), Step::Go))
            }
            Kind::OpenNds(fas) => Some(Step::Ask(Ask {
                address: &fas.address,
                gateway: &fas.gateway,
                page: &login.url,
                fas,
                key: self.fas_key.as_ref().filter(|_| fas.is_known())?,
                device: self.device.as_ref(),
            })),
        }
    }

    /// The same in another language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> Self {
        Self {
            language: Some(language),
            ..self.clone()
        }
    }

    /// A link to one of our pages with the parameters of this visit.
    pub fn link(&self, path: &str) -> String {
        self.link_with(path, &[])
    }

    /// The same with more parameters.
    pub fn link_with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let login = self.login.as_ref();
        let destination = login.and(self.destination.as_deref());
        let kind = login.map(Login::parameters).unwrap_or_default();
        let kind = kind.iter().map(|(name, value)| (*name, value.as_str()));
        let own = [
            ("lang", self.language.map_or("", Language::tag)),
            ("mac", self.device.as_ref().map_or("", DeviceMac::expose)),
            ("login", login.map_or("", |login| login.url.as_str())),
            ("dst", destination.unwrap_or_default()),
        ];
        let all: Vec<_> = more.iter().copied().chain(own).chain(kind).collect();
        href(path, &all)
    }

    /// The link that logs in with this code at a MikroTik; `None` if the guest did not come from one
    /// that is allowed.
    pub fn connect(&self, code: &str) -> Option<String> {
        let login = self.login.as_ref()?;
        login.link(code, self.destination.as_deref())
    }

    /// The same without the guest's destination, which a link can set to any site.
    pub fn connect_automatically(&self, code: &str) -> Option<String> {
        let visit = Self {
            destination: None,
            ..self.clone()
        };
        visit.connect(code)
    }

    /// The log-in page with this code, for a guest whose router is not known, if only one is allowed. The
    /// page may require a challenge, so it gets the code in the fragment. Not where routers of other kinds
    /// than MikroTik are: the page of a host is known only when it sends a guest.
    pub fn connect_to_the_only(&self, shop: &Shop, code: &str) -> Option<String> {
        let [host] = &*shop.login_hosts else {
            return None;
        };
        let has_other_kinds = shop.uam_secret.is_some() || shop.fas_key.is_some();
        if self.names_router || self.login.is_some() || has_other_kinds {
            return None;
        }
        Login::of_host(host)?.link(code, None)
    }
}

#[cfg(test)]
mod tests;

//! The URL parameters that each link of a guest page repeats: the chosen language, the device, and
//! the log-in page of the router.
//!
//! # Invariants
//! - A code is sent only to the log-in page of a router in `portal.login_hosts`. Otherwise an attacker could
//!   make a guest open a link that sends the code anywhere.
//! - The router's own text is never shown: a refusal is one of our reasons, and counts only with such a
//!   router, in the same link or in this browser's cookie.

use url::Url;
use url::form_urlencoded::Serializer;

use super::{Shop, href};
use crate::domain::access::{DeviceMac, RouterRefusal};
use crate::domain::people::Language;

/// Longest URL in bytes that links repeat; longer ones are dropped.
const URL_MAX: usize = 512;
/// The path of every router's log-in page.
const LOGIN_PATH: &str = "/login";

/// The parameters.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The language that the guest chose.
    pub language: Option<Language>,
    /// The log-in URL of the router, if its host is allowed.
    login: Option<Url>,
    /// The page that the guest first requested.
    destination: Option<String>,
    /// The router requires a challenge, whose answer only its own page can compute.
    has_challenge: bool,
    /// The guest's device, as the router named it.
    pub device: Option<DeviceMac>,
    /// Why the router has just refused a log-in; not repeated in links.
    pub refusal: Option<RouterRefusal>,
    /// The query names a router, which may or may not be allowed.
    names_router: bool,
    /// The router's own page has sent the guest here, and not a link of ours.
    comes_from_router: bool,
}

impl Visit {
    /// Reads a query, with the names of the router's log-in page or our shorter ones. If it names no
    /// router, the one that this browser came from before counts: `remembered`, as made by
    /// [`Visit::to_remember`].
    pub fn read(query: &str, remembered: Option<&str>, shop: &Shop) -> Self {
        let mut visit = Self::parse(query, shop);
        if let Some(remembered) = remembered.filter(|_| !visit.names_router) {
            let before = Self::parse(remembered, shop);
            visit.login = before.login;
            visit.has_challenge = before.has_challenge;
            visit.device = visit.device.or(before.device);
        }
        // Anyone can make a link that says that the router has refused its reader.
        visit.refusal = visit.refusal.filter(|_| visit.login.is_some());
        visit
    }

    fn parse(query: &str, shop: &Shop) -> Self {
        let mut visit = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "lang" => visit.language = value.parse().ok(),
                "login" | "link-login-only" => {
                    visit.names_router = true;
                    visit.comes_from_router = name == "link-login-only";
                    visit.login = allowed(&value, &shop.login_hosts);
                }
                "dst" | "link-orig" => visit.destination = web_address(&value),
                "chap" | "chap-id" => visit.has_challenge = !value.is_empty(),
                "mac" => visit.device = DeviceMac::read(&value).ok(),
                "error" => visit.refusal = RouterRefusal::of_text(&value),
                "refused" => visit.refusal = value.parse().ok(),
                _ => {}
            }
        }
        visit
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
        self.login.is_some() && self.has_challenge
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
        let challenge = login.filter(|_| self.has_challenge).map(|_| "1");
        let own = [
            ("lang", self.language.map_or("", Language::tag)),
            ("mac", self.device.as_ref().map_or("", DeviceMac::expose)),
            ("login", login.map_or("", Url::as_str)),
            ("dst", destination.unwrap_or_default()),
            ("chap", challenge.unwrap_or_default()),
        ];
        href(path, &[more, &own].concat())
    }

    /// The URL that logs in with this code; `None` if the guest did not come from an allowed router.
    ///
    /// A challenge must be answered by the router's own page, and the one that the guest came with is
    /// stale by now. So the URL is that page with the code in the fragment, which no browser sends to
    /// a server.
    pub fn connect(&self, code: &str) -> Option<String> {
        let mut login = self.login.clone()?;
        let destination = self.destination.as_deref().map(|to| ("dst", to));
        if self.has_challenge {
            let fragment = Serializer::new(String::new())
                .append_pair("code", code)
                .extend_pairs(destination)
                .finish();
            login.set_fragment(Some(&fragment));
        } else {
            login
                .query_pairs_mut()
                .append_pair("username", code)
                .append_pair("password", code)
                .extend_pairs(destination);
        }
        Some(login.into())
    }

    /// The same without the guest's destination, which a link can set to any site.
    pub fn connect_by_itself(&self, code: &str) -> Option<String> {
        let visit = Self {
            destination: None,
            ..self.clone()
        };
        visit.connect(code)
    }

    /// The log-in page with this code, for a guest whose router is not known, if only one is allowed. The
    /// page may require a challenge, so it gets the code in the fragment.
    pub fn connect_to_the_only(&self, shop: &Shop, code: &str) -> Option<String> {
        let [host] = &*shop.login_hosts else {
            return None;
        };
        if self.names_router || self.login.is_some() {
            return None;
        }
        let visit = Self {
            login: Url::parse(&format!("http://{host}{LOGIN_PATH}")).ok(),
            has_challenge: true,
            ..Self::default()
        };
        visit.connect(code)
    }
}

/// The log-in page of a router whose host, with the port if it is not the default, is in the list. Any
/// other page of it, or a query, could do more than log in.
fn allowed(text: &str, hosts: &[String]) -> Option<Url> {
    let url = Url::parse(&web_address(text)?).ok()?;
    let has_more = url.query().or(url.fragment()).is_some();
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_login = url.path() == LOGIN_PATH && !has_more;
    let host = match (url.host_str()?, url.port()) {
        (host, None) => host.to_owned(),
        (host, Some(port)) => format!("{host}:{port}"),
    };
    (is_plain && is_login && hosts.contains(&host)).then_some(url)
}

fn web_address(text: &str) -> Option<String> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    (is_web && text.len() <= URL_MAX && Url::parse(text).is_ok()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;

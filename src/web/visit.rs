//! The URL parameters that each link of a guest page repeats: the chosen language, the device, and
//! the log-in page of the router.
//!
//! # Invariants
//! A code is sent only to a router in `portal.login_hosts`. Otherwise an attacker could make a guest
//! open a link that sends the code anywhere.

use url::Url;
use url::form_urlencoded::Serializer;

use super::{Shop, href};
use crate::domain::access::DeviceMac;
use crate::domain::clean_text::clean;
use crate::domain::people::Language;

/// Longest URL in bytes that links repeat; longer ones are dropped.
const URL_MAX: usize = 512;
/// Characters of a router's message that are shown.
const MESSAGE_MAX: usize = 120;

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
    /// The last error of the router; not repeated in links.
    pub router_error: Option<String>,
}

impl Visit {
    /// Reads a query, with the names of the router's log-in page or our shorter ones.
    pub fn read(query: &str, shop: &Shop) -> Self {
        let mut visit = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "lang" => visit.language = value.parse().ok(),
                "login" | "link-login-only" => visit.login = allowed(&value, &shop.login_hosts),
                "dst" | "link-orig" => visit.destination = web_address(&value),
                "chap" | "chap-id" => visit.has_challenge = !value.is_empty(),
                "mac" => visit.device = DeviceMac::read(&value).ok(),
                "error" => visit.router_error = clean(&value, MESSAGE_MAX),
                _ => {}
            }
        }
        visit
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
}

/// A URL whose host, with the port if it is not the default, is in the list.
fn allowed(text: &str, hosts: &[String]) -> Option<Url> {
    let url = Url::parse(&web_address(text)?).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let host = match (url.host_str()?, url.port()) {
        (host, None) => host.to_owned(),
        (host, Some(port)) => format!("{host}:{port}"),
    };
    (is_plain && hosts.contains(&host)).then_some(url)
}

fn web_address(text: &str) -> Option<String> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    (is_web && text.len() <= URL_MAX && Url::parse(text).is_ok()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, PortalConfig, SmsProvider};

    const FROM_ROUTER: &str = "mac=AA%3ABB%3ACC%3A00%3A11%3A22&ip=10.5.50.9&link-login-only=http%3A%2F%2Fwifi.example%2Flogin&link-orig=http%3A%2F%2Fnews.example%2F%3Fa%3D1&chap-id=&chap-challenge=";

    fn shop() -> Shop {
        let portal = PortalConfig {
            login_hosts: vec!["WiFi.example".to_owned(), "10.5.50.1:8080".to_owned()],
            ..PortalConfig::default()
        };
        Shop::new(&portal, chrono_tz::UTC, Mode::Live, SmsProvider::Log)
    }

    #[test]
    fn the_code_goes_to_the_router_that_sent_the_guest() {
        let visit = Visit::read(FROM_ROUTER, &shop());

        assert_eq!(
            visit.connect("K7QMX2PA").as_deref(),
            Some(
                "http://wifi.example/login?username=K7QMX2PA&password=K7QMX2PA&dst=http%3A%2F%2Fnews.example%2F%3Fa%3D1"
            )
        );
    }

    #[test]
    fn with_a_challenge_the_router_s_own_page_gets_the_code_behind_the_hash() {
        let query = FROM_ROUTER.replace("chap-id=", "chap-id=%5C203");

        let visit = Visit::read(&query, &shop());

        assert_eq!(
            visit.connect("K7QMX2PA").as_deref(),
            Some(
                "http://wifi.example/login#code=K7QMX2PA&dst=http%3A%2F%2Fnews.example%2F%3Fa%3D1"
            )
        );
    }

    #[test]
    fn no_other_host_is_ever_sent_a_code() {
        for login in [
            "http://evil.example/login",
            "http://wifi.example.evil.example/login",
            "http://wifi.example:8081/login",
            "http://10.5.50.1/login",
            "http://wifi.example@evil.example/login",
            "http://user@wifi.example/login",
            "javascript:alert(1)//wifi.example",
            "//wifi.example/login",
            "wifi.example/login",
            "http://evil.example\\@wifi.example/",
        ] {
            let query = Serializer::new(String::new())
                .append_pair("login", login)
                .finish();

            let connect = Visit::read(&query, &shop()).connect("K7QMX2PA");

            assert_eq!(connect, None, "{login}");
        }
    }

    #[test]
    fn a_host_counts_in_any_case_and_with_a_port_that_is_named() {
        for login in [
            "https://WIFI.EXAMPLE/login",
            "http://wifi.example:80/login",
            "http://10.5.50.1:8080/login",
        ] {
            let query = Serializer::new(String::new())
                .append_pair("login", login)
                .finish();

            assert!(
                Visit::read(&query, &shop()).connect("K7QMX2PA").is_some(),
                "{login}"
            );
        }
    }

    #[test]
    fn the_visit_survives_its_own_links() {
        let visit = Visit::read(FROM_ROUTER, &shop()).in_language(Language::English);

        let link = visit.link_with("/order/1", &[("since", "3")]);
        let again = Visit::read(link.split_once('?').unwrap().1, &shop());

        assert!(
            link.starts_with("/order/1?since=3&lang=en&mac=aabbcc001122&login="),
            "{link}"
        );
        assert_eq!(again.connect("K7QMX2PA"), visit.connect("K7QMX2PA"));
        assert_eq!(again.language, Some(Language::English));
        assert_eq!(again.device, visit.device);
        assert!(!link.contains("ip="), "what no page needs is not repeated");
    }

    #[test]
    fn a_visit_without_anything_has_plain_links() {
        let visit = Visit::read("fbclid=1&lang=fr&error=", &shop());

        assert_eq!(visit.link("/"), "/");
        assert_eq!(visit.router_error, None);
    }
}

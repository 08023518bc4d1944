//! How a code reaches the router of a guest, by the router's kind. The path of its log-in page tells the
//! kind, in the router's own link and in ours.

use url::Url;
use url::form_urlencoded::Serializer;

use super::arrival::{CHILLI, MIKROTIK, OPENNDS, allowed};
use super::chilli::Uam;
use super::opennds::Fas;

/// The log-in page of a router in `portal.login_hosts`, and its kind.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub url: Url,
    pub kind: Kind,
}

/// The kind of a router, and what its page must be told besides the code.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Its page may require a challenge, whose answer only that page can compute.
    MikroTik { has_challenge: bool },
    /// CoovaChilli: it has a challenge, whose answer we compute.
    Chilli(Uam),
    /// openNDS: it believes us, and FreeRADIUS is asked by us.
    OpenNds(Fas),
}

impl Login {
    /// The log-in page at this URL, if it is allowed, with the parts of a link.
    pub fn allowed(text: &str, hosts: &[String]) -> Option<Self> {
        let url = allowed(text, hosts)?;
        let kind = match url.path() {
            CHILLI => Kind::Chilli(Uam::default()),
            OPENNDS => Kind::OpenNds(Fas::default()),
            _ => Kind::MikroTik {
                has_challenge: false,
            },
        };
        Some(Self { url, kind })
    }

    /// The log-in page of the only router, of which no more is known. A MikroTik's page may require a
    /// challenge.
    pub fn of_host(host: &str) -> Option<Self> {
        Some(Self {
            url: Url::parse(&format!("http://{host}{MIKROTIK}")).ok()?,
            kind: Kind::MikroTik {
                has_challenge: true,
            },
        })
    }

    /// Takes a parameter of one of our links, or of a MikroTik's.
    pub fn take(&mut self, name: &str, value: &str) {
        match (&mut self.kind, name) {
            (Kind::MikroTik { has_challenge }, "chap" | "chap-id") => {
                *has_challenge = !value.is_empty();
            }
            (Kind::Chilli(uam), "chal") => *uam = Uam::read(value),
            (Kind::OpenNds(fas), "hid" | "cip" | "nas") => fas.take(name, value),
            _ => {}
        }
    }

    /// What our links repeat of it beside the URL, as [`Self::take`] reads it.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        match &self.kind {
            Kind::MikroTik {
                has_challenge: false,
            } => Vec::new(),
            Kind::MikroTik {
                has_challenge: true,
            } => vec![("chap", "1".to_owned())],
            Kind::Chilli(uam) => vec![("chal", uam.to_text())],
            Kind::OpenNds(fas) => fas.parameters(),
        }
    }

    /// The link that logs in with this code at a MikroTik; `None` for other kinds.
    ///
    /// A challenge must be answered by the router's own page, and the one that the guest came with is
    /// stale by now. So the URL is that page with the code in the fragment, which no browser sends to
    /// a server.
    pub fn link(&self, code: &str, destination: Option<&str>) -> Option<String> {
        let Kind::MikroTik { has_challenge } = self.kind else {
            return None;
        };
        let mut login = self.url.clone();
        let destination = destination.map(|to| ("dst", to));
        if has_challenge {
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

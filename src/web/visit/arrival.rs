//! A guest's request for a page, and the log-in pages that codes may be sent to.

use chrono::{DateTime, Utc};
use url::Url;

use crate::domain::access::RouterRefusal;

/// The paths of log-in pages, each of one kind of router.
pub(super) const MIKROTIK: &str = "/login";
pub(super) const CHILLI: &str = "/logon";
pub(super) const OPENNDS: &str = "/opennds_auth/";

/// Longest URL in bytes that links repeat; longer ones are dropped.
const URL_MAX: usize = 512;

/// A request for a page.
pub struct Asked<'a> {
    /// Its URL as routers know it, without the query.
    pub page: &'a str,
    pub query: &'a str,
    /// The router that this browser came from before, as made by `Visit::to_remember`.
    pub remembered: Option<&'a str>,
    pub now: DateTime<Utc>,
}

/// What a router of another kind than MikroTik says in its query.
pub(super) struct Arrival<K> {
    /// Its log-in page, if it is allowed, and what the page must be told besides the code.
    pub login: Option<(Url, K)>,
    pub device: String,
    pub refusal: Option<RouterRefusal>,
    pub is_online: bool,
    pub has_left: bool,
    pub destination: String,
    /// The code of a log-in that has succeeded.
    pub code: String,
}

/// The log-in page of a router whose host, with the port if it is not the default, is in the list. Any
/// other page of it, or a query, could do more than log in.
pub(super) fn allowed(text: &str, hosts: &[String]) -> Option<Url> {
    let url = Url::parse(&web_address(text)?).ok()?;
    let has_more = url.query().or(url.fragment()).is_some();
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_login = [MIKROTIK, CHILLI, OPENNDS].contains(&url.path()) && !has_more;
    let host = match (url.host_str()?, url.port()) {
        (host, None) => host.to_owned(),
        (host, Some(port)) => format!("{host}:{port}"),
    };
    (is_plain && is_login && hosts.contains(&host)).then_some(url)
}

pub(super) fn web_address(text: &str) -> Option<String> {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    (is_web && text.len() <= URL_MAX && Url::parse(text).is_ok()).then(|| text.to_owned())
}

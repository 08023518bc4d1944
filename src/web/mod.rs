//! What pages are made of: compiled templates, texts in two languages, and assets, all embedded in
//! the binary. The structs of the pages are in the files of their handlers, in `http/pages` and
//! `http/console`.
//!
//! The [`Shop`] has the settings that every page shows; a [`Visit`] has the URL parameters that
//! every link repeats, because the browser of a captive portal may keep no cookies.

use chrono_tz::Tz;
use url::form_urlencoded::Serializer;

use crate::config::{Mode, PortalConfig, SmsProvider};
use crate::domain::order::MayReissue;
use crate::domain::people::Secret;

pub mod assets;
pub mod coding;
pub mod docs;
pub mod format;
pub mod qr;
pub mod text;
mod visit;

pub use visit::{Ask, Asked, Step, Visit};

/// What a browser may do with our pages: load from us, send forms to us, and nothing else.
/// No inline script or style is allowed, so injected text cannot become code.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// What every page shows of the shop.
#[derive(Clone, Debug)]
pub struct Shop {
    pub brand: String,
    /// A number to call for help.
    pub support_phone: Option<String>,
    /// The name of the Wi-Fi, as phones list it.
    pub wifi_name: Option<String>,
    /// The hosts of routers that codes may be sent to, in lower case.
    pub login_hosts: Vec<String>,
    /// CoovaChilli's secret, and openNDS's key.
    pub uam_secret: Option<Secret>,
    pub fas_key: Option<Secret>,
    /// For the times in texts.
    pub timezone: Tz,
    /// Whether this is the sandbox: every page says that no money moves.
    pub is_sandbox: bool,
    /// Who may have the code of a voucher replaced.
    pub may_reissue: MayReissue,
}

impl Shop {
    /// As configured.
    pub fn new(portal: &PortalConfig, timezone: Tz, mode: Mode, sms: SmsProvider) -> Self {
        // The SMS provider `log` sends nothing, so no phone has an owner link.
        let has_link = mode == Mode::Sandbox || sms != SmsProvider::Log;
        let hosts = portal.login_hosts.iter();
        Self {
            brand: portal.brand.clone(),
            support_phone: portal.support_phone.clone(),
            wifi_name: portal.wifi_name.clone(),
            login_hosts: hosts.map(|host| host.to_ascii_lowercase()).collect(),
            uam_secret: portal.uam_secret.clone(),
            fas_key: portal.fas_key.clone(),
            timezone,
            is_sandbox: mode == Mode::Sandbox,
            may_reissue: match has_link {
                true => MayReissue::Owner,
                false => MayReissue::OperatorsOnly,
            },
        }
    }
}

/// The path of a request, as a link on this server: browsers read a second slash, in either direction, as
/// the beginning of a host.
pub fn own_path(path: &str) -> String {
    let is_slash = |c: char| matches!(c, '/' | '\\') || c.is_ascii_control() || c == ' ';
    format!("/{}", path.trim_start_matches(is_slash))
}

/// A URL with those of the parameters that are not empty.
pub fn href(path: &str, parameters: &[(&str, &str)]) -> String {
    let filled = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(filled).finish();
    match query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

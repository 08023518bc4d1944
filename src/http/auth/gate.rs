//! The gate: who comes in with a bearer token or with the console's session, and how a session
//! is opened and ended. The console's pages call this and decide nothing of it themselves.
//!
//! Nothing is remembered between two requests: a token is one look at a unique index, and an
//! operator who is disabled is out at once.

use std::net::IpAddr;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use subtle::ConstantTimeEq;

use crate::domain::people::operator::Operator;
use crate::domain::people::secret::Secret;
use crate::http::request::cookie;
use crate::store::{Fingerprint, LogIn, LoggedIn, NewSession, Store, StoreError};

/// The console's cookie.
const SESSION_COOKIE: &str = "malipo_session";
/// Where a write that comes with the cookie repeats the session's own token.
const CSRF_HEADER: &str = "x-csrf-token";
/// No token of ours is longer, and what is longer is not worth a hash.
const TOKEN_MAX: usize = 512;

/// Who may come in. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    store: Store,
    /// The token of the configuration.
    bootstrap: Option<Secret>,
    /// Whether guests and operators reach us by HTTPS.
    https: bool,
}

/// An operator who was let in.
#[derive(Clone)]
pub struct Visitor {
    /// Who it is.
    pub operator: Operator,
    /// What a write must repeat; `None` with a bearer token, which no other site can send.
    csrf: Option<Secret>,
}

impl Visitor {
    /// What a write of the console must repeat; `None` with a bearer token.
    pub fn csrf(&self) -> Option<&Secret> {
        self.csrf.as_ref()
    }

    /// Whether a write was meant by this visitor, and not by another site that has the
    /// browser send the cookie along.
    pub fn repeats_csrf(&self, sent: Option<&str>) -> bool {
        match (&self.csrf, sent) {
            (None, _) => true,
            (Some(csrf), Some(sent)) => same(csrf, sent),
            (Some(_), None) => false,
        }
    }

    /// The same, of a request's header.
    pub fn means_it(&self, headers: &HeaderMap) -> bool {
        let sent = headers
            .get(CSRF_HEADER)
            .and_then(|value| value.to_str().ok());
        self.repeats_csrf(sent)
    }
}

impl Gate {
    /// A gate with this store and perhaps a token of the configuration.
    pub fn new(store: Store, bootstrap: Option<Secret>, https: bool) -> Self {
        Self {
            store,
            bootstrap,
            https,
        }
    }

    /// Who sends these headers. A bearer token that is there decides alone, right or wrong.
    ///
    /// # Errors
    /// If the database cannot be read: then it is not known who it is.
    pub async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Visitor>, StoreError> {
        if headers.contains_key(AUTHORIZATION) {
            return match bearer(headers) {
                Some(token) => self.by_token(token).await,
                None => Ok(None),
            };
        }
        match session_cookie(headers) {
            Some(cookie) => self.by_cookie(cookie).await,
            None => Ok(None),
        }
    }

    async fn by_token(&self, token: &str) -> Result<Option<Visitor>, StoreError> {
        let operator = if self.is_bootstrap(token) {
            Some(Operator::bootstrap())
        } else if token.is_empty() || token.len() > TOKEN_MAX {
            None
        } else {
            self.store.operator_by_token(Fingerprint::of(token)).await?
        };
        Ok(operator.map(|operator| Visitor {
            operator,
            csrf: None,
        }))
    }

    async fn by_cookie(&self, cookie: &str) -> Result<Option<Visitor>, StoreError> {
        if cookie.len() > TOKEN_MAX {
            return Ok(None);
        }
        let found = self
            .store
            .session(Fingerprint::of(cookie), self.store.clock().now())
            .await?;
        let Some(session) = found else {
            return Ok(None);
        };
        let opened_by_bootstrap = self
            .bootstrap
            .as_ref()
            .is_some_and(|token| Fingerprint::of(token.expose()).matches(&session.token));
        let operator = session
            .operator
            .or_else(|| opened_by_bootstrap.then(Operator::bootstrap));
        Ok(operator.map(|operator| Visitor {
            operator,
            csrf: Some(session.csrf),
        }))
    }

    /// Opens a session with a token, for a browser at this address.
    ///
    /// # Errors
    /// If the database cannot be read or written; then no session is open.
    pub async fn log_in(&self, token: &str, from: IpAddr) -> Result<LoggedIn, StoreError> {
        let token = token.trim();
        let wish = LogIn {
            is_bootstrap: self.is_bootstrap(token),
            token: Fingerprint::of(token),
            from: household(from),
        };
        self.store.log_in(wish, self.store.clock().now()).await
    }

    /// Ends the session of these headers' cookie.
    ///
    /// # Errors
    /// If the database cannot be written; then the session is still open.
    pub async fn log_out(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        match session_cookie(headers) {
            Some(cookie) => self.store.log_out(Fingerprint::of(cookie)).await,
            None => Ok(()),
        }
    }

    /// The `Set-Cookie` of a session that was just opened. No script reads it, and no other
    /// site's form sends it.
    pub fn cookie(&self, session: &NewSession) -> String {
        let lasts = (session.expires_at - self.store.clock().now())
            .num_seconds()
            .max(0);
        self.set_cookie(SESSION_COOKIE, session.cookie.expose(), lasts)
    }

    /// The `Set-Cookie` that takes the cookie back.
    pub fn no_cookie(&self) -> String {
        self.set_cookie(SESSION_COOKIE, "", 0)
    }

    /// A `Set-Cookie` that no script reads and no other site's form sends along.
    pub fn set_cookie(&self, name: &str, value: &str, lasts_secs: i64) -> String {
        let secure = if self.https { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts_secs}{secure}")
    }

    fn is_bootstrap(&self, token: &str) -> bool {
        self.bootstrap
            .as_ref()
            .is_some_and(|bootstrap| same(bootstrap, token))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION_COOKIE)
}

/// Whose wrong tries count together: an IPv4 address, or the IPv6 network that one client has
/// all of (RFC 6177).
fn household(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn same(secret: &Secret, sent: &str) -> bool {
    secret.expose().as_bytes().ct_eq(sent.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderValue};

    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; b=malipo_session=x"));
        assert_eq!(session_cookie(&headers), None);

        headers.append(
            COOKIE,
            HeaderValue::from_static("c=2; malipo_session=abc;d"),
        );
        assert_eq!(session_cookie(&headers), Some("abc"));
    }

    #[test]
    fn one_client_is_one_household() {
        let household = |text: &str| super::household(text.parse().unwrap());

        assert_eq!(household("192.0.2.7"), "192.0.2.7");
        assert_eq!(household("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(
            household("2001:db8:1:2:3:4:5:6"),
            household("2001:db8:1:2::9")
        );
        assert_ne!(household("2001:db8:1:2::9"), household("2001:db8:1:3::9"));
    }
}

//! Authentication of operators by a bearer token or by the console's session cookie, log-in and
//! log-out.
//!
//! Nothing is cached between two requests: a token is one look-up in a unique index, and a disabled
//! operator loses access at once.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use subtle::ConstantTimeEq;

use crate::domain::people::{Operator, Secret};
use crate::http::request::cookie;
use crate::store::{
    Browser, Fingerprint, Hashing, LogIn, LogInResult, NewSession, Store, StoreError,
};

/// The console's cookie.
const SESSION_COOKIE: &str = "malipo_session";
/// The cookie of a browser in which an operator has logged in.
pub const DEVICE_COOKIE: &str = "malipo_device";
/// For how long a browser keeps it.
const DEVICE_SECS: i64 = 180 * 24 * 60 * 60;
/// A token of fewer characters may have less than 128 random bits: hexadecimal digits have four each.
const STRONG_TOKEN: usize = 32;
/// Longest token in bytes. A longer one in a header or cookie is refused without hashing it.
const TOKEN_MAX: usize = 512;

/// Authenticates operators. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    pub(super) store: Store,
    pub(super) hashing: Hashing,
    /// The token of the configuration.
    bootstrap: Option<Secret>,
    /// Whether browsers reach us by HTTPS.
    https: bool,
}

/// An authenticated operator.
#[derive(Clone)]
pub struct Authenticated {
    pub operator: Operator,
    /// The CSRF token of the session; `None` with a bearer token, which no other site can send.
    pub csrf: Option<Secret>,
    /// The session's row; `None` with a bearer token.
    pub session: Option<i64>,
    /// Whether the operator must set a password before anything else.
    pub must_change: bool,
}

impl Authenticated {
    /// Whether a write comes from this operator, and not from another site through the browser's
    /// cookie.
    pub fn has_valid_csrf(&self, sent: Option<&str>) -> bool {
        let Some(csrf) = &self.csrf else { return true };
        sent.is_some_and(|sent| constant_time_eq(csrf, sent))
    }
}

impl Gate {
    /// `https` marks cookies as `Secure`.
    pub fn new(store: Store, bootstrap: Option<Secret>, https: bool) -> Self {
        Self {
            store,
            hashing: Hashing::default(),
            bootstrap,
            https,
        }
    }

    /// The operator of a request. With an `Authorization` header, the cookie is ignored.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Authenticated>, StoreError> {
        if headers.contains_key(AUTHORIZATION) {
            let Some(token) = bearer(headers) else {
                return Ok(None);
            };
            let operator = self.operator_by_token(token).await?;
            return Ok(operator.map(|operator| Authenticated {
                operator,
                csrf: None,
                session: None,
                must_change: false,
            }));
        }
        match session_cookie(headers) {
            Some(cookie) => self.by_session_cookie(cookie).await,
            None => Ok(None),
        }
    }

    /// The operator who has this token.
    pub(super) async fn operator_by_token(
        &self,
        token: &str,
    ) -> Result<Option<Operator>, StoreError> {
        if self.is_bootstrap(token) {
            return Ok(Some(Operator::bootstrap()));
        }
        if token.is_empty() || token.len() > TOKEN_MAX {
            return Ok(None);
        }
        self.store.operator_by_token(Fingerprint::of(token)).await
    }

    async fn by_session_cookie(&self, cookie: &str) -> Result<Option<Authenticated>, StoreError> {
        if cookie.len() > TOKEN_MAX {
            return Ok(None);
        }
        let (cookie, now) = (Fingerprint::of(cookie), self.store.clock().now());
        let Some(session) = self.store.session(cookie, now).await? else {
            return Ok(None);
        };
        let opened_by = session.token;
        let is_bootstrap = (self.bootstrap.as_ref().zip(opened_by))
            .is_some_and(|(token, opened_by)| Fingerprint::of(token.expose()).matches(&opened_by));
        let bootstrap = || is_bootstrap.then(Operator::bootstrap);
        let operator = session.operator.or_else(bootstrap);
        Ok(operator.map(|operator| Authenticated {
            operator,
            csrf: Some(session.csrf),
            session: Some(session.id),
            must_change: session.must_change,
        }))
    }

    /// Opens a session for a token.
    ///
    /// # Errors
    /// If the database cannot be read or written; then no session is open.
    pub async fn log_in(&self, token: &str, browser: Browser) -> Result<LogInResult, StoreError> {
        let token = token.trim();
        let attempt = LogIn {
            is_bootstrap: self.is_bootstrap(token),
            is_weak: token.len() < STRONG_TOKEN,
            token: Fingerprint::of(token),
            browser,
        };
        self.store.log_in(attempt, self.store.clock().now()).await
    }

    /// Ends the session of the request's cookie.
    ///
    /// # Errors
    /// If the database cannot be written; then the session stays open.
    pub async fn log_out(&self, headers: &HeaderMap) -> Result<(), StoreError> {
        match session_cookie(headers) {
            Some(cookie) => self.store.log_out(Fingerprint::of(cookie)).await,
            None => Ok(()),
        }
    }

    /// The `Set-Cookie` of a new session.
    pub fn cookie(&self, session: &NewSession) -> String {
        let lasts = session.expires_at - self.store.clock().now();
        let lasts_secs = lasts.num_seconds().max(0);
        self.set_cookie(SESSION_COOKIE, session.cookie.expose(), lasts_secs)
    }

    /// The `Set-Cookie` by which the browser of a new session is known from now on.
    pub fn device_cookie(&self, session: &NewSession) -> Option<String> {
        let device = session.device.as_ref()?;
        Some(self.set_cookie(DEVICE_COOKIE, device.expose(), DEVICE_SECS))
    }

    /// The `Set-Cookie` that deletes the session's cookie.
    pub fn no_cookie(&self) -> String {
        self.set_cookie(SESSION_COOKIE, "", 0)
    }

    /// A `Set-Cookie` header: `HttpOnly`, and `SameSite=Lax` so that no other site's form sends it.
    pub fn set_cookie(&self, name: &str, value: &str, lasts_secs: i64) -> String {
        let secure = if self.https { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts_secs}{secure}")
    }

    fn is_bootstrap(&self, token: &str) -> bool {
        let bootstrap = self.bootstrap.as_ref();
        bootstrap.is_some_and(|bootstrap| constant_time_eq(bootstrap, token))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the request has a session's cookie, valid or not.
pub fn has_session_cookie(headers: &HeaderMap) -> bool {
    session_cookie(headers).is_some()
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION_COOKIE)
}

fn constant_time_eq(secret: &Secret, sent: &str) -> bool {
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
}

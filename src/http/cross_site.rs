//! Writes that a page of another site makes a browser send: refused, whatever the route. A new route is
//! covered without a line here.
//!
//! # Invariants
//! - A read has no effect, so it may come from anywhere: routers and SMS link to us.
//! - A webhook is proven by its key or its URL, and a stranger learns nothing more.
//! - `portal.allowed_origins` counts for the guests' API and forms only, never for operators.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use url::Url;

use super::api::{Api, PORTAL};
use super::pages;
use super::problem::{Code, Problem};

/// Paths of guests, for which `portal.allowed_origins` counts; also what is below them.
const OF_GUESTS: [&str; 7] = [
    PORTAL, "/buy", "/order", "/paid", "/voucher", "/connect", "/v",
];

/// Below it are the forms with a key that only a session of the console knows.
const CONSOLE: &str = "/operator";

/// The console's only form without a key, because a key belongs to a session, and there is none before it.
const LOG_IN: &str = "/operator/login";

/// Refuses a write that another site makes a browser send.
pub async fn refuse_cross_site(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let api = request.app_data::<web::Data<Api>>();
    if api.is_some_and(|api| is_foreign_write(&request, api)) {
        let refusal = Problem::new(Code::Forbidden).detail("another site has sent this request");
        let refusal = pages::or_problem(request.request(), &refusal);
        return Ok(request.into_response(refusal));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn is_foreign_write(request: &ServiceRequest, api: &Api) -> bool {
    let is_read = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let path = request.path();
    if is_read || is_below(path, &format!("{PORTAL}/webhook")) {
        return false;
    }
    let is_for_guests = OF_GUESTS.iter().any(|known| is_below(path, known));
    let allowed = if is_for_guests {
        &*api.allowed_origins
    } else {
        &[]
    };
    // The router also takes a path that is spelled with percent signs.
    let has_key = is_below(path, CONSOLE) && path != LOG_IN && !path.contains('%');
    is_foreign(
        request.headers(),
        &api.checkout.public_url,
        allowed,
        has_key,
    )
}

fn is_below(path: &str, known: &str) -> bool {
    let rest = path.strip_prefix(known);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the browser says that a page of another site sends the request: by W3C Fetch Metadata, or in
/// older browsers by the origin. Browsers and programs that say nothing are admitted, and so is `null`, if the
/// form has a key: another site can make a browser send it, and our own pages, by their referrer policy, do not.
fn is_foreign(headers: &HeaderMap, public_url: &Url, allowed: &[String], has_key: bool) -> bool {
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str());
    if let Some(Ok(origin)) = origin
        && allowed.iter().any(|it| it.eq_ignore_ascii_case(origin))
    {
        return false;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    match origin {
        None => false,
        Some(Ok("null")) => !has_key,
        Some(Ok(origin)) => !is_own(origin, headers, public_url),
        Some(Err(_)) => true,
    }
}

/// Whether this is our own origin: that of the request, or the public one, if a proxy changes `Host`.
fn is_own(origin: &str, headers: &HeaderMap, public_url: &Url) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    // A proxy may have ended TLS, so that the scheme is that of the browser.
    let requested = host.and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    let mut own = requested.iter().chain([public_url]);
    own.any(|own| own.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn is_foreign_with(sent: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("10.5.50.2:8080"));
        for (name, value) in sent {
            let (name, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            headers.insert(name, value);
        }
        let allowed = ["https://portal.example".to_owned()];
        let public_url = "https://wifi.example".parse().unwrap();
        is_foreign(&headers, &public_url, &allowed, true)
    }

    #[test]
    fn the_browser_s_own_word_counts_and_else_the_origin() {
        const SITE: &str = "sec-fetch-site";
        for ours in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://wifi.example")],
            &[("origin", "http://10.5.50.2:8080")],
            &[("origin", "https://10.5.50.2:8080")],
            &[("origin", "https://portal.example")],
            &[(SITE, "same-origin")],
            &[(SITE, "same-origin"), ("origin", "null")],
            &[(SITE, "none")],
            &[(SITE, "cross-site"), ("origin", "https://portal.example")],
        ] {
            assert!(!is_foreign_with(ours), "{ours:?}");
        }
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "https://wifi.example.evil.example")],
            &[("origin", "https://wifi.example:8443")],
            &[("origin", "http://10.5.50.2")],
            &[("origin", "http://portal.example")],
            &[("origin", "evil")],
            &[("origin", "")],
            &[(SITE, "cross-site")],
            &[(SITE, "same-site")],
            &[(SITE, "what-is-this")],
            &[(SITE, "cross-site"), ("origin", "null")],
            &[(SITE, "cross-site"), ("origin", "https://wifi.example")],
        ] {
            assert!(is_foreign_with(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_path_that_only_begins_like_one_of_guests_is_none() {
        for path in ["/v/x/reissue", "/buy", "/order/1/again"] {
            assert!(
                OF_GUESTS.iter().any(|known| is_below(path, known)),
                "{path}"
            );
        }
        for path in [
            "/vouchers",
            "/operator/vouchers",
            "/buyer",
            "/sandbox/phone",
        ] {
            assert!(
                !OF_GUESTS.iter().any(|known| is_below(path, known)),
                "{path}"
            );
        }
    }
}

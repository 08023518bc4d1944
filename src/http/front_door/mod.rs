//! What every request passes first. A HEAD of a page becomes a GET, whose body is not sent. Mistakes in
//! what stands in front of the server are reported: a proxy that is not in `server.trusted_proxies`, and a
//! webhook URL that does not exist.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use super::api::{Api, PORTAL};

mod seen;

pub use seen::FrontDoor;

/// The paths of programs, where HEAD is no other name of GET.
const OF_PROGRAMS: [&str; 4] = ["/api/", "/metrics", "/openapi.json", "/sandbox/"];

/// Gives a webhook's path its usual spelling, makes a HEAD of a page a GET, and reports an
/// X-Forwarded-For that does not count.
pub async fn inspect(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(path) = spelled_otherwise(request.path()) {
        route_to(&mut request, &path);
    }
    if request.method() == Method::HEAD && !is_of_programs(request.path()) {
        // actix sends the head of the answer alone, because the request was read as a HEAD.
        request.head_mut().method = Method::GET;
    }
    if let Some(api) = request.app_data::<web::Data<Api>>()
        && let Some(peer) = api.clients.untrusted_forwarder(request.request())
    {
        api.front_door.saw_untrusted(peer, api.store.clock().now());
    }
    next.call(request).await
}

/// Reports a request without a route if it is a webhook: a POST to a path with the word `webhook`.
pub fn report_unrouted(request: &HttpRequest) {
    let names_webhook = |path: &str| path.split('/').any(|it| it.eq_ignore_ascii_case("webhook"));
    if request.method() == Method::POST
        && names_webhook(request.path())
        && let Some(api) = request.app_data::<web::Data<Api>>()
    {
        let now = api.store.clock().now();
        api.front_door.saw_unrouted(request.path(), now);
    }
}

fn is_of_programs(path: &str) -> bool {
    OF_PROGRAMS.iter().any(|known| path.starts_with(known))
}

/// The path of a webhook without doubled and trailing slashes; `None` for other paths, and for one
/// that has none.
fn spelled_otherwise(path: &str) -> Option<String> {
    if !path.contains("//") && !path.ends_with('/') {
        return None;
    }
    let parts = path.split('/').filter(|part| !part.is_empty());
    let plain = parts.fold(String::new(), |plain, part| plain + "/" + part);
    let is_webhook = plain.strip_prefix(PORTAL)?.starts_with("/webhook/");
    is_webhook.then_some(plain)
}

/// Changes the path before a route is chosen, as actix's `NormalizePath` does for every path.
fn route_to(request: &mut ServiceRequest, path: &str) {
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_webhooks_path_is_spelled_anew() {
        let webhook = format!("{PORTAL}/webhook/zenopay");
        let token = format!("{webhook}/a.b");
        for (path, expected) in [
            (format!("{webhook}/"), Some(&webhook)),
            (format!("{webhook}//"), Some(&webhook)),
            (format!("//{}", &webhook[1..]), Some(&webhook)),
            (webhook.replace('/', "//"), Some(&webhook)),
            (format!("{token}/"), Some(&token)),
            (token.replace("/a.b", "//a.b///"), Some(&token)),
            (webhook.clone(), None),
            (token.clone(), None),
            ("/".to_owned(), None),
            ("/docs/".to_owned(), None),
            (format!("{PORTAL}//packages"), None),
            (format!("{PORTAL}/webhook/"), None),
            (format!("{PORTAL}/webhooks//zenopay"), None),
        ] {
            assert_eq!(spelled_otherwise(&path).as_ref(), expected, "{path}");
        }
    }
}

//! Paths and methods without a handler.

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::problem::{Code, Problem};
use super::{front_door, openapi, pages};

/// The pages that also receive a form, by their routes.
const WITH_FORM: [&str; 15] = [
    "/buy",
    "/order/{order_id}/again",
    "/order/{order_id}/let-go",
    "/paid",
    "/voucher",
    "/connect",
    "/v/{token}/reissue",
    "/operator/login",
    "/operator/packages",
    "/operator/vouchers",
    "/operator/routers",
    "/operator/access",
    "/operator/people",
    "/operator/people/{name}",
    "/operator/{kind}/{id}/{act}",
];
/// The paths that only receive a form.
const FORMS: [&str; 3] = [
    "/operator/logout",
    "/sandbox/phone",
    "/sandbox/phone/{order_id}",
];

/// Answers every path and method without a handler. A resource with middleware of its own does not
/// inherit it from above, and would answer with an empty body.
pub async fn no_such_page(request: HttpRequest) -> HttpResponse {
    let Some(allowed) = allowed(&request) else {
        front_door::report_unrouted(&request);
        return pages::or_problem(&request, &Problem::new(Code::NotFound));
    };
    let mut refusal = pages::or_problem(&request, &Problem::new(Code::MethodNotAllowed));
    let allowed = HeaderValue::from_static(allowed);
    refusal.headers_mut().insert(ALLOW, allowed);
    refusal
}

/// The methods of the path of a request, for `Allow`; `None` for a path that is not served.
pub fn allowed(request: &HttpRequest) -> Option<&'static str> {
    let path = request.match_pattern()?;
    let of_page = || match path.as_str() {
        form if FORMS.contains(&form) => "POST",
        page if WITH_FORM.contains(&page) => "GET, HEAD, POST",
        _ => "GET, HEAD",
    };
    Some(openapi::methods_of(&path).unwrap_or_else(of_page))
}

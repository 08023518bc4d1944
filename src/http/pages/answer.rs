//! Pages and redirects as responses.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE,
};
use askama::Template;

use crate::web::CONTENT_SECURITY_POLICY as POLICY;

/// A page as a response.
pub fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    let page = page.render();
    HttpResponse::build(status)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(page.expect("a template writes into memory and calls nothing that fails"))
}

/// Redirects to another page of ours.
pub fn redirect(path: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, path))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish()
}

/// Adds a `Set-Cookie`.
pub fn with_cookie(mut answer: HttpResponse, cookie: &str) -> HttpResponse {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

/// Sets `Retry-After`, if there is a time to retry.
pub fn retry_after(mut answer: HttpResponse, secs: Option<u64>) -> HttpResponse {
    if let Some(secs) = secs {
        answer.headers_mut().insert(RETRY_AFTER, secs.into());
    }
    answer
}

//! Who is an operator.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError, web};
use subtle::ConstantTimeEq;

use super::Api;
use super::problem::{Code, Problem};
use crate::domain::secret::Secret;

/// Headers by which a proxy says that the request comes from somewhere else.
const FORWARDED: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Lets nobody in without the token.
pub async fn operators_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if is_operator(&request) {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    Ok(request.into_response(refusal()).map_into_boxed_body())
}

/// Lets neighbours in, and from behind a proxy only operators: a scraper on the same host
/// needs no token, a stranger on the Internet does.
pub async fn operators_only_from_afar(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let from_afar = FORWARDED
        .iter()
        .any(|name| request.headers().contains_key(*name));
    if !from_afar || is_operator(&request) {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    Ok(request.into_response(refusal()).map_into_boxed_body())
}

fn refusal() -> HttpResponse {
    let mut refusal = Problem::new(Code::Unauthorized).error_response();
    refusal
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refusal
}

fn is_operator(request: &ServiceRequest) -> bool {
    let token = request
        .app_data::<web::Data<Api>>()
        .and_then(|api| api.operator_token.as_ref());
    match (token, bearer(request.headers())) {
        (Some(token), Some(sent)) => same(token, sent),
        _ => false,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn same(token: &Secret, sent: &str) -> bool {
    token.expose().as_bytes().ct_eq(sent.as_bytes()).into()
}

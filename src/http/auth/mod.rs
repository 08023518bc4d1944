//! Who may do what on the operators' paths.
//!
//! The rule that must not be broken: every operator's path stands behind [`operators_only`],
//! so that a handler never asks who it is; it takes a [`Caller`].

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, web};

use super::Api;
use super::problem::{Code, Problem};

mod caller;
mod gate;

pub use caller::Caller;
pub use gate::{Gate, Visitor};

/// Headers by which a proxy says that the request comes from somewhere else.
const FORWARDED: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Lets operators in, and hands the handler who it is. A write is for admins; with the
/// console's cookie it must also be meant.
pub async fn operators_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match admit(&request).await {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.call(request)
                .await
                .map(ServiceResponse::map_into_boxed_body)
        }
        Err(refusal) => Ok(refuse(request, &refusal).map_into_boxed_body()),
    }
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
    if from_afar && let Err(refusal) = identify(&request).await {
        return Ok(refuse(request, &refusal).map_into_boxed_body());
    }
    next.call(request)
        .await
        .map(ServiceResponse::map_into_boxed_body)
}

async fn admit(request: &ServiceRequest) -> Result<Visitor, Problem> {
    let visitor = identify(request).await?;
    let writes = ![Method::GET, Method::HEAD].contains(request.method());
    if writes && !visitor.operator.role.may_write() {
        return Err(Problem::new(Code::Forbidden).detail("a viewer only looks"));
    }
    if writes && !visitor.means_it(request.headers()) {
        return Err(Problem::new(Code::Forbidden)
            .detail("a write with the console's cookie needs x-csrf-token"));
    }
    Ok(visitor)
}

async fn identify(request: &ServiceRequest) -> Result<Visitor, Problem> {
    let visitor = match request.app_data::<web::Data<Api>>() {
        Some(api) => api.gate.visitor(request.headers()).await?,
        None => None,
    };
    visitor.ok_or_else(|| Problem::new(Code::Unauthorized))
}

fn refuse(request: ServiceRequest, refusal: &Problem) -> ServiceResponse {
    let mut response: HttpResponse = refusal.error_response();
    if refusal.code == Code::Unauthorized {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    request.into_response(response)
}

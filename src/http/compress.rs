//! Compresses the answers of pages and API, for a client that accepts it.
//!
//! # Invariants
//! - Streams are sent as they come: an event must not wait in a compressor.
//! - The size of a compressed page tells whether two texts in it are alike. So a page with an operator's
//!   session is compressed only if its own site requested it: another site could put guesses of a secret
//!   into the URL and measure the answers (BREACH, CVE-2013-3587). A guest's page shows secrets only to a
//!   client that names the order in the path.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, Encoding, Header, HeaderMap, HeaderValue, VARY,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};

use super::auth::has_session_cookie;
use crate::web::coding::{Coding, Effort};

/// Smaller bodies fit into one packet with their headers, and would hardly become smaller.
const BODY_MIN: u64 = 400;
/// Larger bodies are compressed beside the worker, which other clients need.
const ON_WORKER_MAX: u64 = 64 * 1024;
/// The types that become smaller, by how they begin or what they contain.
const TYPES: [&str; 4] = ["text/", "json", "javascript", "svg"];

/// Compresses an answer.
pub async fn compress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // Only this is kept while a long poll waits.
    let coding = accepted(request.request());
    let answer = next.call(request).await?.map_into_boxed_body();
    let BodySize::Sized(size) = answer.response().body().size() else {
        return Ok(answer);
    };
    if size < BODY_MIN || !is_compressible(answer.headers()) {
        return Ok(answer);
    }
    let (request, mut answer) = answer.into_parts();
    vary(answer.headers_mut());
    if let Some(coding) = coding {
        answer = encoded(answer, coding, size).await?;
    }
    Ok(ServiceResponse::new(request, answer))
}

/// The coding for the answer to this request; `None` to send it as it is.
pub(super) fn accepted(request: &HttpRequest) -> Option<Coding> {
    let headers = request.headers();
    if has_session_cookie(headers) && !is_from_own_site(headers) {
        return None;
    }
    let ours = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let chosen = AcceptEncoding::parse(request)
        .ok()?
        .negotiate(ours.iter())?;
    let known = [Coding::Brotli, Coding::Gzip];
    known
        .into_iter()
        .find(|coding| chosen.to_string() == coding.name())
}

/// Adds to `Vary` that the answer depends on the accepted codings, in the one line that it may have.
fn vary(headers: &mut HeaderMap) {
    let known = headers.get(VARY).and_then(|known| known.to_str().ok());
    if known.is_some_and(|known| known.contains("accept-encoding")) {
        return;
    }
    let varies = known.map_or_else(
        || "accept-encoding".to_owned(),
        |known| format!("{known}, accept-encoding"),
    );
    let varies = HeaderValue::try_from(varies).expect("two lists of header names");
    headers.insert(VARY, varies);
}

/// Whether a page of ours or a person made the browser send the request (W3C Fetch Metadata).
fn is_from_own_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site == "same-origin" || site == "none")
}

fn is_compressible(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let is_text = |value: &str| TYPES.iter().any(|known| value.contains(known));
    !headers.contains_key(CONTENT_ENCODING) && content_type.is_some_and(is_text)
}

async fn encoded(answer: HttpResponse, coding: Coding, size: u64) -> Result<HttpResponse, Error> {
    let (mut answer, body) = answer.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        Err(stream) => return Ok(answer.set_body(stream)),
    };
    let encode = {
        let body = body.clone();
        move || coding.encode(&body, Effort::Quick)
    };
    let smaller = match size {
        ..=ON_WORKER_MAX => encode(),
        _ => web::block(encode).await?,
    };
    if smaller.len() >= body.len() {
        return Ok(answer.set_body(BoxBody::new(body)));
    }
    let name = HeaderValue::from_static(coding.name());
    answer.headers_mut().insert(CONTENT_ENCODING, name);
    Ok(answer.set_body(BoxBody::new(smaller)))
}

//! What several handlers read from a request.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap};
use actix_web::web::{self, Bytes};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::problem::{Code, Problem};
use crate::domain::order::OrderId;
use crate::domain::people::Language;

/// The longest time that a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// The limit of a JSON object in bytes.
const OBJECT_MAX: usize = 16 * 1024;

/// The language of `Accept-Language`; Swahili if it has neither Swahili nor English.
pub fn language(headers: &HeaderMap) -> Language {
    let wanted = headers.get(ACCEPT_LANGUAGE);
    let wanted = wanted.and_then(|value| value.to_str().ok());
    Language::from_accept_language(wanted.unwrap_or_default())
}

/// A parameter of the query, trimmed; empty if it is missing.
pub fn parameter(request: &HttpRequest, name: &str) -> String {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// The order id in a path; any other text is an unknown order.
pub fn order_in(path: &str) -> Result<OrderId, Problem> {
    path.parse().map_err(|_| Code::OrderNotFound.into())
}

/// Reads a JSON object. An empty body and `null` are `{}`.
pub async fn object_of<T: DeserializeOwned>(payload: web::Payload) -> Result<T, Problem> {
    let body = body_of(payload, OBJECT_MAX).await?;
    let object = match body.trim_ascii() {
        b"" | b"null" => b"{}",
        object => object,
    };
    // serde alone would also accept an array, by position.
    if !object.starts_with(b"{") {
        return Err(Code::InvalidRequest.detail("the body must be a JSON object"));
    }
    serde_json::from_slice(object).map_err(|fault| Code::InvalidRequest.detail(fault))
}

/// A body of at most `limit` bytes.
pub async fn body_of(payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
    timeout(BODY_WITHIN, payload.to_bytes_limited(limit))
        .await
        .map_err(|_| Code::InvalidRequest.detail("the body did not come in time"))?
        .map_err(|_| Code::PayloadTooLarge.detail(format!("at most {limit} bytes are read")))?
        .map_err(|_| Code::InvalidRequest.detail("the body broke off"))
}

//! What handlers take out of a request in the same way.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap};
use actix_web::web::{self, Bytes};
use tokio::time::timeout;

use super::problem::{Code, Problem};
use crate::domain::order::ids::OrderId;
use crate::domain::people::language::Language;

/// A body that takes longer than this is held back on purpose.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// By `Accept-Language`; Swahili when it names neither.
pub fn language(headers: &HeaderMap) -> Language {
    let wish = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    Language::from_accept_language(wish.unwrap_or_default())
}

/// A parameter of the address, trimmed; empty if it is not there.
pub fn parameter(request: &HttpRequest, name: &str) -> String {
    url::form_urlencoded::parse(request.query_string().as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// The value of the cookie of that name.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// The order that a path names. A text that is no order id names no order.
pub fn order_in(path: &str) -> Result<OrderId, Problem> {
    path.parse().map_err(|_| Problem::new(Code::OrderNotFound))
}

/// A body of at most `limit` bytes.
pub async fn body_of(payload: web::Payload, limit: usize) -> Result<Bytes, Problem> {
    let Ok(read) = timeout(BODY_WITHIN, payload.to_bytes_limited(limit)).await else {
        return Err(Problem::new(Code::InvalidRequest).detail("the body did not come in time"));
    };
    match read {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(Problem::new(Code::InvalidRequest).detail("the body broke off")),
        Err(_) => {
            Err(Problem::new(Code::PayloadTooLarge)
                .detail(format!("at most {limit} bytes are read")))
        }
    }
}

//! What handlers take out of a request in the same way.

use std::time::Duration;

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};
use actix_web::web;
use tokio::time::timeout;

use super::problem::{Code, Problem};
use crate::domain::language::Language;

/// A body that takes longer than this is held back on purpose.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// By `Accept-Language`; Swahili when it names neither.
pub fn language(headers: &HeaderMap) -> Language {
    let wish = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    Language::from_accept_language(wish.unwrap_or_default())
}

/// A body of at most `limit` bytes.
pub async fn body_of(payload: web::Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let Ok(read) = timeout(BODY_WITHIN, payload.to_bytes_limited(limit)).await else {
        return Err(Problem::new(Code::InvalidRequest).detail("the body did not come in time"));
    };
    match read {
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(_)) => Err(Problem::new(Code::InvalidRequest).detail("the body broke off")),
        Err(_) => {
            Err(Problem::new(Code::PayloadTooLarge)
                .detail(format!("at most {limit} bytes are read")))
        }
    }
}

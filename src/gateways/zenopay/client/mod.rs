//! The two calls to ZenoPay: create, which makes a phone ring, and order-status, which asks.
//!
//! Every call ends in an answer and never in an error: "unknown" is an answer too, which is stored.
//!
//! # Invariants
//! A push is sent once; nothing here repeats it.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::RequestBuilder;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::wire::{CreateAnswer, CreateRequest, StatusAnswer, Why, read_create, read_order_status};
use crate::domain::order::OrderId;
use crate::domain::people::Secret;
use crate::http_client::{self, Answer, CallError, below};

/// Documented by ZenoPay; below the base URL.
pub const CREATE_PATH: &str = "/api/payments/mobile_money_tanzania";
/// Documented by ZenoPay; below the base URL, with `?order_id=`.
pub const ORDER_STATUS_PATH: &str = "/api/payments/order-status";
/// Documented by ZenoPay: our key, in both directions.
pub const KEY_HEADER: &str = "x-api-key";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A webhook may wait for this call and must be answered within five seconds.
const ORDER_STATUS_TIMEOUT: Duration = Duration::from_secs(4);
/// A start waits for ZenoPay's time.
const TIME_TIMEOUT: Duration = Duration::from_secs(3);
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Talks to ZenoPay. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: Url,
    key: Secret,
    create_timeout: Duration,
}

/// Why there is no client, with the configuration key at fault.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL to call.
    #[error("zenopay.base_url must begin with http:// or https://")]
    BaseUrl,
    /// For example, it has a line break.
    #[error("zenopay.api_key is empty or has a character that an HTTP header cannot carry")]
    Key,
    /// For example on a machine without CA certificates.
    #[error("the HTTP client for ZenoPay cannot be built")]
    Build(#[source] reqwest::Error),
}

/// What is recorded of a gateway call beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// `None` without an answer.
    pub http_status: Option<u16>,
    /// ZenoPay's time when it answered, if it told it.
    pub date: Option<DateTime<Utc>>,
    /// From before the connection until the body was read or the call failed.
    pub duration: Duration,
}

impl Client {
    /// Prepares the calls; opens no connection yet. `base_url` may end in a path.
    ///
    /// # Errors
    /// [`ClientError`] when the URL or the key cannot be used or the system has no
    /// certificates.
    pub fn new(base_url: Url, key: Secret, create_timeout: Duration) -> Result<Self, ClientError> {
        if !matches!(base_url.scheme(), "http" | "https") {
            return Err(ClientError::BaseUrl);
        }
        Ok(Self {
            http: http_client::builder(base_url.scheme())
                .default_headers(key_headers(&key)?)
                .connect_timeout(CONNECT_TIMEOUT)
                .build()
                .map_err(ClientError::Build)?,
            base_url,
            key,
            create_timeout,
        })
    }

    /// Asks ZenoPay to make the guest's phone ring. Call it once an order.
    pub async fn create(&self, request: &CreateRequest) -> (CreateAnswer, CallFacts) {
        let call = self.http.post(below(&self.base_url, CREATE_PATH));
        let (answer, facts) = send(call.json(request).timeout(self.create_timeout)).await;
        // What a reason must never repeat: reasons are stored and shown.
        let private = [
            self.key.expose(),
            &request.webhook_url,
            &request.buyer_email,
            &request.buyer_name,
            &request.buyer_phone,
        ];

        // Invariant: refused only if the phone has certainly not rung.
        let answer = match answer {
            // The status alone may decide: a 403 is no push, whatever its body says.
            Ok(answer) => read_create(answer.status, &answer.body.unwrap_or_default(), &private),
            Err(error) => {
                let reason = Why::Call(error).to_string();
                match error {
                    CallError::Unreachable => CreateAnswer::Refused(reason),
                    _ => CreateAnswer::Unknown(reason),
                }
            }
        };
        (answer, facts)
    }

    /// Asks ZenoPay about an order. Changes nothing there.
    pub async fn order_status(&self, order_id: OrderId) -> (StatusAnswer, CallFacts) {
        let call = self.http.get(below(&self.base_url, ORDER_STATUS_PATH));
        let call = call.query(&[("order_id", order_id.to_string())]);
        let (answer, facts) = send(call.timeout(ORDER_STATUS_TIMEOUT)).await;

        let answer = match answer.and_then(|answer| Ok((answer.status, answer.body?))) {
            Ok((status, body)) => read_order_status(order_id, status, &body),
            Err(error) => StatusAnswer::Unknown(Why::Call(error)),
        };
        (answer, facts)
    }

    /// Asks for ZenoPay's time alone, which needs no order. Whatever the status, an answer may have it.
    pub async fn time(&self) -> CallFacts {
        let call = self.http.head(self.base_url.clone());
        send(call.timeout(TIME_TIMEOUT)).await.1
    }
}

async fn send(call: RequestBuilder) -> (Result<Answer, CallError>, CallFacts) {
    let began = Instant::now();
    let answer = http_client::call(call, BODY_BYTES_MAX).await;
    let facts = CallFacts {
        http_status: answer.as_ref().ok().map(|answer| answer.status),
        date: answer.as_ref().ok().and_then(|answer| answer.date),
        duration: began.elapsed(),
    };
    (answer, facts)
}

fn key_headers(key: &Secret) -> Result<HeaderMap, ClientError> {
    let mut value = HeaderValue::from_str(key.expose()).map_err(|_| ClientError::Key)?;
    if value.is_empty() {
        return Err(ClientError::Key);
    }
    value.set_sensitive(true);
    let name = HeaderName::from_static(KEY_HEADER);
    Ok(HeaderMap::from_iter([(name, value)]))
}

#[cfg(test)]
mod tests;

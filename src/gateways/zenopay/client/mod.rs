//! The two calls to ZenoPay: create, which makes a phone ring, and order-status, which asks.
//!
//! Every call ends in an answer and never in an error, because "we do not know" is an answer
//! that the business has a row for.
//!
//! # Invariants
//! A push is sent once; nothing here repeats it.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::wire::{CreateAnswer, CreateRequest, StatusAnswer, Why, read_create, read_order_status};
use crate::domain::order::ids::OrderId;
use crate::domain::people::secret::Secret;
use crate::http_client::{self, BodyError, below, read_body};

/// Documented by ZenoPay; below the base URL.
pub const CREATE_PATH: &str = "/api/payments/mobile_money_tanzania";
/// Documented by ZenoPay; below the base URL, with `?order_id=`.
pub const ORDER_STATUS_PATH: &str = "/api/payments/order-status";
/// Documented by ZenoPay: our key, in both directions.
pub const KEY_HEADER: &str = "x-api-key";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A webhook may wait for this ask and must be answered within five seconds.
const ORDER_STATUS_TIMEOUT: Duration = Duration::from_secs(4);
/// Shorter than the patience of common servers: a connection that they close just as we
/// write on it would leave a push unknown.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
const BODY_BYTES_MAX: usize = 256 * 1024;

/// Talks to ZenoPay. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    create_url: Url,
    order_status_url: Url,
    key: Secret,
    create_timeout: Duration,
}

/// Why there is no client: the configuration, told by its key.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL to call.
    #[error("zenopay.base_url must begin with http:// or https://")]
    BaseUrl,
    /// Has a line break, for one.
    #[error("zenopay.api_key is empty or has a character that an HTTP header cannot carry")]
    Key,
    /// As on a machine without CA certificates.
    #[error("the HTTP client for ZenoPay cannot be built")]
    Build(#[source] reqwest::Error),
}

/// What the journal of gateway calls keeps beside the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// None when no answer came.
    pub http_status: Option<u16>,
    /// From before the connection until the body was read or given up.
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
                .pool_idle_timeout(POOL_IDLE_TIMEOUT)
                .build()
                .map_err(ClientError::Build)?,
            create_url: below(&base_url, CREATE_PATH),
            order_status_url: below(&base_url, ORDER_STATUS_PATH),
            key,
            create_timeout,
        })
    }

    /// Asks ZenoPay to make the guest's phone ring. Call it once an order.
    pub async fn create(&self, request: &CreateRequest) -> (CreateAnswer, CallFacts) {
        let call = self.http.post(self.create_url.clone()).json(request);
        let (heard, facts) = hear(call.timeout(self.create_timeout)).await;

        // Invariant: refused only if the phone has certainly not rung.
        let answer = match heard {
            // The status alone may decide: a 403 is no push, whatever became of its body.
            Ok(heard) => read_create(
                heard.http_status,
                &heard.body.unwrap_or_default(),
                &self.private_parts(request),
            ),
            Err(why @ Why::Unreachable) => CreateAnswer::Refused {
                reason: why.to_string(),
            },
            Err(why) => CreateAnswer::Unknown {
                reason: why.to_string(),
            },
        };
        (answer, facts)
    }

    /// Asks ZenoPay what became of an order. Changes nothing there.
    pub async fn order_status(&self, order_id: OrderId) -> (StatusAnswer, CallFacts) {
        let mut url = self.order_status_url.clone();
        url.query_pairs_mut()
            .append_pair("order_id", &order_id.to_string());
        let (heard, facts) = hear(self.http.get(url).timeout(ORDER_STATUS_TIMEOUT)).await;

        let answer = match heard {
            Ok(HttpAnswer {
                http_status,
                body: Ok(body),
            }) => read_order_status(order_id, http_status, &body),
            Ok(HttpAnswer { body: Err(why), .. }) | Err(why) => StatusAnswer::Unknown(why),
        };
        (answer, facts)
    }

    /// What a reason must never repeat: reasons are stored and shown.
    fn private_parts<'a>(&'a self, request: &'a CreateRequest) -> [&'a str; 5] {
        [
            self.key.expose(),
            &request.webhook_url,
            &request.buyer_email,
            &request.buyer_name,
            &request.buyer_phone,
        ]
    }
}

/// An answer's status, and its body if the whole of it came.
struct HttpAnswer {
    http_status: u16,
    body: Result<Vec<u8>, Why>,
}

async fn hear(call: RequestBuilder) -> (Result<HttpAnswer, Why>, CallFacts) {
    let began = Instant::now();
    let heard = match call.send().await {
        Ok(response) => Ok(HttpAnswer {
            http_status: response.status().as_u16(),
            body: read_body(response, BODY_BYTES_MAX)
                .await
                .map_err(|error| match error {
                    BodyError::Broken(error) => why(&error),
                    BodyError::TooLarge => Why::TooLarge,
                }),
        }),
        Err(error) => Err(why(&error)),
    };
    let facts = CallFacts {
        http_status: heard.as_ref().ok().map(|heard| heard.http_status),
        duration: began.elapsed(),
    };
    (heard, facts)
}

fn why(error: &reqwest::Error) -> Why {
    // First, because a connection that took too long to open is a time-out too, and yet
    // nothing was sent.
    if error.is_connect() {
        Why::Unreachable
    } else if error.is_timeout() {
        Why::TimedOut
    } else {
        Why::Broken
    }
}

fn key_headers(key: &Secret) -> Result<HeaderMap, ClientError> {
    let mut value = HeaderValue::from_str(key.expose()).map_err(|_| ClientError::Key)?;
    if value.is_empty() {
        return Err(ClientError::Key);
    }
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(
        HeaderName::from_static(KEY_HEADER),
        value,
    )]))
}

#[cfg(test)]
mod tests;

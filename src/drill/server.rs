//! The drilled server, as its clients see it, and why a drill may have no verdict on it.

use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use url::Url;

use crate::domain::people::Secret;
use crate::http_client;
use crate::store::{Store, StoreError};

/// Base of the portal's and ZenoPay's paths (contract, sections 3 and 4).
const PORTAL: &str = "/api/v1/customer-portal";
/// For everything but long polls.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("malipo-drill/", env!("CARGO_PKG_VERSION"));
/// Requests of [`Server::send`] under way at the same moment.
const IN_FLIGHT: usize = 64;
/// A request that was not answered after this long is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// The first pause before another try, if the server names none; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The server that is drilled.
#[derive(Clone)]
pub struct Target {
    /// Base of the server's URLs.
    pub url: Url,
    /// The operator's token, for the server's own count of sales.
    pub token: Option<Secret>,
    /// What the server expects in `x-api-key`.
    pub key: Secret,
    /// The server's database, if it can be reached.
    pub store: Option<Store>,
    /// Names the server in the report.
    pub scene: String,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// No server answers at this URL, with the cause.
    #[error("{0} does not answer: {1}")]
    Unreachable(Url, String),
    /// A server answers at this URL, and is not ready or not ours.
    #[error("{0} is no malipo server that is ready: {1}")]
    NotReady(Url, String),
    /// The server is not in sandbox mode, where the drill would sell without payment.
    #[error("the drill runs only against the sandbox, and {scene} is in {mode} mode")]
    NotSandbox {
        /// What was checked.
        scene: String,
        /// The mode that it names.
        mode: String,
    },
    /// An order was refused.
    #[error("an order could not be placed: {0}")]
    NotPlaced(String),
    /// `--database` and `--url` belong to different servers.
    #[error("--database is not the database of the server at --url: it does not have the order")]
    OtherDatabase,
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// For example on a machine without CA certificates.
    #[error("the HTTP client cannot be built: {0}")]
    Client(#[from] reqwest::Error),
}

/// A client of the server.
pub(super) struct Server<'a> {
    http: reqwest::Client,
    pub target: &'a Target,
    in_flight: Semaphore,
}

/// The end of a request that was sent until the server accepted or refused it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status and JSON document; why there is none, if the request was given up.
    pub answer: Result<(u16, Value), String>,
    /// How often it was sent again, after a 502, 503, 504 or a lost connection.
    pub sent_again: u32,
    /// When the last try was sent.
    pub sent_at: Instant,
    /// How long its answer took.
    pub answered_in: Duration,
}

/// A try after which another one follows.
pub(super) struct Retry {
    why: String,
    /// What the server asks for, within reason.
    pub pause: Option<Duration>,
}

/// A process, and how many sales it has counted since its start.
pub(super) type SalesCounted = (String, u64);

impl<'a> Server<'a> {
    /// Opens no connection yet.
    pub fn new(target: &'a Target) -> Result<Self, DrillError> {
        let http = http_client::builder(target.url.scheme())
            .user_agent(USER_AGENT)
            .timeout(ANSWER_WITHIN)
            .build()?;
        Ok(Self {
            http,
            target,
            in_flight: Semaphore::new(IN_FLIGHT),
        })
    }

    /// Called before the first order, because the guests of a live server pay real money.
    pub async fn require_sandbox(&self) -> Result<(), DrillError> {
        let Target { url, scene, .. } = self.target;
        let answer = self.get("/health/ready").send().await;
        let answer =
            answer.map_err(|error| DrillError::Unreachable(url.clone(), innermost(&error)))?;
        let status = answer.status();
        let document: Value = answer.json().await.unwrap_or_default();
        match document["mode"].as_str() {
            Some("sandbox") if status.is_success() => Ok(()),
            Some(mode) if mode != "sandbox" => Err(DrillError::NotSandbox {
                scene: scene.clone(),
                mode: mode.chars().take(20).collect(),
            }),
            Some(_) | None => {
                let why = format!("/health/ready answered {status}");
                Err(DrillError::NotReady(url.clone(), why))
            }
        }
    }

    /// How many polls are parked, if the server's metrics can be read.
    pub async fn waiters(&self) -> Option<u64> {
        let answer = self.get("/metrics").send().await.ok()?;
        let text = answer.error_for_status().ok()?.text().await.ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix("malipo_status_waiters "))?
            .parse()
            .ok()
    }

    /// The server's own count of sales, if there is a token.
    pub async fn sales_counted(&self) -> Option<SalesCounted> {
        self.target.token.as_ref()?;
        let answer = self.get("/api/v1/operator/actors").send().await.ok()?;
        let document: Value = answer.error_for_status().ok()?.json().await.ok()?;
        let instance = document["instance"].as_str()?.to_owned();
        Some((instance, document["webhooks"]["completed"].as_u64()?))
    }

    /// A GET with the token, if there is one.
    fn get(&self, path: &str) -> RequestBuilder {
        let request = self.http.get(self.url(path));
        match &self.target.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    /// A request on a path below the portal's base.
    pub fn portal(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.url(&format!("{PORTAL}{path}"));
        self.http.request(method, url)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.target.url.as_str().trim_end_matches('/'))
    }

    /// Sends a request until it is answered with another status than those that `is_retried`, for a
    /// minute.
    pub async fn send(
        &self,
        is_retried: fn(u16) -> bool,
        request: impl Fn() -> RequestBuilder,
    ) -> Reply {
        let first = Instant::now();
        let mut sent_again = 0;
        loop {
            // The semaphore is never closed; without its permit we would only send too much.
            let permit = self.in_flight.acquire().await;
            let sent_at = Instant::now();
            let answer = try_once(is_retried, request()).await;
            let answered_in = sent_at.elapsed();
            drop(permit);
            let pause = match answer {
                Err(retry) if first.elapsed() < GIVE_UP_AFTER => retry.pause,
                ended => {
                    return Reply {
                        answer: ended.map_err(|retry| retry.why),
                        sent_again,
                        sent_at,
                        answered_in,
                    };
                }
            };
            sleep(pause.unwrap_or_else(|| back_off(sent_again))).await;
            sent_again += 1;
        }
    }
}

/// The server is busy or away, or a proxy cannot reach it. Only then a webhook is sent again: the
/// server must not limit webhooks.
pub(super) fn is_away(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// As [`is_away`], or a limit was reached, which may happen to a guest.
pub(super) fn is_limited_or_away(status: u16) -> bool {
    status == 429 || is_away(status)
}

/// Sends a request once. Another try follows a lost answer, and a status that `is_retried`.
pub(super) async fn try_once(
    is_retried: fn(u16) -> bool,
    request: RequestBuilder,
) -> Result<(u16, Value), Retry> {
    let lost = |error: reqwest::Error| Retry {
        why: innermost(&error),
        pause: None,
    };
    let response = request.send().await.map_err(lost)?;
    let (status, pause) = (response.status().as_u16(), pause_of(&response));
    let body = response.bytes().await.map_err(lost)?;
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    if is_retried(status) {
        return Err(Retry {
            why: format!("{status}, {}", document["code"]),
            pause,
        });
    }
    Ok((status, document))
}

fn pause_of(response: &Response) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let pause = Duration::from_secs(header.trim().parse().ok()?);
    Some(pause.min(LONGEST_PAUSE))
}

fn back_off(tries_before: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(tries_before));
    pause.min(LONGEST_PAUSE)
}

/// The sales between two counts of the same process. Other guests may have bought meanwhile,
/// so this is reported and not checked.
pub(super) fn sales_between(
    before: Option<SalesCounted>,
    after: Option<SalesCounted>,
) -> Option<u64> {
    let ((process, before), (process_after, after)) = (before?, after?);
    (process == process_after).then(|| after.saturating_sub(before))
}

/// The first cause of an error: "Connection refused", and not that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_waited_for_by_guests_and_is_a_fault_for_a_webhook() {
        assert!(is_limited_or_away(429) && is_limited_or_away(503));
        assert!(is_away(503) && !is_away(429));
    }
}

//! The part of ZenoPay: sends each delivery until it is answered by something else than
//! 503, with a bound on how many are under way and on how long one is tried.

use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::collected::{Answer, Sent};
use super::progress::Progress;
use super::server::{Server, asks_for_another_try};
use crate::domain::order::ids::OrderId;
use crate::domain::people::secret::Secret;
use crate::gateways::zenopay::client::KEY_HEADER;
use crate::gateways::zenopay::wire::WebhookBody;

/// Deliveries on their way at the same moment.
const IN_FLIGHT: usize = 64;
/// After this long a delivery that finds only 503s is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);
/// The first pause before it is sent again, if the server names none; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Where in the body's `metadata` the mark stands.
const MARK: &str = "drill";

/// Sends deliveries.
pub(super) struct Sender<'a> {
    server: &'a Server,
    key: &'a Secret,
    in_flight: Semaphore,
    progress: &'a Progress,
}

/// One delivery to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    pub mark: u32,
    pub word: &'static str,
}

/// Whom deliveries are about.
#[derive(Clone)]
pub(super) struct Subject {
    pub order_id: OrderId,
    /// The random part of the order's own URL, if it is known.
    pub webhook_secret: Option<Secret>,
}

/// What one try has come to.
enum SendResult {
    Answer(Answer),
    /// To be sent again, after this long if the server says so.
    Again(Option<Duration>),
}

impl<'a> Sender<'a> {
    pub fn new(server: &'a Server, key: &'a Secret, progress: &'a Progress) -> Self {
        Self {
            server,
            key,
            in_flight: Semaphore::new(IN_FLIGHT),
            progress,
        }
    }

    /// Sends one delivery to its end.
    pub async fn deliver(&self, subject: &Subject, planned: Planned) -> Sent {
        let first = Instant::now();
        let mut sent_again = 0;
        loop {
            let (heard, sent_at) = self.try_once(subject, planned).await;
            let answered_in = sent_at.elapsed();
            let answer = match heard {
                SendResult::Answer(answer) => answer,
                SendResult::Again(pause) if first.elapsed() < GIVE_UP_AFTER => {
                    sleep(pause.unwrap_or_else(|| back_off(sent_again))).await;
                    sent_again += 1;
                    continue;
                }
                SendResult::Again(_) => Answer::GaveUp,
            };
            self.progress.one_more();
            return Sent {
                mark: planned.mark,
                word: planned.word,
                sent_again,
                answer,
                sent_at,
                answered_in,
            };
        }
    }

    async fn try_once(&self, subject: &Subject, planned: Planned) -> (SendResult, Instant) {
        // The semaphore is never closed; without its permit we would only send too much.
        let _permit = self.in_flight.acquire().await;
        let sent_at = Instant::now();
        let body = WebhookBody {
            order_id: subject.order_id.to_string(),
            payment_status: planned.word.to_owned(),
            // None: a simulated ZenoPay that also delivers has one of its own, and another
            // reference is the alarm for a second charge.
            reference: None,
            metadata: json!({MARK: planned.mark}),
        };
        // By turns, because both proofs must hold.
        let request = match &subject.webhook_secret {
            Some(secret) if planned.mark % 2 == 1 => {
                let token = format!("{}.{}", subject.order_id, secret.expose());
                self.server
                    .portal_post(&format!("/webhook/zenopay/{token}"))
            }
            _ => self
                .server
                .portal_post("/webhook/zenopay")
                .header(KEY_HEADER, self.key.expose()),
        };
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .body(json!(body).to_string());
        (hear(request.send().await).await, sent_at)
    }
}

async fn hear(result: Result<Response, reqwest::Error>) -> SendResult {
    let Ok(response) = result else {
        return SendResult::Again(None);
    };
    let status = response.status().as_u16();
    if asks_for_another_try(status) {
        return SendResult::Again(pause_of(&response));
    }
    let Ok(bytes) = response.bytes().await else {
        return SendResult::Again(None);
    };
    let document: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let word = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
    SendResult::Answer(if status == 200 {
        Answer::Acknowledged {
            outcome: word("outcome"),
        }
    } else {
        Answer::Refused {
            status,
            code: word("code"),
        }
    })
}

/// What the server asks for, within reason.
pub(super) fn pause_of(response: &Response) -> Option<Duration> {
    let secs = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(secs).min(LONGEST_PAUSE))
}

/// The pause before a try that follows on `tries_before` others.
pub(super) fn back_off(tries_before: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(tries_before.min(16)))
        .min(LONGEST_PAUSE)
}

/// The mark of a delivery as the journal has kept it; `None` if it is not one of ours.
pub(super) fn mark_of(body: &[u8]) -> Option<u32> {
    let body: WebhookBody = serde_json::from_slice(body).ok()?;
    body.metadata[MARK].as_u64()?.try_into().ok()
}

//! The part of the guests: each places an order and waits for it on a long poll.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::DrillError;
use super::collected::{PollAnswer, Shown};
use super::sender::{back_off, pause_of};
use super::server::{Server, asks_for_another_try};
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;

/// How long one poll is parked.
const WAIT_SECS: u64 = 30;
/// How long a guest goes on waiting when all is sent: a poll to its end and a little more.
/// A notice that is lost then shows as a slow one, and not as no sale.
const GRACE: Duration = Duration::from_secs(WAIT_SECS + 5);
/// After this long an order that is answered 429 or asked to come again is given up.
const PLACE_WITHIN: Duration = Duration::from_secs(60);
/// Tries to see an order's status at the end.
const LOOKS: u32 = 8;
/// Between two polls that brought nothing new.
const SHORT_PAUSE: Duration = Duration::from_millis(50);
/// The version with which every order begins (contract, section 3).
const FIRST_VERSION: i64 = 1;
const COMPLETED: &str = "COMPLETED";

/// The part of the status document that guests look at.
#[derive(Deserialize)]
struct Document {
    payment_status: String,
    version: i64,
    voucher_code: Option<String>,
}

impl Document {
    fn code(self) -> Option<VoucherCode> {
        self.voucher_code.map(VoucherCode::from_stored)
    }
}

/// A run's phones, one an order. No operator in Tanzania has numbers that begin with 060, so
/// that no text ever goes to a person.
pub(super) struct Phones {
    first: u64,
}

impl Phones {
    const NUMBERS: u64 = 10_000_000;

    /// Begins somewhere, so that the limits of one run do not meet those of the last.
    pub fn new() -> Self {
        Self {
            first: Uuid::new_v4().as_u64_pair().1 % Self::NUMBERS,
        }
    }

    fn phone(&self, number: u32) -> String {
        format!("060{:07}", (self.first + u64::from(number)) % Self::NUMBERS)
    }
}

/// The codes of what is on sale.
pub(super) async fn price_list(server: &Server) -> Result<Vec<String>, DrillError> {
    let request = || server.portal_get("/packages", Duration::ZERO);
    let list = until_answered(request, "no price list: ").await?;
    let packages = list["packages"].as_array().into_iter().flatten();
    let codes: Vec<String> = packages
        .filter_map(|package| package["code"].as_str().map(str::to_owned))
        .collect();
    if codes.is_empty() {
        return Err(DrillError::NotPlaced("nothing is on sale".to_owned()));
    }
    Ok(codes)
}

/// Places an order.
pub(super) async fn place(
    server: &Server,
    phones: &Phones,
    number: u32,
    package: &str,
) -> Result<OrderId, DrillError> {
    let wish = json!({
        "packageId": package,
        "phoneNumber": phones.phone(number),
        "customerName": format!("Drill {}", number + 1),
    });
    // One a guest, so that a request whose answer is lost can be made again.
    let key = Uuid::new_v4().to_string();
    let request = || {
        let request = server.portal_post("/payment");
        request.header("idempotency-key", &key).json(&wish)
    };
    let document = until_answered(request, "").await?;
    document["order_id"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| DrillError::NotPlaced("the answer names no order".to_owned()))
}

/// Sends a request again while the server is away or busy, or the shop's limit is reached. Returns
/// the answer's document.
async fn until_answered(
    request: impl Fn() -> RequestBuilder,
    what: &str,
) -> Result<Value, DrillError> {
    let not_placed = |why: String| DrillError::NotPlaced(format!("{what}{why}"));
    let started = Instant::now();
    let mut tries = 0;
    loop {
        let (why, pause) = match request().send().await {
            Ok(answer) => {
                let (status, pause) = (answer.status(), pause_of(&answer));
                let document: Value = answer.json().await.unwrap_or_default();
                if status.is_success() {
                    return Ok(document);
                }
                let why = format!("{status}, {}", document["code"]);
                if status != 429 && !asks_for_another_try(status.as_u16()) {
                    return Err(not_placed(why));
                }
                (why, pause)
            }
            Err(error) => (error.to_string(), None),
        };
        if started.elapsed() > PLACE_WITHIN {
            return Err(not_placed(why));
        }
        sleep(pause.unwrap_or_else(|| back_off(tries))).await;
        tries += 1;
    }
}

/// Waits on long polls until the order is COMPLETED, or until some time after `all_sent`.
pub(super) async fn wait(
    server: &Server,
    order_id: OrderId,
    all_sent: &CancellationToken,
) -> Option<PollAnswer> {
    let patience = async {
        all_sent.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        told = poll_until_completed(server, order_id) => Some(told),
        () = patience => None,
    }
}

async fn poll_until_completed(server: &Server, order_id: OrderId) -> PollAnswer {
    let mut since = FIRST_VERSION;
    let mut went_back = None;
    loop {
        let path = format!("/payment/status/{order_id}?wait={WAIT_SECS}&since={since}");
        let (document, pause) = poll(server, &path).await;
        let at = Instant::now();
        match document {
            Some(document) if document.payment_status == COMPLETED => {
                let code = document.code();
                return PollAnswer {
                    code,
                    at,
                    went_back,
                };
            }
            Some(document) if document.version < since => {
                went_back = Some((since, document.version));
                since = document.version;
            }
            // FAILED or the like: money may still come.
            Some(document) if document.version != since => since = document.version,
            Some(_) | None => sleep(pause.unwrap_or(SHORT_PAUSE)).await,
        }
    }
}

async fn poll(server: &Server, path: &str) -> (Option<Document>, Option<Duration>) {
    let request = server.portal_get(path, Duration::from_secs(WAIT_SECS));
    let Ok(answer) = request.send().await else {
        return (None, None);
    };
    let pause = pause_of(&answer);
    match answer.error_for_status() {
        Ok(answer) => (answer.json().await.ok(), pause),
        Err(_) => (None, pause),
    }
}

/// What the status page shows now; `None` if it shows nothing.
pub(super) async fn look(server: &Server, order_id: OrderId) -> Option<Shown> {
    let path = format!("/payment/status/{order_id}");
    for tries in 0..LOOKS {
        if let (Some(document), _) = poll(server, &path).await {
            return Some(Shown {
                status: document.payment_status.clone(),
                code: document.code(),
            });
        }
        sleep(back_off(tries)).await;
    }
    None
}

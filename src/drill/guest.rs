//! The guests: each places an order and waits for it on a long poll.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::collected::{COMPLETED, PollAnswer, Shown};
use super::server::{ANSWER_WITHIN, DrillError, Server, is_limited_or_away, try_once};
use crate::domain::access::VoucherCode;
use crate::domain::order::OrderId;

/// How long one poll is parked.
const WAIT: Duration = Duration::from_secs(30);
/// How long a guest waits after the last webhook: one whole poll and a little more. A lost notice
/// then shows as a slow one, and not as a lost sale.
const GRACE: Duration = Duration::from_secs(35);
/// Before the next poll after one that showed no change.
const SHORT_PAUSE: Duration = Duration::from_millis(50);
/// The version with which every order begins (contract, section 3).
const FIRST_VERSION: i64 = 1;
/// How many phone numbers begin with 060. No operator in Tanzania has that prefix, so no SMS
/// reaches a person.
const PHONES: u64 = 10_000_000;

/// A random start, so that the limits by phone of one run do not affect the next.
pub(super) fn first_phone() -> u64 {
    Uuid::new_v4().as_u64_pair().1 % PHONES
}

/// The codes of the packages on sale.
pub(super) async fn price_list(server: &Server<'_>) -> Result<Vec<String>, DrillError> {
    let list = ask(server, || server.portal(Method::GET, "/packages")).await?;
    let packages = list["packages"].as_array().into_iter().flatten();
    let codes: Vec<String> = packages
        .filter_map(|package| package["code"].as_str().map(str::to_owned))
        .collect();
    if codes.is_empty() {
        return Err(DrillError::NotPlaced("nothing is on sale".to_owned()));
    }
    Ok(codes)
}

/// Places the order with this number.
pub(super) async fn place(
    server: &Server<'_>,
    first_phone: u64,
    number: u32,
    package: &str,
) -> Result<OrderId, DrillError> {
    let phone = (first_phone + u64::from(number)) % PHONES;
    let purchase = json!({
        "packageId": package,
        "phoneNumber": format!("060{phone:07}"),
        "customerName": format!("Drill {}", number + 1),
    });
    // The same at every try, so that a lost answer makes no second order.
    let key = Uuid::new_v4().to_string();
    let request = || {
        let request = server.portal(Method::POST, "/payment");
        request.header("idempotency-key", &key).json(&purchase)
    };
    let document = ask(server, request).await?;
    document["order_id"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| DrillError::NotPlaced("the answer names no order".to_owned()))
}

async fn ask(
    server: &Server<'_>,
    request: impl Fn() -> RequestBuilder,
) -> Result<Value, DrillError> {
    match server.send(is_limited_or_away, request).await.answer {
        Ok((200..300, document)) => Ok(document),
        Ok((status, document)) => Err(format!("{status}, {}", document["code"])),
        Err(why) => Err(why),
    }
    .map_err(DrillError::NotPlaced)
}

/// Waits on long polls until the order is COMPLETED, or until some time after `all_sent`.
pub(super) async fn wait(
    server: &Server<'_>,
    order_id: OrderId,
    all_sent: &CancellationToken,
) -> Option<PollAnswer> {
    let give_up = async {
        all_sent.cancelled().await;
        sleep(GRACE).await;
    };
    tokio::select! {
        answer = poll_until_completed(server, order_id) => Some(answer),
        () = give_up => None,
    }
}

async fn poll_until_completed(server: &Server<'_>, order_id: OrderId) -> PollAnswer {
    let mut since = FIRST_VERSION;
    let mut went_back = None;
    loop {
        let wait_secs = WAIT.as_secs();
        let path = format!("/payment/status/{order_id}?wait={wait_secs}&since={since}");
        let poll = server.portal(Method::GET, &path);
        let poll = poll.timeout(ANSWER_WITHIN + WAIT);
        let (shown, pause) = match try_once(is_limited_or_away, poll).await {
            Ok(answer) => (read_status(answer), None),
            Err(retry) => (None, retry.pause),
        };
        let at = Instant::now();
        match shown {
            Some(shown) if shown.status == COMPLETED => {
                return PollAnswer {
                    code: shown.code,
                    at,
                    went_back,
                };
            }
            // After FAILED the payment may still arrive.
            Some(shown) if shown.version != since => {
                if shown.version < since {
                    went_back = Some((since, shown.version));
                }
                since = shown.version;
            }
            Some(_) | None => sleep(pause.unwrap_or(SHORT_PAUSE)).await,
        }
    }
}

/// What the status page shows now; `None` if it shows nothing.
pub(super) async fn status_page(server: &Server<'_>, order_id: OrderId) -> Option<Shown> {
    let path = format!("/payment/status/{order_id}");
    let request = || server.portal(Method::GET, &path);
    let reply = server.send(is_limited_or_away, request).await;
    read_status(reply.answer.ok()?)
}

fn read_status((status, document): (u16, Value)) -> Option<Shown> {
    let text = |name: &str| document[name].as_str().map(str::to_owned);
    let shown = Shown {
        status: text("payment_status")?,
        version: document["version"].as_i64()?,
        code: text("voucher_code").map(VoucherCode::from_stored),
    };
    (200..300).contains(&status).then_some(shown)
}

//! The guests: each places an order and waits for it on a long poll.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::collected::{COMPLETED, PollAnswer, Shown};
use super::server::{Server, try_once};
use super::target::DrillError;
use crate::domain::access::voucher::VoucherCode;
use crate::domain::order::ids::OrderId;

/// How long one poll is parked.
const WAIT: Duration = Duration::from_secs(30);
/// How long a guest waits after the last webhook: one whole poll and a little more. A lost notice
/// then shows as a slow one, and not as a lost sale.
const GRACE: Duration = Duration::from_secs(35);
/// Between two polls that brought nothing new.
const SHORT_PAUSE: Duration = Duration::from_millis(50);
/// The version with which every order begins (contract, section 3).
const FIRST_VERSION: i64 = 1;
/// Phone numbers that begin with 060, which no operator in Tanzania has, so that no SMS reaches a
/// person.
const PHONES: u64 = 10_000_000;

/// The part of the status document that guests read.
#[derive(Deserialize)]
struct Document {
    payment_status: String,
    version: i64,
    voucher_code: Option<String>,
}

impl Document {
    fn read((status, document): (u16, Value)) -> Option<Self> {
        let is_shown = (200..300).contains(&status);
        serde_json::from_value(document).ok().filter(|_| is_shown)
    }

    fn code(self) -> Option<VoucherCode> {
        self.voucher_code.map(VoucherCode::from_stored)
    }
}

/// A random start, so that the limits by phone of one run do not affect the next.
pub(super) fn first_phone() -> u64 {
    Uuid::new_v4().as_u64_pair().1 % PHONES
}

/// The codes of the packages on sale.
pub(super) async fn price_list(server: &Server<'_>) -> Result<Vec<String>, DrillError> {
    let list = ask(server, || server.portal_get("/packages", Duration::ZERO)).await?;
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
        let request = server.portal_post("/payment");
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
    match server.send(request).await.answer {
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
        let (document, pause) = match try_once(server.portal_get(&path, WAIT)).await {
            Ok(answer) => (Document::read(answer), None),
            Err(retry) => (None, retry.pause),
        };
        let at = Instant::now();
        match document {
            Some(document) if document.payment_status == COMPLETED => {
                return PollAnswer {
                    code: document.code(),
                    at,
                    went_back,
                };
            }
            // After FAILED and the like money may still come.
            Some(document) if document.version != since => {
                if document.version < since {
                    went_back = Some((since, document.version));
                }
                since = document.version;
            }
            Some(_) | None => sleep(pause.unwrap_or(SHORT_PAUSE)).await,
        }
    }
}

/// What the status page shows now; `None` if it shows nothing.
pub(super) async fn status_page(server: &Server<'_>, order_id: OrderId) -> Option<Shown> {
    let path = format!("/payment/status/{order_id}");
    let reply = server
        .send(|| server.portal_get(&path, Duration::ZERO))
        .await;
    let document = Document::read(reply.answer.ok()?)?;
    Some(Shown {
        status: document.payment_status.clone(),
        code: document.code(),
    })
}

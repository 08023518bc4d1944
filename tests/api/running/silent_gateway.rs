//! A ZenoPay that does not answer pushes, while a stranger buys from many addresses.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::siege::{deliver, serve, to};
use crate::harness::client::Client;
use crate::harness::{ANSWERED_WITHIN, Kind, SaleCounts, TestDatabase, fresh_phone, http_client};
use crate::webhook::fake::FakeZenoPay;

on_both_databases! {
    a_webhook_is_answered_once_although_pushes_to_a_silent_gateway_hold_all_files_that_they_can_get,
}

/// Purchases that the stranger wants under way: more than there are files.
const PURCHASES: usize = 300;
const WEBHOOKS: usize = 10;
/// Of the stranger, after a refusal: what he holds counts here, and not how busy he keeps the machine.
const PAUSE: Duration = Duration::from_millis(300);
/// Longer than any limit of the server, on a busy machine.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// How the server has answered the stranger.
#[derive(Default)]
struct Answers {
    /// 503 with `Retry-After`.
    told_to_try_again: Cell<usize>,
    /// Any other answer: a push that has begun holds until the end.
    odd: Cell<Option<String>>,
}

/// Buys from an address of its own, and again whenever the server refuses or hangs up.
fn buy(base: String, number: usize, answers: &Rc<Answers>) -> JoinHandle<()> {
    let answers = answers.clone();
    actix_web::rt::spawn(async move {
        let client = http_client();
        let address = format!(
            "203.0.113.{}, 198.51.{}.{}",
            number % 250,
            number / 250,
            number % 250
        );
        loop {
            let request = client.post(format!("{base}/api/v1/customer-portal/payment"));
            let request = request.header("x-forwarded-for", &address);
            let purchase = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
            if let Ok(answer) = request.json(&purchase).send().await {
                if answer.status() == 503 && answer.headers().contains_key("retry-after") {
                    answers
                        .told_to_try_again
                        .set(answers.told_to_try_again.get() + 1);
                } else {
                    let odd = format!("{} {:?}", answer.status(), answer.text().await);
                    answers.odd.set(Some(odd));
                }
            }
            sleep(PAUSE).await;
        }
    })
}

/// Sends a request again if its connection was closed in the rush, as browsers do.
async fn answered(request: impl Fn() -> RequestBuilder) -> Response {
    let begun = Instant::now();
    loop {
        match request().send().await {
            Ok(answer) => return answer,
            Err(closed) => assert!(begun.elapsed() < GIVE_UP_AFTER, "{closed}"),
        }
    }
}

/// A guest sees in words that nothing was sent.
async fn assert_page_says_try_again(base: &str) {
    let form = "key=a-fresh-key&package=daily:2000&phone=0712345678";
    let page = answered(|| {
        http_client()
            .post(format!("{base}/buy"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .body(form)
    });
    let page = page.await;
    assert_eq!(page.status(), 503);
    assert!(page.headers().contains_key("retry-after"));
    assert!(page.text().await.unwrap().contains("Ombi halikutumwa"));
}

async fn until_it_sells(base: &str) {
    let begun = Instant::now();
    loop {
        let answer = answered(|| {
            let purchase = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
            let request = http_client().post(format!("{base}/api/v1/customer-portal/payment"));
            request.json(&purchase)
        });
        let answer = answer.await;
        if answer.status() == 201 {
            return;
        }
        let document: Value = answer.json().await.unwrap();
        assert!(begun.elapsed() < GIVE_UP_AFTER, "{document}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn a_webhook_is_answered_once_although_pushes_to_a_silent_gateway_hold_all_files_that_they_can_get(
    kind: Kind,
) {
    let database = TestDatabase::create(kind).await;
    let zenopay = FakeZenoPay::start();
    let (process, _folder) = serve(
        &database,
        &[
            ("MALIPO__ZENOPAY__MODE", "live"),
            ("MALIPO__ZENOPAY__API_KEY", crate::harness::KEY),
            ("MALIPO__ZENOPAY__BASE_URL", &zenopay.base),
            ("MALIPO__ZENOPAY__CREATE_TIMEOUT_MS", "600000"),
            ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.invalid"),
            ("MALIPO__SERVER__TRUSTED_PROXIES", "127.0.0.1"),
        ],
    );
    let (client, address) = (Client::of(&process), to(&process));
    let mut guests = Vec::new();
    for _ in 0..WEBHOOKS {
        guests.push(client.buy().await);
    }
    zenopay.holds_pushes(true);
    let answers = Rc::new(Answers::default());
    let attack: Vec<_> = (0..PURCHASES)
        .map(|number| buy(process.base.clone(), number, &answers))
        .collect();
    let begun = Instant::now();
    while answers.told_to_try_again.get() < PURCHASES && begun.elapsed() < GIVE_UP_AFTER {
        sleep(Duration::from_millis(10)).await;
    }

    for order_id in &guests {
        let answer = timeout(ANSWERED_WITHIN, deliver(address, order_id)).await;
        let answer = answer.expect("the webhook was not answered in time");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        assert!(answer.contains("completed"), "sent twice: {answer}");
    }
    assert_page_says_try_again(&process.base).await;

    for task in attack {
        task.abort();
    }
    assert_eq!(answers.odd.take(), None);
    let pushes = zenopay.pushed() as i64;
    assert!(pushes > WEBHOOKS as i64, "no push is under way");
    // No order is left behind by a purchase that was refused.
    database
        .wait_for_count("SELECT COUNT(*) FROM payments", pushes)
        .await;
    for order_id in &guests {
        assert_eq!(
            database.sale_of(order_id).await,
            SaleCounts::ONE,
            "{order_id}"
        );
    }
    zenopay.holds_pushes(false);
    until_it_sells(&process.base).await;
}

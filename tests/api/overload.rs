//! More requests than the server can take: they are refused at once, memory stays flat, and nothing
//! is lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::harness::process::Process;
use crate::harness::{
    Answer, KEY, Kind, SaleCounts, TestDatabase, body_of, fresh_phone, http_client,
};

/// The limit of messages in the process. It is lower than the number of connections, so that each
/// message holds a connection until PostgreSQL gives its lock up. On a slow machine that happens
/// before the load ends, and others take these places.
const IN_FLIGHT: usize = 12;
/// The initial load, by which the memory that the server needs is measured; the test then uses ten
/// times as much.
const FEW: usize = 150;
const MANY: usize = 10 * FEW;
/// Concurrent clients.
const AT_ONCE: usize = 48;
/// How much a server may grow although it keeps nothing: buffers, the allocator's behaviour.
const GROWTH_MAX_KIB: u64 = 16 * 1024;

#[actix_web::test]
async fn overload_is_refused_as_quickly_as_a_page_is_served_and_takes_no_memory() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let in_flight = IN_FLIGHT.to_string();
    let process = Process::serve(
        &database.url,
        &[("MALIPO__ACTORS__IN_FLIGHT_MAX", &in_flight)],
    );
    let http = http_client();
    let orders = join_all((0..IN_FLIGHT).map(|_| buy(&http, &process.base))).await;
    let held = database.begin().await;
    held.execute_unprepared("SELECT 1 FROM payments FOR UPDATE")
        .await
        .unwrap();
    // These fill every place and are answered when their time is over; their work goes on.
    let stuck = join_all(
        orders
            .iter()
            .map(|order| deliver(&http, &process.base, order)),
    );

    let rush = async {
        until_refused(&http, &process.base, &orders[0]).await;
        overload(&http, &process, &orders[0], FEW).await;
        let before = process.resident_kib();
        let refusals = overload(&http, &process, &orders[0], MANY).await;
        let grown = process.resident_kib().saturating_sub(before);
        let url = format!("{}/health/live", process.base);
        let pages = crowd(FEW, async || {
            Answer::of(http.get(&url).send().await.unwrap()).await
        });
        (refusals, median(pages.await.1), grown)
    };
    let (_, (refusals, page, grown)) = tokio::join!(stuck, rush);
    held.rollback().await.unwrap();

    assert!(
        refusals < 10 * page,
        "a refusal took {refusals:?}, a page {page:?}"
    );
    assert!(grown < GROWTH_MAX_KIB, "grown by {grown} KiB");
    for order in &orders {
        until_taken(&http, &process.base, order).await;
        assert_eq!(database.sale_of(order).await, SaleCounts::ONE, "{order}");
    }
}

/// Sends this many copies from many clients, none of which is taken and nearly all are refused;
/// returns the median of their times.
async fn overload(
    http: &reqwest::Client,
    process: &Process,
    order: &str,
    copies: usize,
) -> Duration {
    let (answers, times) = crowd(copies, async || deliver(http, &process.base, order).await).await;
    for answer in &answers {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.header("retry-after").is_some());
    }
    let refused = answers.iter().filter(|it| it.code() == "busy").count();
    assert!(refused * 10 >= copies * 9, "{refused} of {copies}");
    median(times)
}

async fn crowd(requests: usize, send: impl AsyncFn() -> Answer) -> (Vec<Answer>, Vec<Duration>) {
    let timed = async || {
        let began = Instant::now();
        (send().await, began.elapsed())
    };
    stream::iter(0..requests)
        .map(|_| timed())
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .unzip()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn buy(http: &reqwest::Client, base: &str) -> String {
    let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    let request = http.post(format!("{base}/api/v1/customer-portal/payment"));
    let answer: Value = request
        .json(&payload)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    answer["order_id"].as_str().unwrap().to_owned()
}

async fn deliver(http: &reqwest::Client, base: &str, order: &str) -> Answer {
    let request = http
        .post(format!("{base}/api/v1/customer-portal/webhook/zenopay"))
        .header("x-api-key", KEY)
        .body(body_of(order, "COMPLETED"));
    Answer::of(request.send().await.unwrap()).await
}

/// Sends until every place is taken.
async fn until_refused(http: &reqwest::Client, base: &str, order: &str) {
    until_answered(http, base, order, 503).await;
}

async fn until_taken(http: &reqwest::Client, base: &str, order: &str) {
    until_answered(http, base, order, 200).await;
}

async fn until_answered(http: &reqwest::Client, base: &str, order: &str, status: u16) {
    let begun = Instant::now();
    while deliver(http, base, order).await.status != status {
        assert!(begun.elapsed() < Duration::from_secs(60), "never {status}");
    }
}

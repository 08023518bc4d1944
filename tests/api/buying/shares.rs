//! The shares of a client: its orders use up one, and what is refused uses up another. So a guest cannot
//! keep the others behind the same address from buying.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use malipo::config::LimitsConfig;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    refused_requests_use_up_no_purchase_of_the_guests_behind_the_same_address,
    a_client_that_is_refused_too_often_is_told_when_to_come_again_and_may_still_buy,
    many_refused_purchases_at_once_hold_no_place_of_one_that_is_right,
    a_key_that_two_phones_use_at_once_uses_up_one_place,
    an_order_is_found_again_by_its_key_after_the_share_is_used_up,
    an_sms_is_sent_again_in_turns_whatever_else_the_client_was_refused,
}

/// The address of a hotspot, which all its guests share.
pub const HOTSPOT: &str = "198.51.100.1";

const KEY: &str = "one-key-of-a-guest";

/// Starts a server behind a proxy on this machine.
pub async fn behind_a_proxy(kind: Kind, limit: impl FnOnce(&mut LimitsConfig)) -> TestApp {
    TestApp::start_with(kind, |config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        limit(&mut config.limits);
    })
    .await
}

/// A purchase that is right.
fn good(phone: &str) -> Value {
    json!({"packageId": "daily", "phoneNumber": phone})
}

async fn buy(app: &TestApp) -> Answer {
    post(app, "/payment", &good(&fresh_phone())).await
}

/// A POST of JSON to the portal's API.
pub async fn post(app: &TestApp, path: &str, body: &Value) -> Answer {
    send(app.http.post(app.portal(path)).json(body)).await
}

/// A purchase with an Idempotency-Key.
async fn keyed(app: &TestApp, key: &str, body: &Value) -> Answer {
    let request = app.http.post(app.portal("/payment")).json(body);
    send(request.header("idempotency-key", key)).await
}

/// A POST of a form, in English, from a browser that accepts pages.
pub async fn submit(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let form = app
        .http
        .post(app.url(path))
        .header("accept", "text/html")
        .header("accept-language", "en")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(serde_urlencoded::to_string(fields).unwrap());
    send(form).await
}

pub async fn send(request: RequestBuilder) -> Answer {
    send_from(HOTSPOT, request).await
}

async fn send_from(address: &str, request: RequestBuilder) -> Answer {
    let request = request.header("x-forwarded-for", address);
    Answer::of(request.send().await.unwrap()).await
}

/// Seconds.
pub fn wait_of(answer: &Answer) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

async fn assert_forms_are_refused(app: &TestApp) {
    for (path, fields) in [
        ("/buy", [("package", "daily:2000"), ("phone", "12")]),
        ("/buy", [("package", "daily:1"), ("phone", "0712345678")]),
        ("/paid", [("package", ""), ("phone", "12")]),
        ("/order/none/again", [("package", ""), ("key", "x")]),
    ] {
        let refused = submit(app, path, &fields).await;
        let is_refused = (400..500).contains(&refused.status) && refused.status != 429;
        assert!(is_refused, "{path}: {} {}", refused.status, refused.text);
    }
}

async fn refused_requests_use_up_no_purchase_of_the_guests_behind_the_same_address(kind: Kind) {
    let app = behind_a_proxy(kind, |limits| limits.purchases_per_client_min = 3).await;
    let phone = fresh_phone();
    let open = keyed(&app, KEY, &good(&phone)).await;
    assert_eq!(open.status, 201, "{}", open.text);

    // As often as in the report, and more often than all shares together allow purchases.
    for _ in 0..125 {
        let empty = post(&app, "/payment", &json!({})).await;
        empty.assert_problem(400, "invalid_request");
    }
    let with = |field: &str, value: Value| {
        let mut body = good(&fresh_phone());
        body[field] = value;
        body
    };
    for _ in 0..4 {
        let malformed = app
            .http
            .post(app.portal("/payment"))
            .body("{\"packageId\":");
        send(malformed).await.assert_problem(400, "invalid_request");
        let large = app
            .http
            .post(app.portal("/payment"))
            .body(" ".repeat(20_000));
        send(large).await.assert_problem(413, "payload_too_large");
        for (body, status, code) in [
            (with("packageId", json!("none")), 404, "package_not_found"),
            (with("amount", json!(1)), 409, "price_changed"),
            (with("phoneNumber", json!("12")), 422, "invalid_phone"),
            (with("currency", json!("USD")), 422, "invalid_request"),
            (good(&phone), 409, "prompt_open"),
        ] {
            post(&app, "/payment", &body)
                .await
                .assert_problem(status, code);
        }
        keyed(&app, KEY, &good(&fresh_phone()))
            .await
            .assert_problem(422, "idempotency_key_reused");
        let no_phone = post(&app, "/payment/resend", &json!({})).await;
        no_phone.assert_problem(400, "invalid_request");
        assert_forms_are_refused(&app).await;
    }

    for path in ["/payment", "/payment/resend"] {
        let answer = post(&app, path, &good(&fresh_phone())).await;
        assert!(answer.status < 300, "{path}: {}", answer.text);
    }
    let phone = fresh_phone();
    let fields = [
        ("key", "a-fresh-key"),
        ("package", "daily:2000"),
        ("phone", &phone),
    ];
    let bought = submit(&app, "/buy", &fields).await;
    assert!(
        bought.text.contains("Look at your phone"),
        "{}",
        bought.text
    );
    let paid = submit(&app, "/paid", &[("phone", &phone)]).await;
    assert_eq!(paid.status, 200, "{}", paid.text);
    // The share has counted the orders.
    buy(&app).await.assert_problem(429, "rate_limited");
}

async fn a_client_that_is_refused_too_often_is_told_when_to_come_again_and_may_still_buy(
    kind: Kind,
) {
    let app = behind_a_proxy(kind, |limits| {
        limits.refusals_per_client_min = 1;
        limits.prompts_per_phone = 1;
    })
    .await;
    let limited = fresh_phone();
    let first = post(&app, "/payment", &good(&limited)).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let told = post(&app, "/payment", &json!({})).await;
    told.assert_problem(400, "invalid_request");

    let empty = post(&app, "/payment", &json!({})).await;
    empty.assert_problem(429, "rate_limited");
    assert!((1..=60).contains(&wait_of(&empty)), "{}", wait_of(&empty));
    // The open prompt of a phone is not told any more either, and its limit still is.
    let open = post(&app, "/payment", &good(&limited)).await;
    open.assert_problem(429, "rate_limited");
    let prompted = keyed(&app, "another-prompt", &good(&limited)).await;
    prompted.assert_problem(429, "rate_limited");
    assert!(
        (560..=600).contains(&wait_of(&prompted)),
        "{}",
        wait_of(&prompted)
    );
    for (path, fields) in [
        ("/buy", [("package", "daily:2000"), ("phone", "12")]),
        ("/paid", [("package", ""), ("phone", "12")]),
    ] {
        let page = submit(&app, path, &fields).await;
        assert_eq!(page.status, 429, "{path}: {}", page.text);
        let advice = format!("Try again in {} seconds", wait_of(&page));
        assert!(page.text.contains(&advice), "{path}: {}", page.text);
    }

    // Another guest behind the same address has a request that is right.
    for _ in 0..3 {
        assert_eq!(buy(&app).await.status, 201);
    }
    let empty = app.http.post(app.portal("/payment")).json(&json!({}));
    let other = send_from("198.51.100.2", empty).await;
    other.assert_problem(400, "invalid_request");
}

async fn many_refused_purchases_at_once_hold_no_place_of_one_that_is_right(kind: Kind) {
    let app = behind_a_proxy(kind, |limits| {
        limits.purchases_per_client_min = 4;
    })
    .await;
    let phone = fresh_phone();
    let open = post(&app, "/payment", &good(&phone)).await;
    assert_eq!(open.status, 201, "{}", open.text);

    for _ in 0..2 {
        // Everything is right in these but the phone, which only the transaction knows.
        let refused = good(&phone);
        let crowd = (0..20).map(|_| post(&app, "/payment", &refused));
        let (refused, right) = tokio::join!(join_all(crowd), buy(&app));

        assert_eq!(right.status, 201, "{}", right.text);
        for answer in refused {
            answer.assert_problem(409, "prompt_open");
        }
    }
    assert_eq!(buy(&app).await.status, 201, "the last place");
    buy(&app).await.assert_problem(429, "rate_limited");
}

async fn a_key_that_two_phones_use_at_once_uses_up_one_place(kind: Kind) {
    let rounds = 3;
    let app = behind_a_proxy(kind, |limits| {
        // For a moment both hold a place.
        limits.purchases_per_client_min = rounds + 1;
    })
    .await;
    for round in 0..rounds {
        let key = format!("the-key-of-round-{round}");
        let (asha, juma) = (good(&fresh_phone()), good(&fresh_phone()));
        let (one, other) = tokio::join!(keyed(&app, &key, &asha), keyed(&app, &key, &juma));

        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(
            statuses,
            [201, 422],
            "round {round}: {} {}",
            one.text,
            other.text
        );
    }
    assert_eq!(buy(&app).await.status, 201);
    let over = buy(&app).await;
    over.assert_problem(429, "rate_limited");
}

async fn an_order_is_found_again_by_its_key_after_the_share_is_used_up(kind: Kind) {
    let app = behind_a_proxy(kind, |limits| {
        limits.purchases_per_client_min = 1;
    })
    .await;
    let body = good(&fresh_phone());
    let press = || keyed(&app, "the-same-button", &body);

    let (first, again) = (press().await, press().await);

    assert_eq!((first.status, again.status), (201, 200), "{}", again.text);
    buy(&app).await.assert_problem(429, "rate_limited");
    assert_eq!(press().await.status, 200);
}

async fn an_sms_is_sent_again_in_turns_whatever_else_the_client_was_refused(kind: Kind) {
    let app = behind_a_proxy(kind, |limits| {
        limits.purchases_per_client_min = 1;
        limits.refusals_per_client_min = 1;
    })
    .await;
    assert_eq!(buy(&app).await.status, 201);
    buy(&app).await.assert_problem(429, "rate_limited");
    let resend = async || {
        let phone = json!({"phoneNumber": fresh_phone()});
        post(&app, "/payment/resend", &phone).await
    };
    assert_eq!(resend().await.status, 202);

    let begun = Instant::now();
    let in_turn = resend().await;
    let waited = begun.elapsed();
    let crowd = join_all((0..12).map(|_| resend())).await;

    assert_eq!(in_turn.status, 202, "{}", in_turn.text);
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    let (sent, refused): (Vec<_>, Vec<_>) = crowd.iter().partition(|it| it.status == 202);
    assert!((10..=11).contains(&sent.len()), "{} were sent", sent.len());
    for answer in refused {
        answer.assert_problem(429, "rate_limited");
        assert!(answer.header("retry-after").is_some());
    }
}

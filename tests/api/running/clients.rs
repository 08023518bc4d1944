//! The limit on purchases per client, and how a client is identified.

use reqwest::RequestBuilder;
use serde_json::json;

use crate::harness::{Answer, Kind, TestApp, body_of, fresh_phone};

on_both_databases! {
    a_client_that_buys_too_often_is_limited_and_no_other_client_is,
    a_client_that_claims_to_be_this_machine_is_limited_as_any_other,
    polls_and_webhooks_are_never_limited_by_address,
}

/// Purchases in a minute.
const ALLOWANCE: u32 = 3;

/// Starts a server behind a proxy on this machine.
async fn behind_a_proxy(kind: Kind) -> TestApp {
    TestApp::start_with(kind, |config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.purchases_per_client_min = ALLOWANCE;
    })
    .await
}

async fn pay_from(app: &TestApp, forwarded: &str) -> Answer {
    let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    send(
        app.http.post(app.portal("/payment")).json(&payload),
        forwarded,
    )
    .await
}

async fn send(request: RequestBuilder, forwarded: &str) -> Answer {
    let request = request.header("x-forwarded-for", forwarded);
    Answer::of(request.send().await.unwrap()).await
}

async fn a_client_that_buys_too_often_is_limited_and_no_other_client_is(kind: Kind) {
    let app = behind_a_proxy(kind).await;

    for _ in 0..ALLOWANCE {
        assert_eq!(pay_from(&app, "198.51.100.1").await.status, 201);
    }
    let refused = pay_from(&app, "198.51.100.1").await;
    let disguised = pay_from(&app, "203.0.113.5, 198.51.100.1").await;
    let other = pay_from(&app, "198.51.100.2").await;

    refused.assert_problem(429, "rate_limited");
    let retry_after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry_after), "{retry_after}");
    disguised.assert_problem(429, "rate_limited");
    assert_eq!(other.status, 201, "{}", other.text);
    // Requests from this machine itself are not limited.
    for _ in 0..=ALLOWANCE {
        app.buy().await;
    }
    // No refused purchase is in the database.
    let orders = i64::from(2 * ALLOWANCE + 2);
    assert_eq!(
        app.database.count("SELECT COUNT(*) FROM payments").await,
        orders
    );
}

async fn a_client_that_claims_to_be_this_machine_is_limited_as_any_other(kind: Kind) {
    let app = behind_a_proxy(kind).await;

    // From outside, and from inside the trusted range, where every address is taken for a proxy's.
    for claims in ["127.0.0.1", "::1, 127.0.0.9"] {
        for _ in 0..ALLOWANCE {
            assert_eq!(pay_from(&app, claims).await.status, 201, "{claims}");
        }
        let over = pay_from(&app, claims).await;
        over.assert_problem(429, "rate_limited");
    }
}

async fn polls_and_webhooks_are_never_limited_by_address(kind: Kind) {
    let app = behind_a_proxy(kind).await;
    let order = app.buy().await;
    let status = app.portal(&format!("/payment/status/{}", order.id));

    for _ in 0..10 * ALLOWANCE {
        assert_eq!(
            send(app.http.get(&status), "198.51.100.1").await.status,
            200
        );
        let delivery = app.http.post(&order.webhook_url);
        let delivery = delivery.body(body_of(&order.id, "PENDING"));
        assert_eq!(send(delivery, "198.51.100.1").await.status, 200);
    }
}

#[actix_web::test]
async fn without_trusted_proxies_no_client_is_limited_for_another_behind_the_same_proxy() {
    let app = TestApp::start_with(Kind::Sqlite, |config| {
        config.limits.purchases_per_client_min = 1;
    })
    .await;

    for _ in 0..3 {
        assert_eq!(pay_from(&app, "198.51.100.1").await.status, 201);
    }
}

//! Which proofs are accepted, and that strangers learn nothing.

use malipo::domain::people::Secret;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::{
    Line, asks_about, assert_untouched, deliver_by_token, deliver_unproven, journal,
    pays_in_silence,
};
use crate::harness::{Answer, KEY, Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    a_delivery_proven_by_key_or_by_its_url_is_sold_and_the_journal_says_why,
    a_wrong_key_or_a_wrong_url_is_refused_even_beside_a_right_one,
    the_key_before_the_rotation_is_refused_once_the_rotation_is_over,
    strangers_cannot_tell_orders_that_exist_from_orders_that_do_not,
    a_refused_delivery_does_not_spoil_the_true_one_that_follows,
}

const PREVIOUS: &str = "the-key-before-the-rotation";

async fn a_delivery_proven_by_key_or_by_its_url_is_sold_and_the_journal_says_why(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.zenopay.previous_api_key = Some(Secret::new(PREVIOUS));
    })
    .await;
    let cases: [(Option<&str>, bool, &str); 8] = [
        (Some(KEY), false, "key"),
        (Some(PREVIOUS), false, "previous_key"),
        (None, true, "token"),
        (Some(KEY), true, "key"),
        (Some(PREVIOUS), true, "previous_key"),
        // An empty header counts as no header.
        (Some(""), true, "token"),
        (Some(" "), true, "token"),
        // Blanks around a header's value are not part of it.
        (Some(" sandbox-key "), false, "key"),
    ];
    let mut expected = Vec::new();

    for (key, by_url, proof) in cases {
        let order = app.buy().await;
        let body = body_of(&order.id, "COMPLETED");

        let answer = send(&app, &order, key, by_url.then_some(&*order.webhook_url)).await;

        assert_eq!(answer.verdict(), (200, "completed".into()), "{proof}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{proof}");
        let line = Line::new(Some(&order.id), "completed", proof, Some("COMPLETED"));
        expected.push(line.body(body));
    }

    assert_eq!(journal(&app).await, expected);
}

async fn a_wrong_key_or_a_wrong_url_is_refused_even_beside_a_right_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, other) = (app.buy().await, app.buy().await);
    // A status check would find it paid, so this shows that a wrong proof causes none.
    pays_in_silence(&app, &order).await;
    let (own, others) = (&*order.webhook_url, &*other.webhook_url);
    let general = app.portal("/webhook/zenopay");
    let secret = own.rsplit_once('.').unwrap().1;
    let cut = &own[..own.len() - 1];
    let cases = [
        (Some("not-the-key"), general.clone()),
        (Some("SANDBOX-KEY"), general.clone()),
        (Some("sandbox-ke"), general.clone()),
        (Some("sandbox-key2"), general.clone()),
        (None, cut.to_owned()),
        (None, format!("{own}0")),
        (None, own.replace(secret, &"0".repeat(32))),
        (None, others.to_owned()),
        (None, own.replace(&order.id, &other.id)),
        (None, own.replace(&format!(".{secret}"), ".")),
        (None, own.replace(&format!(".{secret}"), "")),
        (None, format!("{general}/nonsense")),
        (None, format!("{general}/{}.{secret}", uuid::Uuid::new_v4())),
        (Some(KEY), cut.to_owned()),
        (Some(KEY), others.to_owned()),
        (Some(KEY), format!("{general}/nonsense")),
        (Some("not-the-key"), own.to_owned()),
    ];

    for (key, url) in cases {
        let answer = send(&app, &order, key, Some(&url)).await;

        let refused = (401, "webhook_not_authentic".into());
        assert_eq!(answer.verdict(), refused, "{key:?} {url}");
    }

    assert_eq!(journal(&app).await, []);
    assert_eq!(asks_about(&app, &order).await, 0);
    assert_untouched(&app, &order).await;
    assert_untouched(&app, &other).await;
}

async fn the_key_before_the_rotation_is_refused_once_the_rotation_is_over(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let answer = send(&app, &order, Some(PREVIOUS), None).await;

    assert_eq!(answer.verdict(), (401, "webhook_not_authentic".into()));
    assert_untouched(&app, &order).await;
}

async fn strangers_cannot_tell_orders_that_exist_from_orders_that_do_not(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let ours = body_of(&order.id, "COMPLETED");
    let orphan_id = body_of(&uuid::Uuid::new_v4().to_string(), "COMPLETED");
    let general = app.portal("/webhook/zenopay");
    let wrong = format!("{general}/{}.{}", order.id, "0".repeat(32));
    let unknown = format!("{general}/{}.{}", uuid::Uuid::new_v4(), "0".repeat(32));

    let answers = [
        // One of our orders, but ZenoPay does not confirm that it is paid.
        deliver_unproven(&app, ours.clone()).await,
        deliver_unproven(&app, body_of(&order.id, "FAILED")).await,
        deliver_unproven(&app, orphan_id.clone()).await,
        deliver_unproven(&app, body_of("677e43274d7cb", "COMPLETED")).await,
        deliver_unproven(&app, "").await,
        deliver_unproven(&app, "{\"order_id\":").await,
        deliver_unproven(&app, json!({"order_id": order.id}).to_string()).await,
        deliver_unproven(&app, vec![0xFF, 0xFE]).await,
        post(&app, &general, Some("guess"), ours.clone()).await,
        post(&app, &general, Some("guess"), orphan_id.clone()).await,
        post(&app, &wrong, None, ours.clone()).await,
        post(&app, &unknown, None, ours).await,
        post(&app, &wrong, None, "unreadable".to_owned()).await,
        post(&app, &unknown, Some(KEY), orphan_id).await,
    ];

    let first = seen_by_a_stranger(&answers[0]);
    assert_eq!(answers[0].status, 401);
    for (case, answer) in answers.iter().enumerate() {
        assert_eq!(seen_by_a_stranger(answer), first, "case {case}");
    }
    let type_and_title = answers[0].json();
    assert_eq!(type_and_title["code"], "webhook_not_authentic");
    assert_eq!(journal(&app).await, []);
}

async fn a_refused_delivery_does_not_spoil_the_true_one_that_follows(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    send(&app, &order, Some("not-the-key"), None).await;
    let body = body_of(&order.id, "COMPLETED");

    let answer = deliver_by_token(&app, &order, body).await;

    assert_eq!(answer.verdict(), (200, "completed".into()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// Delivers COMPLETED, to the general URL if the order has none of its own.
async fn send(app: &TestApp, order: &TestOrder, key: Option<&str>, url: Option<&str>) -> Answer {
    let general = app.portal("/webhook/zenopay");
    let body = body_of(&order.id, "COMPLETED");
    post(app, url.unwrap_or(&general), key, body).await
}

async fn post(app: &TestApp, url: &str, key: Option<&str>, body: String) -> Answer {
    let mut request = app.http.post(url).body(body);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// Everything in the answer except the time of day.
fn seen_by_a_stranger(answer: &Answer) -> (u16, HeaderMap, String) {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    (answer.status, headers, answer.text.clone())
}

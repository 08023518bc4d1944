//! An unverified webhook causes a status check, and ZenoPay's answer is what counts.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use actix_web::rt::{self, task::JoinHandle};
use malipo::config::Confirm;
use serde_json::json;

use super::fake::{self, FakeZenoPay};
use super::{Line, asks_about, assert_untouched, deliver_unproven, journal, pays_in_silence};
use crate::harness::{ANSWERED_WITHIN, Answer, DAILY_PRICE, Kind, SaleCounts, TestApp, body_of};

on_both_databases! {
    an_unverified_webhook_about_a_paid_order_sells_once_zenopay_has_confirmed_it,
    zenopays_answer_counts_and_not_the_unverified_webhook,
    an_unverified_webhook_that_zenopay_does_not_confirm_is_refused_and_checked_again_soon,
    unverified_webhooks_are_not_checked_when_confirmation_is_switched_off,
    unverified_webhooks_about_one_order_share_one_status_check,
    strangers_cannot_cause_status_checks_of_more_than_eight_orders_at_once,
    an_unverified_webhook_is_answered_in_time_although_zenopay_is_silent,
}

async fn an_unverified_webhook_about_a_paid_order_sells_once_zenopay_has_confirmed_it(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    pays_in_silence(&app, &order).await;
    let body = body_of(&order.id, "COMPLETED");

    let answer = deliver_unproven(&app, body.clone()).await;
    let asks_for_the_first = asks_about(&app, &order).await;
    // An empty key is no key, and not a wrong one either.
    let again = app.unproven(body.clone()).header("x-api-key", "");
    let again = Answer::of(again.send().await.unwrap()).await;

    assert_eq!(answer.verdict(), (200, "completed".into()));
    assert_eq!(answer.json()["payment_status"], "COMPLETED");
    assert_eq!(asks_for_the_first, 1);
    assert_eq!(again.verdict(), (200, "duplicate".into()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    let line = |outcome| {
        Line::new(Some(&order.id), outcome, "order_status", Some("COMPLETED")).body(&body)
    };
    assert_eq!(journal(&app).await, [line("completed"), line("duplicate")]);
}

async fn zenopays_answer_counts_and_not_the_unverified_webhook(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let unauthentic = || (401, "webhook_not_authentic".to_owned());
    let cases = [
        ("COMPLETED", "FAILED", DAILY_PRICE, unauthentic(), "FAILED"),
        (
            "COMPLETED",
            "CANCELLED",
            DAILY_PRICE,
            unauthentic(),
            "CANCELLED",
        ),
        ("COMPLETED", "UNPAID", DAILY_PRICE, unauthentic(), "PENDING"),
        ("FAILED", "PENDING", DAILY_PRICE, unauthentic(), "PENDING"),
        (
            "FAILED",
            "COMPLETED",
            DAILY_PRICE,
            (200, "completed".to_owned()),
            "COMPLETED",
        ),
        (
            "PENDING",
            "SUCCESS",
            DAILY_PRICE,
            (200, "completed".to_owned()),
            "COMPLETED",
        ),
        (
            "COMPLETED",
            "COMPLETED",
            500,
            (200, "held".to_owned()),
            "HELD",
        ),
    ];

    for (claimed, true_word, amount, verdict, status) in cases {
        let order = fake::buy(&app).await;
        zenopay.answers(200, fake::row(&order, true_word, amount));
        let before = journal(&app).await.len();

        let answer = deliver_unproven(&app, body_of(&order.id, claimed)).await;

        let case = format!("claimed {claimed}, really {true_word}");
        assert_eq!(answer.verdict(), verdict, "{case}");
        assert_eq!(app.status(&order).await["payment_status"], status, "{case}");
        // Only what ZenoPay has confirmed is in the journal.
        let journalled = usize::from(verdict.0 == 200);
        assert_eq!(journal(&app).await.len(), before + journalled, "{case}");
    }
}

async fn an_unverified_webhook_that_zenopay_does_not_confirm_is_refused_and_checked_again_soon(
    kind: Kind,
) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let answer = deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;

    assert_eq!(answer.verdict(), (401, "webhook_not_authentic".into()));
    assert_eq!(journal(&app).await, []);
    assert_untouched(&app, &order).await;
    app.until_asked_soon(&order).await;
}

async fn unverified_webhooks_are_not_checked_when_confirmation_is_switched_off(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.zenopay.confirm = Confirm::Never).await;
    let order = app.buy().await;
    pays_in_silence(&app, &order).await;
    let body = body_of(&order.id, "COMPLETED");

    let hint = deliver_unproven(&app, body.clone()).await;

    assert_eq!(hint.verdict(), (401, "webhook_not_authentic".into()));
    assert_eq!(asks_about(&app, &order).await, 0);
    assert_eq!(journal(&app).await, []);
    assert_untouched(&app, &order).await;

    let proven = app.deliver(body).await;

    assert_eq!(proven.verdict(), (200, "completed".into()));
    assert_eq!(asks_about(&app, &order).await, 0);
}

async fn unverified_webhooks_about_one_order_share_one_status_check(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let order = fake::buy(&app).await;
    zenopay.answers(200, fake::row(&order, "COMPLETED", DAILY_PRICE));
    zenopay.holds(true);

    let hints: Vec<_> = (0..6).map(|_| spawn_unverified(&app, &order.id)).collect();
    zenopay.wait_until_asked(1).await;
    // This pause is the time in which a second check would be made.
    sleep(Duration::from_secs(1)).await;
    zenopay.holds(false);
    let mut outcomes = Vec::new();
    for hint in hints {
        outcomes.push(hint.await.unwrap().verdict());
    }
    outcomes.sort();

    let mut expected = vec![(200, "duplicate".to_owned()); 5];
    expected.insert(0, (200, "completed".to_owned()));
    assert_eq!(outcomes, expected);
    assert_eq!(zenopay.asked(), 1);
    assert_eq!(asks_about(&app, &order).await, 1);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn strangers_cannot_cause_status_checks_of_more_than_eight_orders_at_once(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let mut orders = Vec::new();
    for _ in 0..9 {
        orders.push(fake::buy(&app).await);
    }
    zenopay.holds(true);
    let hints: Vec<_> = orders[..8]
        .iter()
        .map(|order| spawn_unverified(&app, &order.id))
        .collect();
    zenopay.wait_until_asked(8).await;

    let ninth = deliver_unproven(&app, body_of(&orders[8].id, "COMPLETED")).await;

    assert_eq!(ninth.verdict(), (401, "webhook_not_authentic".into()));
    assert_eq!(asks_about(&app, &orders[8]).await, 0);

    zenopay.holds(false);
    for hint in hints {
        assert_eq!(hint.await.unwrap().status, 401);
    }
}

async fn an_unverified_webhook_is_answered_in_time_although_zenopay_is_silent(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let order = fake::buy(&app).await;
    zenopay.holds(true);
    let began = Instant::now();

    let answer = deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;

    assert_eq!(answer.verdict(), (401, "webhook_not_authentic".into()));
    assert!(began.elapsed() < ANSWERED_WITHIN, "{:?}", began.elapsed());
    assert_untouched(&app, &order).await;
    app.until_asked_soon(&order).await;
}

fn spawn_unverified(app: &TestApp, order_id: &str) -> JoinHandle<Answer> {
    let body = json!({"order_id": order_id, "payment_status": "COMPLETED"});
    let request = app.unproven(body.to_string());
    rt::spawn(async move { Answer::of(request.send().await.unwrap()).await })
}

//! However many requests need the answer, ZenoPay is asked once.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use malipo::app::App;

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, answers, ask_about, eventually, rounds};
use crate::harness::{Answer, Kind, SaleCounts, TestApp, TestOrder, body_of, config};

on_both_databases! {
    a_crowd_of_unverified_webhooks_and_the_reconciler_share_one_status_check,
    at_most_eight_unverified_webhooks_are_checked_at_once,
    a_due_time_in_another_notation_is_claimed_too,
}

async fn hint(app: &TestApp, order: &TestOrder) -> Answer {
    let hint = app.unproven(body_of(&order.id, "COMPLETED"));
    Answer::of(hint.send().await.unwrap()).await
}

async fn a_crowd_of_unverified_webhooks_and_the_reconciler_share_one_status_check(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    // Long enough for all requests to arrive, and shorter than the time-out of a status check.
    let slowly = Says::StatusAfter(Duration::from_secs(2), "COMPLETED");
    zenopay.says(&order, slowly);

    let crowd = join_all((0..20).map(|_| hint(&app, &order)));
    let (hinted, ()) = tokio::join!(crowd, ask_about(&app, &order));

    for answer in &hinted {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["payment_status"], "COMPLETED");
    }
    assert_eq!(zenopay.asked(&order), 1);
    assert_eq!(answers(&app, &order).await, ["COMPLETED"]);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn at_most_eight_unverified_webhooks_are_checked_at_once(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let mut orders = Vec::new();
    for _ in 0..12 {
        let order = zenopay.buy(&app).await;
        zenopay.says(&order, Says::Nothing);
        orders.push(order);
    }

    let mut hints: FuturesUnordered<_> = orders.iter().map(|order| hint(&app, order)).collect();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.extend(hints.next().await);
    }
    // ZenoPay never answers, so a ninth check would be visible here.
    assert!(zenopay.asked_in_all() <= 8);
    eventually("eight checks are in progress", async || {
        zenopay.asked_in_all() >= 8
    })
    .await;
    answers.extend(hints.collect::<Vec<_>>().await);

    assert!(answers.iter().all(|answer| answer.status == 401));
}

/// An operator or a restored copy may have written it; SQLite keeps it as text.
async fn a_due_time_in_another_notation_is_claimed_too(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    zenopay.says(&order, Says::Status("COMPLETED"));

    app.database
        .execute("UPDATE payments SET due_at = '2020-01-01T00:00:00.000+00:00'")
        .await;

    eventually("the money is found", async || {
        app.sale_of(&order).await == SaleCounts::ONE
    })
    .await;
}

/// Two servers, four rounds at the same moment, besides each server's own loop.
#[actix_web::test]
async fn two_servers_on_one_database_check_once_for_one_due_time() {
    let app = TestApp::start_with(Kind::Postgres, |config| config.zenopay.asks_per_sec = 50).await;
    let mut beside = config(&app.database.url);
    beside.zenopay.asks_per_sec = 50;
    let beside = App::start(beside, None).await.unwrap();
    let mut orders = Vec::new();
    for _ in 0..30 {
        orders.push(app.buy().await);
    }

    // Made yesterday, so that the next check after this one is hours away.
    let yesterday = (Utc::now() - TimeDelta::days(1)).to_rfc3339();
    let due = format!("UPDATE payments SET due_at = '{LONG_AGO}', created_at = '{yesterday}'");
    app.database.execute(&due).await;
    let (here, there) = tokio::join!(
        app.app.api.reconciler.run_once(),
        beside.api.reconciler.run_once()
    );

    assert!(here.is_ok() && there.is_ok());
    for order in &orders {
        eventually("the order was checked", async || {
            rounds(&app, order).await >= 1
        })
        .await;
        assert_eq!(answers(&app, order).await, ["PENDING"]);
    }
    beside.stop().await;
}

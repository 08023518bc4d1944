//! Limits on prompts: per phone in ten minutes, unpaid orders per phone and day, and the whole shop
//! per second.

use serde_json::{Value, json};

use super::{order_of, orders};
use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    prompts_are_limited_per_phone_in_ten_minutes,
    unpaid_orders_are_limited_per_phone_and_day,
    prompts_of_the_whole_shop_are_limited_per_second,
}

async fn prompts_are_limited_per_phone_in_ten_minutes(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.prompts_per_phone = 2).await;
    let phone = fresh_phone();
    for _ in 0..2 {
        let order = order_of(&app.pay(&daily(&phone)).await, &phone);
        // Paid or not, each prompt counts.
        app.deliver_word(&order, "COMPLETED").await;
    }

    let third = app.pay(&daily(&phone)).await;
    let with_key = app
        .pay_with_key(&daily(&phone), "a-key-does-not-help")
        .await;
    let other = app.pay(&daily(&fresh_phone())).await;

    assert_limited(&third, 1..=601);
    assert_limited(&with_key, 1..=601);
    assert_eq!(other.status, 201);
    assert_eq!(orders(&app).await, 3);

    app.database
        .execute("UPDATE payments SET created_at = '2020-01-01T00:00:00+00:00'")
        .await;
    assert_eq!(app.pay(&daily(&phone)).await.status, 201);
}

async fn unpaid_orders_are_limited_per_phone_and_day(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.unpaid_per_phone_day = 2).await;
    let phone = fresh_phone();
    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = order_of(&app.pay(&daily(&phone)).await, &phone);
        app.deliver_word(&order, word).await;
    }

    let fourth = app.pay(&daily(&phone)).await;
    let other = app.pay(&daily(&fresh_phone())).await;

    // The retry time is that of the day's limit, not of the ten minutes.
    assert_limited(&fourth, 601..=86_401);
    assert_eq!(other.status, 201);

    // After a late payment the order no longer counts as unpaid.
    app.database
        .execute("UPDATE payments SET status = 'COMPLETED' WHERE status = 'FAILED'")
        .await;
    assert_eq!(app.pay(&daily(&phone)).await.status, 201);
}

async fn prompts_of_the_whole_shop_are_limited_per_second(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.prompts_per_sec = 2).await;
    for _ in 0..2 {
        app.buy().await;
    }
    // For five seconds, however slow the machine is, these two orders stay younger than a second. Those
    // of a later future do not count.
    let soon = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+4 seconds')",
        Kind::Postgres => "now() + interval '4 seconds'",
    };
    app.database
        .execute(&format!("UPDATE payments SET created_at = {soon}"))
        .await;

    let third = app.pay(&daily(&fresh_phone())).await;
    let with_key = app
        .pay_with_key(&daily(&fresh_phone()), "no-way-around")
        .await;

    assert_limited(&third, 1..=1);
    assert_limited(&with_key, 1..=1);
    assert_eq!(orders(&app).await, 2);

    app.database
        .execute("UPDATE payments SET created_at = '2020-01-01T00:00:00+00:00'")
        .await;
    assert_eq!(app.pay(&daily(&fresh_phone())).await.status, 201);
}

fn daily(phone: &str) -> Value {
    json!({"packageId": "daily", "phoneNumber": phone})
}

#[track_caller]
fn assert_limited(answer: &Answer, retry_after: std::ops::RangeInclusive<u64>) {
    answer.assert_problem(429, "rate_limited");
    let said: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(retry_after.contains(&said), "{said}");
}

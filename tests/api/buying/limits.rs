//! What one phone may do in ten minutes and in a day, and the shop in a second.

use serde_json::{Value, json};

use super::{order_of, orders};
use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    a_phone_has_so_many_prompts_in_ten_minutes,
    a_phone_that_does_not_pay_has_so_many_tries_a_day,
    the_shop_has_its_pace,
}

async fn a_phone_has_so_many_prompts_in_ten_minutes(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.prompts_per_phone = 2).await;
    let phone = fresh_phone();
    for _ in 0..2 {
        let order = order_of(&app.pay(&daily(&phone)).await, &phone);
        // Paid or not, it was a prompt.
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

async fn a_phone_that_does_not_pay_has_so_many_tries_a_day(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.unpaid_per_phone_day = 2).await;
    let phone = fresh_phone();
    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = order_of(&app.pay(&daily(&phone)).await, &phone);
        app.deliver_word(&order, word).await;
    }

    let fourth = app.pay(&daily(&phone)).await;
    let other = app.pay(&daily(&fresh_phone())).await;

    // A day, and not the ten minutes of the other limit.
    assert_limited(&fourth, 601..=86_401);
    assert_eq!(other.status, 201);

    // Late money makes room: the order is paid after all.
    app.database
        .execute("UPDATE payments SET status = 'COMPLETED' WHERE status = 'FAILED'")
        .await;
    assert_eq!(app.pay(&daily(&phone)).await.status, 201);
}

async fn the_shop_has_its_pace(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.prompts_per_sec = 2).await;
    for _ in 0..2 {
        app.buy().await;
    }
    // However slow the machine is, these two stay younger than a second.
    app.database
        .execute("UPDATE payments SET created_at = '2999-01-01T00:00:00+00:00'")
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

//! Limits on prompts: per phone in ten minutes, pauses after many unpaid orders, and the whole shop
//! per second. No client can lock a phone out.

use malipo::config::Config;
use serde_json::{Value, json};

use super::{order_of, orders};
use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    prompts_are_limited_per_phone_in_ten_minutes,
    the_last_prompt_is_kept_for_a_client_that_has_not_prompted_the_phone_today,
    a_phone_with_many_unpaid_orders_waits_longer_whichever_client_asks_and_is_never_locked_out,
    orders_from_the_future_make_no_guest_wait,
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

    assert_limited(&third, 1..=600);
    assert_limited(&with_key, 1..=600);
    assert_eq!(other.status, 201);
    assert_eq!(orders(&app).await, 3);

    app.database
        .execute("UPDATE payments SET created_at = '2020-01-01T00:00:00+00:00'")
        .await;
    assert_eq!(app.pay(&daily(&phone)).await.status, 201);
}

async fn the_last_prompt_is_kept_for_a_client_that_has_not_prompted_the_phone_today(kind: Kind) {
    let app = behind_a_proxy(kind, |config| config.limits.prompts_per_phone = 3).await;
    let phone = fresh_phone();
    let prompt = async |client: &str| {
        let answer = pay_from(&app, client, &phone).await;
        if answer.status == 201 {
            // Paid or not, each prompt counts.
            app.deliver_word(&order_of(&answer, &phone), "FAILED").await;
        }
        answer
    };
    for _ in 0..2 {
        assert_eq!(prompt("198.51.100.1").await.status, 201);
    }

    assert_limited(&prompt("198.51.100.1").await, 1..=600);
    let kept = prompt("198.51.100.2").await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    for client in ["198.51.100.2", "198.51.100.3"] {
        assert_limited(&prompt(client).await, 1..=600);
    }

    // A client is known for a day.
    for (minutes, of_first) in [(11, 429), (24 * 60, 201)] {
        age_orders(&app, minutes).await;
        for _ in 0..2 {
            assert_eq!(prompt("198.51.100.2").await.status, 201, "{minutes}");
        }
        assert_eq!(prompt("198.51.100.1").await.status, of_first, "{minutes}");
    }
}

async fn a_phone_with_many_unpaid_orders_waits_longer_whichever_client_asks_and_is_never_locked_out(
    kind: Kind,
) {
    let app = behind_a_proxy(kind, |config| config.limits.unpaid_per_phone_day = 2).await;
    let phone = fresh_phone();
    let from = async |last: usize| pay_from(&app, &format!("198.51.100.{last}"), &phone).await;
    for word in ["COMPLETED", "FAILED", "CANCELLED"] {
        let order = order_of(&from(1).await, &phone);
        app.deliver_word(&order, word).await;
    }

    // Two are unpaid: ten minutes between prompts, for a client that never asked before too.
    for (unpaid, pause_mins) in [(2, 10), (3, 10), (4, 30), (5, 30), (6, 30)] {
        let pause = pause_mins * 60;
        assert_limited(&from(unpaid).await, pause - 60..=pause);
        age_orders(&app, pause_mins - 2).await;
        assert_limited(&from(unpaid + 100).await, 1..=120);
        age_orders(&app, 2).await;

        let prompted = from(unpaid).await;
        assert_eq!(prompted.status, 201, "{unpaid} unpaid: {}", prompted.text);
        app.deliver_word(&order_of(&prompted, &phone), "FAILED")
            .await;
    }
    assert_eq!(
        pay_from(&app, "198.51.100.1", &fresh_phone()).await.status,
        201
    );

    // After a late payment an order no longer counts as unpaid.
    app.database
        .execute("UPDATE payments SET status = 'COMPLETED' WHERE status = 'FAILED'")
        .await;
    assert_eq!(from(1).await.status, 201);
}

/// A clock was ahead while these orders were made.
async fn orders_from_the_future_make_no_guest_wait(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.limits.prompts_per_phone = 2;
        config.limits.unpaid_per_phone_day = 2;
        config.limits.prompts_per_sec = 2;
    })
    .await;
    let phone = fresh_phone();
    let ahead = "UPDATE payments SET created_at = '2999-01-01T00:00:00+00:00'";

    // The prompt is open, the phone has used its prompts, and the shop's second is full.
    for order in 1..=4 {
        let answer = app.pay(&daily(&phone)).await;
        assert_eq!(answer.status, 201, "order {order}: {}", answer.text);
        app.database.execute(ahead).await;
    }
    assert_eq!(app.pay(&daily(&phone)).await.status, 201);
    let open = app.pay(&daily(&phone)).await;
    open.assert_problem(409, "prompt_open");
    let wait: u64 = open.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=90).contains(&wait), "{wait}");
}

async fn prompts_of_the_whole_shop_are_limited_per_second(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.limits.prompts_per_sec = 2).await;
    for _ in 0..2 {
        app.buy().await;
    }
    // Four seconds ahead, as by the clock of another process. However slow the machine is, these two
    // orders are younger than a second for a while.
    let ahead = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+4 seconds')",
        Kind::Postgres => "now() + interval '4 seconds'",
    };
    let ahead = format!("UPDATE payments SET created_at = {ahead}");
    app.database.execute(&ahead).await;

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

/// Starts a server behind a proxy on this machine.
async fn behind_a_proxy(kind: Kind, change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(kind, |config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        change(config);
    })
    .await
}

/// A purchase from this client, with a key of its own.
async fn pay_from(app: &TestApp, client: &str, phone: &str) -> Answer {
    let request = app
        .http
        .post(app.portal("/payment"))
        .header("x-forwarded-for", client)
        .header("idempotency-key", uuid::Uuid::new_v4().to_string());
    Answer::of(request.json(&daily(phone)).send().await.unwrap()).await
}

/// Makes all orders older.
async fn age_orders(app: &TestApp, minutes: u64) {
    let older = match app.database.kind {
        Kind::Sqlite => {
            format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', created_at, '-{minutes} minutes')")
        }
        Kind::Postgres => format!("created_at - interval '{minutes} minutes'"),
    };
    let age = format!("UPDATE payments SET created_at = {older}");
    app.database.execute(&age).await;
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

//! A clock that is wrong sells nothing in live mode, and rows that it has left in the future make no
//! guest wait. `tests/deploy/front_door/clocks.py` moves the clock of the binary itself.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{ready_when, reasons};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder, fresh_phone};
use crate::pages::submit;
use crate::reconciling::eventually;
use crate::webhook::fake::{self, FakeZenoPay};

on_both_databases! {
    a_live_server_whose_clock_is_wrong_at_the_start_sells_nothing_until_it_is_right,
    a_webhook_that_comes_while_the_clock_is_wrong_sells_when_it_is_right,
    a_small_difference_or_the_sandbox_stops_nothing,
    orders_of_the_future_make_no_guest_wait_and_are_reported,
    what_was_scheduled_by_a_clock_that_was_ahead_is_done_now,
}

const FORTNIGHT: TimeDelta = TimeDelta::days(14);

fn order_of_nobody() -> TestOrder {
    TestOrder {
        id: uuid::Uuid::new_v4().to_string(),
        phone: fresh_phone(),
        webhook_url: String::new(),
    }
}

fn purchase() -> Value {
    json!({"packageId": "daily", "phoneNumber": fresh_phone()})
}

async fn a_live_server_whose_clock_is_wrong_at_the_start_sells_nothing_until_it_is_right(
    kind: Kind,
) {
    let zenopay = FakeZenoPay::start();
    zenopay.is_ahead(FORTNIGHT);
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;

    let wrong = app.get(&app.url("/health/ready")).await;
    let refused = app.pay(&purchase()).await;
    let phone = fresh_phone();
    let form = [
        ("key", "a-fresh-key"),
        ("package", "daily:2000"),
        ("phone", phone.as_str()),
    ];
    let page = submit(&app, "/buy", &form).await;
    let delivered = app.deliver_word(&order_of_nobody(), "COMPLETED").await;
    zenopay.is_ahead(TimeDelta::zero());
    ready_when(&app, 200).await;
    let sold = app.pay(&purchase()).await;

    let reasons = reasons(&wrong);
    assert!(reasons.contains("14 days behind ZenoPay's"), "{reasons}");
    refused.assert_problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some());
    delivered.assert_problem(503, "unavailable");
    for answer in [&refused, &delivered] {
        let title = answer.json()["title"].to_string();
        assert!(title.contains("clock is wrong"), "{title}");
        assert!(!title.contains("database"), "{title}");
    }
    assert_eq!(page.status, 503, "{}", page.text);
    let sentence = "The clock of our system is wrong";
    assert!(page.text.contains(sentence), "{}", page.text);
    assert_eq!(sold.status, 201, "{}", sold.text);
    let orders = app.database.count("SELECT COUNT(*) FROM payments").await;
    assert_eq!(orders, 1);
}

async fn a_webhook_that_comes_while_the_clock_is_wrong_sells_when_it_is_right(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let order = fake::buy(&app).await;
    // Each call tells the time.
    zenopay.is_ahead(-TimeDelta::days(1));
    fake::buy(&app).await;

    let early = app.deliver_word(&order, "COMPLETED").await;
    let strangers = app.unproven("{}").send().await.unwrap();
    let pending = app.status(&order).await;
    zenopay.is_ahead(TimeDelta::zero());
    ready_when(&app, 200).await;
    let late = app.deliver_word(&order, "COMPLETED").await;
    let sold = app.status(&order).await;

    early.assert_problem(503, "unavailable");
    assert_eq!(strangers.status(), 401);
    assert_eq!(pending["payment_status"], "PENDING");
    assert_eq!(late.verdict(), (200, "completed".to_owned()));
    let expires_at = sold["expires_at"].as_str().unwrap();
    let expires_at: DateTime<Utc> = expires_at.parse().unwrap();
    let lasts = expires_at - Utc::now();
    let day = TimeDelta::minutes(1_435)..TimeDelta::minutes(1_441);
    assert!(day.contains(&lasts), "{lasts}");
}

async fn a_small_difference_or_the_sandbox_stops_nothing(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    zenopay.is_ahead(TimeDelta::seconds(100));
    let live = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let sandbox = TestApp::start(kind).await;

    for app in [live, sandbox] {
        let ready = app.get(&app.url("/health/ready")).await;
        let bought = app.pay(&purchase()).await;

        assert_eq!(ready.status, 200, "{}", ready.text);
        assert_eq!(bought.status, 201, "{}", bought.text);
    }
}

/// SQL that moves columns a day ahead.
fn a_day_later(kind: Kind, columns: &[&str]) -> String {
    let later = |column: &&str| match kind {
        Kind::Sqlite => {
            format!("{column} = strftime('%Y-%m-%dT%H:%M:%f+00:00', {column}, '+1 day')")
        }
        Kind::Postgres => format!("{column} = {column} + interval '1 day'"),
    };
    columns.iter().map(later).collect::<Vec<_>>().join(", ")
}

async fn orders_of_the_future_make_no_guest_wait_and_are_reported(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.limits.prompts_per_sec = 5;
        config.limits.prompts_per_phone = 3;
        config.limits.unpaid_per_phone_day = 8;
    })
    .await;
    let body = purchase();
    let later = a_day_later(kind, &["created_at", "due_at", "deadline_at"]);
    let newest = format!("UPDATE payments SET {later} WHERE id = (SELECT MAX(id) FROM payments)");
    // More than the shop may prompt in a second, and one phone in a day.
    for _ in 0..9 {
        let bought = app.pay(&body).await;
        assert_eq!(bought.status, 201, "{}", bought.text);
        app.database.execute(&newest).await;
    }

    let again = app.pay(&body).await;
    let ready = app.get(&app.url("/health/ready")).await;

    assert_eq!(again.status, 201, "{}", again.text);
    assert_eq!(ready.status, 200);
    let warnings = ready.json()["warnings"].to_string();
    assert!(warnings.contains("in the future"), "{}", ready.text);
}

async fn what_was_scheduled_by_a_clock_that_was_ahead_is_done_now(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (lost, paid) = (app.buy().await, app.buy().await);
    let in_silence = json!({"decision": "approve", "deliver": false});
    app.subscriber_decides(&lost, &in_silence).await;
    app.deliver_word(&paid, "COMPLETED").await;
    let unpaid = app.buy().await;
    let database = app.stop().await;
    let orders = a_day_later(kind, &["created_at", "due_at", "deadline_at"]);
    let messages = a_day_later(kind, &["created_at", "due_at"]);
    let is_paid = database.is_order(&paid.id);
    for sql in [
        format!("UPDATE payments SET {orders}"),
        format!("UPDATE sms_messages SET {messages}, state = 'queued', sent_at = NULL"),
        format!("UPDATE payments SET due_at = NULL WHERE {is_paid}"),
    ] {
        database.execute(&sql).await;
    }

    let app = TestApp::start_on(database, |config| config.orders.expire_after_secs = 2).await;

    eventually("the lost webhook is found", async || {
        app.sale_of(&lost).await == SaleCounts::ONE
    })
    .await;
    eventually("the SMS is sent", async || {
        let sent = "SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'";
        app.database.count(sent).await == 2
    })
    .await;
    app.wait_for(&unpaid, "EXPIRED").await;
}

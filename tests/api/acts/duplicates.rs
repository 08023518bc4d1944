//! Two orders for one purchase: the guest bought again before the first payment was known.

use serde_json::{Value, json};

use super::refund;
use crate::harness::{Kind, TestApp, TestOrder, body_of, fresh_phone};

on_both_databases! {
    late_money_for_a_repeated_purchase_is_listed_for_a_refund,
    a_guest_who_answers_two_prompts_late_is_listed_once,
    two_separate_purchases_are_not_listed,
}

async fn buy(app: &TestApp, phone: &str, package: &str) -> TestOrder {
    let payload = json!({"packageId": package, "phoneNumber": phone});
    let key = uuid::Uuid::new_v4().to_string();
    let answer = app.pay_with_key(&payload, &key).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    TestOrder {
        id: answer.json()["order_id"].as_str().unwrap().to_owned(),
        phone: phone.to_owned(),
        webhook_url: String::new(),
    }
}

async fn pay(app: &TestApp, order: &TestOrder) {
    let answer = app.deliver(body_of(&order.id, "COMPLETED")).await;
    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
}

async fn report(app: &TestApp) -> Value {
    let path = "/api/v1/operator/reports/daily";
    let answer = app.get_as_operator(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Orders in the list, each with its note.
async fn listed(app: &TestApp) -> Vec<(String, String)> {
    let report = report(app).await;
    let lines = report["paid_twice"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines: Vec<_> = lines
        .iter()
        .map(|line| (text(&line["order_id"]), text(&line["note"])))
        .collect();
    let total = json!({"count": lines.len(), "amount": 2_000 * lines.len()});
    assert_eq!(report["totals"]["paid_twice"], total);
    lines
}

/// The alerts in the order's timeline that name the other order.
async fn alerts(app: &TestApp, order: &TestOrder, other: &TestOrder) -> usize {
    let path = format!("/api/v1/operator/orders/{}", order.id);
    let shown = app.get_as_operator(&path).await.json();
    let wanted = format!("order {} was paid for the same purchase", &other.id[..8]);
    let lines = shown["timeline"].as_array().unwrap().iter();
    lines
        .filter(|line| line["kind"] == "alert")
        .filter(|line| line["summary"].as_str().unwrap().starts_with(&wanted))
        .count()
}

async fn late_money_for_a_repeated_purchase_is_listed_for_a_refund(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let first = buy(&app, &phone, "daily").await;
    app.deliver_word(&first, "FAILED").await;
    let second = buy(&app, &phone, "daily").await;
    pay(&app, &second).await;
    assert_eq!(listed(&app).await, []);

    // Late money wins, so the guest has paid twice.
    pay(&app, &first).await;

    let note = format!("the same was sold by order {}", &second.id[..8]);
    assert_eq!(listed(&app).await, [(first.id.clone(), note)]);
    assert_eq!(alerts(&app, &first, &second).await, 1);
    assert_eq!(alerts(&app, &second, &first).await, 1);
    let csv = app
        .get_as_operator("/api/v1/operator/reports/daily?format=csv")
        .await;
    let row = csv.text.lines().find(|row| row.starts_with("paid_twice,"));
    assert!(
        row.is_some_and(|row| row.contains(&first.id[..8])),
        "{}",
        csv.text
    );

    // Refunding one of them removes the entry.
    refund(&app, &second).await;
    assert_eq!(listed(&app).await, []);
    assert_eq!(alerts(&app, &first, &second).await, 0);
}

async fn a_guest_who_answers_two_prompts_late_is_listed_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let first = buy(&app, &phone, "daily").await;
    let second = buy(&app, &phone, "daily").await;

    pay(&app, &first).await;
    pay(&app, &second).await;

    let note = format!("the same was sold by order {}", &first.id[..8]);
    assert_eq!(listed(&app).await, [(second.id.clone(), note)]);
}

async fn two_separate_purchases_are_not_listed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let first = buy(&app, &phone, "daily").await;
    pay(&app, &first).await;

    // The guest has the voucher already and buys for a friend.
    let second = buy(&app, &phone, "daily").await;
    pay(&app, &second).await;
    // The guest chose another package before the first payment was known.
    let other = buy(&app, &phone, "half-day").await;
    let third = buy(&app, &phone, "weekly").await;
    pay(&app, &other).await;
    pay(&app, &third).await;
    // Another guest buys at the same moment.
    let stranger = buy(&app, &fresh_phone(), "weekly").await;
    pay(&app, &stranger).await;

    assert_eq!(listed(&app).await, []);
    assert_eq!(alerts(&app, &second, &first).await, 0);
    assert_eq!(alerts(&app, &third, &other).await, 0);

    // A payment on another day belongs to another purchase.
    let forgotten = buy(&app, &phone, "monthly").await;
    let again = buy(&app, &phone, "monthly").await;
    let days_ago = format!(
        "UPDATE payments SET created_at = '2026-01-01 00:00:00+00:00' WHERE {}",
        app.database.is_order(&forgotten.id)
    );
    assert_eq!(app.database.execute(&days_ago).await, 1);
    pay(&app, &again).await;
    pay(&app, &forgotten).await;
    assert_eq!(listed(&app).await, []);
    assert_eq!(alerts(&app, &forgotten, &again).await, 0);
}

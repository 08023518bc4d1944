//! What webhooks without the key may write about an order: an old webhook URL, or an order id, fills
//! neither the disk nor the reports, and no copy of ZenoPay's is refused.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::fake::{self, FakeZenoPay};
use super::{alerts, deliver_by_token, deliver_unproven};
use crate::harness::{Answer, DAILY_PRICE, Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    an_old_webhook_url_fills_the_journal_with_rows_and_not_with_bodies,
    an_unreadable_flood_at_an_old_webhook_url_is_journalled_without_its_bodies,
    the_body_that_sells_is_kept_although_many_came_before,
    an_old_webhook_url_forges_few_second_charges,
    copies_of_a_second_charge_are_one_alert_and_count_once,
    a_flood_at_an_orders_own_url_is_refused_as_busy_and_zenopays_key_is_not,
    unverified_copies_fill_the_journal_with_rows_and_not_with_bodies,
}

/// What is kept in an hour of bodies that change nothing.
const KEPT: i64 = 128 * 1_024;
const LONG: usize = 60_000;

fn skip(app: &TestApp, secs: u64) {
    let timekeeper = app.app.api.reconciler.timekeeper();
    timekeeper.skip(Duration::from_secs(secs));
}

fn padded(order: &TestOrder, word: &str, length: usize) -> String {
    let padding = "x".repeat(length);
    json!({"order_id": order.id, "payment_status": word, "amount": DAILY_PRICE, "metadata": padding})
        .to_string()
}

fn paid_under(order: &TestOrder, reference: &str) -> String {
    json!({"order_id": order.id, "payment_status": "COMPLETED", "reference": reference}).to_string()
}

async fn kept_bytes(app: &TestApp) -> i64 {
    let sql = "SELECT COALESCE(SUM(length(body)), 0) FROM webhook_deliveries";
    app.database.count(sql).await
}

async fn rows(app: &TestApp) -> i64 {
    app.database
        .count("SELECT COUNT(*) FROM webhook_deliveries")
        .await
}

async fn second_charges(app: &TestApp) -> Value {
    let answer = app.get_as_operator("/api/v1/operator/reports/daily").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["totals"]["second_charges"].clone()
}

async fn an_old_webhook_url_fills_the_journal_with_rows_and_not_with_bodies(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;

    for _ in 0..8 {
        let body = padded(&order, "COMPLETED", LONG);
        let copy = deliver_by_token(&app, &order, body).await;
        assert_eq!(copy.verdict(), (200, "duplicate".into()));
    }

    let kept = kept_bytes(&app).await;
    assert!((1..=KEPT + 1_000).contains(&kept), "{kept} bytes");
    // The money that each of them names is kept.
    let named =
        "SELECT COUNT(*) FROM webhook_deliveries WHERE word = 'COMPLETED' AND proof = 'token'";
    let amount = format!("{named} AND amount = {DAILY_PRICE}");
    assert_eq!(app.database.count(&amount).await, 8);
    // ZenoPay's key is not limited, and an hour later there is room again.
    app.deliver(padded(&order, "COMPLETED", LONG)).await;
    let by_key = kept_bytes(&app).await;
    assert!(by_key >= kept + LONG as i64, "{by_key} after {kept}");
    skip(&app, 3_600);
    deliver_by_token(&app, &order, padded(&order, "COMPLETED", LONG)).await;
    assert!(kept_bytes(&app).await >= by_key + LONG as i64);
}

async fn an_unreadable_flood_at_an_old_webhook_url_is_journalled_without_its_bodies(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;

    for _ in 0..5 {
        let body = format!("{{{}", "x".repeat(LONG));
        let answer = deliver_by_token(&app, &order, body).await;
        assert_eq!(answer.verdict(), (400, "malformed_webhook".into()));
    }

    let kept = kept_bytes(&app).await;
    assert!((1..=KEPT + 1_000).contains(&kept), "{kept} bytes");
    assert_eq!(app.journal(&order.id, "malformed").await, 5);
}

async fn the_body_that_sells_is_kept_although_many_came_before(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    for _ in 0..4 {
        deliver_by_token(&app, &order, padded(&order, "PENDING", LONG)).await;
    }
    let before = kept_bytes(&app).await;
    assert!(before <= KEPT, "{before} bytes");

    let sold = deliver_by_token(&app, &order, padded(&order, "COMPLETED", LONG)).await;

    assert_eq!(sold.verdict(), (200, "completed".into()));
    assert!(kept_bytes(&app).await >= before + LONG as i64);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn an_old_webhook_url_forges_few_second_charges(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver(paid_under(&order, "R-1")).await;

    for number in 0..12 {
        let body = paid_under(&order, &format!("FAKE{number}"));
        let answer = deliver_by_token(&app, &order, body).await;
        assert_eq!(answer.verdict(), (200, "duplicate".into()));
    }
    for _ in 0..3 {
        deliver_by_token(&app, &order, body_of(&order.id, "FAILED")).await;
    }

    assert_eq!(alerts(&app, &order).await, ["second_charge"; 5]);
    let total = json!({"count": 5, "amount": 5 * DAILY_PRICE});
    assert_eq!(second_charges(&app).await, total);
    // None is lost, and ZenoPay's key is not limited.
    let named = "SELECT COUNT(*) FROM webhook_deliveries WHERE reference LIKE 'FAKE%'";
    assert_eq!(app.database.count(named).await, 12);
    app.deliver(paid_under(&order, "R-2")).await;
    app.deliver_word(&order, "FAILED").await;
    let all = alerts(&app, &order).await;
    assert_eq!(all[5..], ["second_charge", "reversal"]);
}

async fn copies_of_a_second_charge_are_one_alert_and_count_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver(paid_under(&order, "R-1")).await;

    for _ in 0..3 {
        let by_key = app.deliver(paid_under(&order, "R-2")).await;
        let by_url = deliver_by_token(&app, &order, paid_under(&order, "R-2")).await;
        assert_eq!(by_key.verdict(), (200, "duplicate".into()));
        assert_eq!(by_url.verdict(), (200, "duplicate".into()));
    }
    let once = json!({"count": 1, "amount": DAILY_PRICE});
    assert_eq!(second_charges(&app).await, once);
    assert_eq!(rows(&app).await, 7);

    // A third charge is another one.
    app.deliver(paid_under(&order, "R-3")).await;
    let twice = json!({"count": 2, "amount": 2 * DAILY_PRICE});
    assert_eq!(second_charges(&app).await, twice);
    assert_eq!(alerts(&app, &order).await, ["second_charge"; 2]);
}

async fn a_flood_at_an_orders_own_url_is_refused_as_busy_and_zenopays_key_is_not(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let copy = async || deliver_by_token(&app, &order, body_of(&order.id, "COMPLETED")).await;
    assert_eq!(copy().await.verdict(), (200, "completed".into()));
    let begun = Instant::now();

    let flood: Vec<Answer> = stream::iter(0..1_060)
        .map(|_| copy())
        .buffer_unordered(32)
        .collect()
        .await;

    let took = begun.elapsed().as_secs() as usize;
    let taken = flood.iter().filter(|copy| copy.status == 200).count();
    // A thousand at once, and one for each second.
    assert!((999..=1_000 + took).contains(&taken), "{taken} in {took} s");
    for answer in flood.iter().filter(|copy| copy.status != 200) {
        assert_eq!(answer.verdict(), (503, "busy".into()));
    }
    assert_eq!(rows(&app).await, 1 + taken as i64);
    let by_key = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(by_key.verdict(), (200, "duplicate".into()));
    let elsewhere = deliver_by_token(&app, &other, body_of(&other.id, "COMPLETED")).await;
    assert_eq!(elsewhere.verdict(), (200, "completed".into()));
    skip(&app, 2);
    assert_eq!(copy().await.verdict(), (200, "duplicate".into()));
}

async fn unverified_copies_fill_the_journal_with_rows_and_not_with_bodies(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let order = fake::buy(&app).await;
    zenopay.answers(200, fake::row(&order, "COMPLETED", DAILY_PRICE));
    app.deliver_word(&order, "COMPLETED").await;

    let mut taken = 0;
    for _ in 0..3 {
        let copies = (0..16).map(|_| deliver_unproven(&app, padded(&order, "COMPLETED", 7_500)));
        let answers = join_all(copies).await;
        taken += answers.iter().filter(|copy| copy.status == 200).count();
        skip(&app, 15);
    }

    let kept = kept_bytes(&app).await;
    assert!((1..=KEPT + 1_000).contains(&kept), "{kept} of {taken}");
    assert_eq!(rows(&app).await, 1 + taken as i64);
}

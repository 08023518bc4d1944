//! A proven delivery that is not understood: ZenoPay is asked at once what it meant.

use serde_json::json;

use super::{asks_about, deliver_by_token, journal, pays_in_silence};
use crate::harness::{Answer, Kind, SaleCounts, TOKEN, TestApp, TestOrder, body_of};
use crate::reconciling::eventually;

on_both_databases! {
    an_unreadable_body_at_an_orders_own_url_is_asked_about_at_once,
    a_replay_of_a_body_that_names_no_order_at_an_orders_own_url_asks_as_well,
    a_word_that_we_do_not_know_is_asked_about_at_once,
    what_is_not_understood_about_a_sold_order_asks_nothing,
    an_unreadable_body_is_journalled_with_the_time_of_the_check_or_not_at_all,
}

/// So far away that the schedule asks nothing while a test runs.
const NOT_SOON: &str = "2099-01-01T00:00:00+00:00";

const UNREADABLE: [&str; 6] = [
    "{",
    "<html>502 Bad Gateway</html>",
    "",
    r#"{"order_id":"x","order_id":"y","payment_status":"COMPLETED"}"#,
    // No order of ours has such an id.
    r#"{"order_id":"ORDER-17","payment_status":"COMPLETED"}"#,
    "order_id=17&payment_status=FAILED",
];

/// An order that was paid without a webhook, and whose next check is far away.
async fn paid_in_silence(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    pays_in_silence(app, &order).await;
    let row = app.database.is_order(&order.id);
    let later = format!("UPDATE payments SET due_at = '{NOT_SOON}' WHERE {row}");
    assert_eq!(app.database.execute(&later).await, 1);
    assert_eq!(asks_about(app, &order).await, 0);
    order
}

async fn until_sold(app: &TestApp, order: &TestOrder, case: &str) {
    eventually(case, async || app.sale_of(order).await == SaleCounts::ONE).await;
}

async fn an_unreadable_body_at_an_orders_own_url_is_asked_about_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;

    for body in UNREADABLE {
        let order = paid_in_silence(&app).await;
        let answer = deliver_by_token(&app, &order, body.to_owned()).await;

        assert_eq!(answer.verdict(), (400, "malformed_webhook".into()));
        until_sold(&app, &order, body).await;
        assert_eq!(app.journal(&order.id, "malformed").await, 1, "{body}");
    }
    // A failed order is never asked about by the schedule, but a late payment still wins.
    let failed = paid_in_silence(&app).await;
    app.deliver_word(&failed, "FAILED").await;
    deliver_by_token(&app, &failed, "{".to_owned()).await;
    until_sold(&app, &failed, "failed").await;
}

async fn a_replay_of_a_body_that_names_no_order_at_an_orders_own_url_asks_as_well(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let body = r#"{"order_id":"ORDER-17","payment_status":"COMPLETED"}"#;
    deliver_by_token(&app, &order, body.to_owned()).await;
    eventually("the first check is made", async || {
        asks_about(&app, &order).await > 0
    })
    .await;
    pays_in_silence(&app, &order).await;
    let row = app.database.is_order(&order.id);
    let later = format!("UPDATE payments SET due_at = '{NOT_SOON}' WHERE {row}");
    app.database.execute(&later).await;

    let id = app
        .database
        .count("SELECT MAX(id) FROM webhook_deliveries")
        .await;
    let url = app.url(&format!("/api/v1/operator/webhooks/{id}/replay"));
    let replayed = app.http.post(url).bearer_auth(TOKEN).send().await.unwrap();

    let replayed = Answer::of(replayed).await;
    assert_eq!(replayed.verdict(), (400, "malformed_webhook".into()));
    until_sold(&app, &order, "replayed").await;
}

async fn a_word_that_we_do_not_know_is_asked_about_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let outcomes = [("PENDING", "pending"), ("FAILED", "stale")];

    for (status, outcome) in outcomes {
        for by_key in [true, false] {
            let order = paid_in_silence(&app).await;
            app.deliver_word(&order, status).await;
            let body = body_of(&order.id, "SETTLED_OR_SO");

            let answer = match by_key {
                true => app.deliver(body).await,
                false => deliver_by_token(&app, &order, body).await,
            };

            assert_eq!(answer.verdict(), (200, outcome.into()), "{status}");
            until_sold(&app, &order, status).await;
        }
    }
}

async fn what_is_not_understood_about_a_sold_order_asks_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let row = app.database.is_order(&order.id);
    let due = format!("SELECT CAST(due_at AS TEXT) FROM payments WHERE {row}");
    let before = app.database.text(&due).await;
    assert!(before.is_some());

    let unreadable = deliver_by_token(&app, &order, "{".to_owned()).await;
    let unknown = app.deliver_word(&order, "SETTLED_OR_SO").await;

    assert_eq!(unreadable.status, 400);
    assert_eq!(unknown.verdict(), (200, "stale".into()));
    assert_eq!(app.database.text(&due).await, before);
}

async fn an_unreadable_body_is_journalled_with_the_time_of_the_check_or_not_at_all(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = paid_in_silence(&app).await;
    let held = app.database.hold(&order.id).await;

    let request = app.http.post(&order.webhook_url).body("{");
    let delivery = actix_web::rt::spawn(request.send());
    if kind == Kind::Postgres {
        app.database.until_so_many_wait_for_a_lock(1).await;
    }
    // The order's row cannot be written now, so that nothing of the delivery is.
    assert_eq!(journal(&app).await, []);
    held.rollback().await.unwrap();

    let answer = Answer::of(delivery.await.unwrap().unwrap()).await;
    assert_eq!(answer.verdict(), (400, "malformed_webhook".into()));
    assert_eq!(app.journal(&order.id, "malformed").await, 1);
    until_sold(&app, &order, "after the lock").await;
}

#[actix_web::test]
async fn an_unreadable_body_without_proof_asks_nothing() {
    let app = TestApp::start(Kind::Sqlite).await;
    let order = paid_in_silence(&app).await;
    let (url, _) = order.webhook_url.rsplit_once('.').unwrap();

    let wrong = app.http.post(format!("{url}.{}", "0".repeat(32))).body("{");
    let answer = Answer::of(wrong.send().await.unwrap()).await;

    assert_eq!(answer.verdict(), (401, "webhook_not_authentic".into()));
    let row = app.database.is_order(&order.id);
    let due = format!("SELECT COUNT(*) FROM payments WHERE {row} AND due_at = '{NOT_SOON}'");
    assert_eq!(app.database.count(&due).await, 1);
    let unchanged = json!("PENDING");
    assert_eq!(app.status(&order).await["payment_status"], unchanged);
}

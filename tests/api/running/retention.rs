//! What is deleted after its time, and what is kept for ever.

use serde_json::json;

use crate::harness::{KEY, Kind, SaleCounts, TestApp};

on_both_databases! {
    bodies_of_old_webhooks_are_deleted_and_their_effects_stay,
    a_body_that_carries_our_key_is_journalled_without_it,
}

async fn bodies_of_old_webhooks_are_deleted_and_their_effects_stay(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (old, young) = (app.buy().await, app.buy().await);
    for order in [&old, &young] {
        app.deliver_word(order, "COMPLETED").await;
    }
    let is = |order: &str| format!("order_id = '{order}'");
    let empty = "length(body) = 0";
    let database = app.stop().await;
    let (of_old, of_young) = (is(&old.id), is(&young.id));
    database
        .execute(&format!(
            "UPDATE webhook_deliveries SET received_at = '2020-01-01T00:00:00+00:00' WHERE {of_old}"
        ))
        .await;

    let kept_for_ever = TestApp::start_on(database, |_| {}).await;
    let all_there = "SELECT COUNT(*) FROM webhook_deliveries WHERE length(body) > 0";
    assert_eq!(kept_for_ever.database.count(all_there).await, 2);
    let database = kept_for_ever.stop().await;
    let app = TestApp::start_on(database, |config| config.retention.bodies_days = 30).await;

    let forgotten = format!("SELECT COUNT(*) FROM webhook_deliveries WHERE {of_old} AND {empty}");
    app.database.wait_for_count(&forgotten, 1).await;
    let kept = format!("SELECT COUNT(*) FROM webhook_deliveries WHERE {of_young} AND NOT {empty}");
    assert_eq!(app.database.count(&kept).await, 1);
    assert_eq!(app.journal(&old.id, "completed").await, 1);
    assert_eq!(app.sale_of(&old).await, SaleCounts::ONE);
}

async fn a_body_that_carries_our_key_is_journalled_without_it(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let body =
        json!({"order_id": order.id, "payment_status": "COMPLETED", "metadata": {"key": KEY}});
    let answer = app.deliver(body.to_string()).await;
    app.deliver(format!("{{not JSON, and {KEY}")).await;

    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    let text = match kind {
        Kind::Sqlite => "CAST(body AS text)",
        Kind::Postgres => "convert_from(body, 'UTF8')",
    };
    let bodies = app
        .database
        .texts(&format!("SELECT {text} FROM webhook_deliveries"))
        .await;
    assert_eq!(bodies.len(), 2);
    for body in bodies {
        assert!(!body.contains(KEY), "{body}");
        assert!(body.contains("[redacted]"), "{body}");
    }
}

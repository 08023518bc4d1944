//! A replay decides a journalled delivery again, on the same path as the first time.

use futures_util::future::join_all;
use serde_json::json;

use super::{audited, journalled, replay, sold};
use crate::harness::{Kind, SaleCounts, TestApp, body_of};

on_both_databases! {
    a_replay_applies_a_failed_proven_delivery_once,
    a_replay_of_the_winning_delivery_is_a_duplicate,
    a_replay_of_an_unproven_delivery_only_asks_zenopay,
    zenopays_answer_overrides_what_a_replayed_delivery_claims,
    replays_of_unreadable_and_orphaned_deliveries_are_refused_with_different_codes,
    replays_beside_webhooks_make_one_sale,
}

/// Outcome, source and proof of each journal row about an order.
async fn journal(app: &TestApp, order_id: &str) -> Vec<String> {
    let line = "outcome || ' ' || source || ' ' || COALESCE(proof, '-')";
    app.database
        .texts(&format!(
            "SELECT {line} FROM webhook_deliveries WHERE order_id = '{order_id}' ORDER BY id"
        ))
        .await
}

async fn newest(app: &TestApp) -> i64 {
    let sql = "SELECT MAX(id) FROM webhook_deliveries";
    app.database.count(sql).await
}

async fn a_replay_applies_a_failed_proven_delivery_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let webhook = journalled(
        &app,
        &order.id,
        Some("token"),
        &body_of(&order.id, "COMPLETED"),
    )
    .await;

    let answer = replay(&app, webhook).await;
    let again = replay(&app, webhook).await;

    assert_eq!(
        answer.verdict(),
        (200, "completed".to_owned()),
        "{}",
        answer.text
    );
    assert_eq!(answer.json()["payment_status"], "COMPLETED");
    assert_eq!(again.verdict(), (200, "duplicate".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(
        journal(&app, &order.id).await,
        [
            "error webhook token",
            "completed replay token",
            "duplicate replay token"
        ]
    );
    let line = format!("bootstrap replay webhook {webhook} -");
    assert_eq!(audited(&app, &order).await, [line.clone(), line]);
    // No new webhook from ZenoPay is counted.
    let seen = app.get_as_operator("/api/v1/operator/actors").await.json();
    assert_eq!(seen["webhooks"]["completed"], 0);
}

async fn a_replay_of_the_winning_delivery_is_a_duplicate(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;

    let answer = replay(&app, newest(&app).await).await;

    assert_eq!(
        answer.verdict(),
        (200, "duplicate".to_owned()),
        "{}",
        answer.text
    );
    assert_eq!(app.journal(&order.id, "completed").await, 1);
    assert_eq!(app.status(&order).await["version"], 2);
}

async fn a_replay_of_an_unproven_delivery_only_asks_zenopay(kind: Kind) {
    let app = TestApp::start(kind).await;
    // One delivery without proof, and one that was proven only by its status check.
    for proof in [None, Some("order_status")] {
        let order = app.buy().await;
        let webhook = journalled(&app, &order.id, proof, &body_of(&order.id, "COMPLETED")).await;

        let early = replay(&app, webhook).await;
        let lost = json!({"decision": "approve", "deliver": false});
        assert_eq!(app.status(&order).await["payment_status"], "PENDING");
        app.subscriber_decides(&order, &lost).await;
        let answer = replay(&app, webhook).await;

        assert_eq!(
            early.verdict(),
            (200, "unconfirmed".to_owned()),
            "{proof:?}"
        );
        // The reconciler may have come first: it follows up unconfirmed deliveries.
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["payment_status"], "COMPLETED", "{proof:?}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
        let lines = journal(&app, &order.id).await;
        assert_eq!(lines[1], "unconfirmed replay -", "{proof:?}");
        assert!(lines[2].ends_with(" replay order_status"), "{lines:?}");
    }
}

async fn zenopays_answer_overrides_what_a_replayed_delivery_claims(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let webhook = journalled(&app, &order.id, None, &body_of(&order.id, "COMPLETED")).await;
    let declined = json!({"decision": "decline", "deliver": false});
    app.subscriber_decides(&order, &declined).await;

    let answer = replay(&app, webhook).await;

    assert_eq!(
        answer.verdict(),
        (200, "unconfirmed".to_owned()),
        "{}",
        answer.text
    );
    assert_eq!(app.status(&order).await["payment_status"], "FAILED");
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
}

async fn replays_of_unreadable_and_orphaned_deliveries_are_refused_with_different_codes(
    kind: Kind,
) {
    let app = TestApp::start(kind).await;
    let orphan_id = uuid::Uuid::new_v4().to_string();
    let unreadable = journalled(&app, &orphan_id, Some("key"), "{").await;
    let foreign = journalled(
        &app,
        "shop-17",
        Some("key"),
        &body_of("shop-17", "COMPLETED"),
    )
    .await;
    let lost = journalled(
        &app,
        &orphan_id,
        Some("key"),
        &body_of(&orphan_id, "COMPLETED"),
    )
    .await;
    let hint = journalled(&app, &orphan_id, None, &body_of(&orphan_id, "COMPLETED")).await;

    replay(&app, unreadable)
        .await
        .assert_problem(400, "malformed_webhook");
    for webhook in [foreign, lost, hint] {
        replay(&app, webhook)
            .await
            .assert_problem(404, "order_not_found");
    }
    for path in ["/webhooks/999999/replay", "/webhooks/x/replay"] {
        super::post(&app, path, &json!({}))
            .await
            .assert_problem(404, "not_found");
    }

    assert_eq!(
        journal(&app, &orphan_id).await,
        [
            "error webhook key",
            "error webhook key",
            "error webhook -",
            "malformed replay key",
            "unknown_order replay key",
            "unknown_order replay -",
        ]
    );
    let lines = "SELECT COUNT(*) FROM audit_events WHERE action = 'replay'";
    assert_eq!(app.database.count(lines).await, 4);
    let asks = "SELECT COUNT(*) FROM gateway_calls";
    assert_eq!(app.database.count(asks).await, 0);
}

async fn replays_beside_webhooks_make_one_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let webhook = journalled(
        &app,
        &order.id,
        Some("key"),
        &body_of(&order.id, "COMPLETED"),
    )
    .await;

    let replays = join_all((0..5).map(|_| replay(&app, webhook)));
    let copies = join_all((0..5).map(|_| app.deliver_word(&order, "COMPLETED")));
    let (replays, copies) = tokio::join!(replays, copies);

    let outcomes: Vec<_> = replays
        .iter()
        .chain(&copies)
        .map(|it| it.verdict())
        .collect();
    let won = outcomes
        .iter()
        .filter(|it| **it == (200, "completed".to_owned()));
    assert_eq!(won.count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|it| it.0 == 200), "{outcomes:?}");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(app.journal(&order.id, "completed").await, 1);
    assert_eq!(audited(&app, &order).await.len(), 5);
}

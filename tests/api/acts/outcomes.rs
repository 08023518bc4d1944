//! Actions of operators and the deadline have outcomes of their own and are not counted as
//! webhooks.

use malipo::actors::{Command, Requester};
use malipo::domain::order::Evidence;
use serde_json::Value;

use super::{code_of, held, refund, release, revoke, sold};
use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    an_operators_action_has_its_own_outcome_and_is_not_counted_as_a_webhook,
}

/// Outcomes that no delivery has.
const WORDS: [&str; 6] = [
    "refunded", "revoked", "released", "refused", "reissued", "expired",
];

async fn last_outcome(app: &TestApp, order: &TestOrder) -> Value {
    let path = format!("/api/v1/operator/actors/{}", order.id);
    app.get_as_operator(&path).await.json()["last_outcome"].clone()
}

async fn an_operators_action_has_its_own_outcome_and_is_not_counted_as_a_webhook(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (released, refused) = (held(&app).await, held(&app).await);
    let (refunded, revoked, reissued) = (sold(&app).await, sold(&app).await, sold(&app).await);
    let expired = app.buy().await;
    let before = app.actors_when(|_| true).await["webhooks"].clone();

    for (order, answer, outcome) in [
        (
            &released,
            release(&app, &released, "complete").await,
            "released",
        ),
        (&refused, release(&app, &refused, "refuse").await, "refused"),
        (&refunded, refund(&app, &refunded).await, "refunded"),
        (&refunded, refund(&app, &refunded).await, "duplicate"),
        (
            &revoked,
            revoke(&app, &code_of(&app, &revoked).await).await,
            "revoked",
        ),
    ] {
        assert_eq!(answer.json()["outcome"], outcome, "{}", answer.text);
        if outcome != "refunded" {
            assert_eq!(last_outcome(&app, order).await, outcome);
        }
    }
    let orders = &app.app.api.orders;
    orders
        .reissue(reissued.id.parse().unwrap(), Requester::Owner(2))
        .await
        .unwrap();
    assert_eq!(last_outcome(&app, &reissued).await, "reissued");
    let deadline = Command::of(Evidence::Deadline);
    let handled = orders.handle(expired.id.parse().unwrap(), deadline).await;
    assert_eq!(handled.unwrap().outcome.as_str(), "expired");

    let seen = app.actors_when(|_| true).await;
    assert_eq!(seen["webhooks"], before, "an action counts as no webhook");
    let metrics = app.get_as_operator("/metrics").await.text;
    for word in WORDS {
        assert!(seen["webhooks"].get(word).is_none(), "{word}");
        let label = format!("malipo_webhooks_total{{outcome=\"{word}\"}}");
        assert!(!metrics.contains(&label), "{word}");
        let path = format!("/api/v1/operator/webhooks?outcome={word}");
        let filtered = app.get_as_operator(&path).await;
        filtered.assert_problem(422, "invalid_query");
    }
    let journalled = format!(
        "SELECT COUNT(*) FROM webhook_deliveries WHERE outcome IN ('{}')",
        WORDS.join("', '")
    );
    assert_eq!(app.database.count(&journalled).await, 0);
}

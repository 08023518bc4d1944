//! Idle actors are passivated, and no client notices.

use serde_json::json;

use crate::harness::{Kind, SaleCounts, TestApp};

on_both_databases! {
    an_idle_actor_is_passivated_and_a_late_copy_is_still_a_duplicate,
    a_poll_still_gets_the_sale_after_the_actor_was_passivated,
}

async fn an_idle_actor_is_passivated_and_a_late_copy_is_still_a_duplicate(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.idle_secs = 1).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;

    let gone = app
        .actors_when(|seen| seen["order_actors"]["live"] == 0)
        .await;
    let passive = app
        .get_as_operator(&format!("/api/v1/operator/actors/{}", order.id))
        .await;
    let copy = app.deliver_word(&order, "COMPLETED").await;
    let back = app
        .actors_when(|seen| seen["order_actors"]["activated"] == 2)
        .await;

    let counts = &gone["order_actors"];
    assert_eq!(
        (&counts["activated"], &counts["passivated"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&counts["restarted"], &gone["busiest"]),
        (&json!(0), &json!([]))
    );
    passive.assert_problem(404, "order_not_found");
    assert_eq!(copy.verdict(), (200, "duplicate".to_owned()));
    assert_eq!(copy.json()["payment_status"], "COMPLETED");
    let counts = &back["order_actors"];
    let left = counts["activated"].as_i64().unwrap() - counts["passivated"].as_i64().unwrap();
    assert_eq!(counts["live"], left);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_poll_still_gets_the_sale_after_the_actor_was_passivated(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.idle_secs = 1).await;
    let order = app.buy().await;
    let url = app.portal(&format!("/payment/status/{}?wait=35", order.id));

    let (answer, ()) = tokio::join!(app.get(&url), async {
        app.until_parked(1).await;
        app.deliver_word(&order, "PENDING").await;
        let gone = |seen: &serde_json::Value| seen["order_actors"]["passivated"] == 1;
        app.actors_when(gone).await;
        app.until_parked(1).await;
        app.deliver_word(&order, "COMPLETED").await;
    });

    assert_eq!(answer.json()["payment_status"], "COMPLETED");
}

//! The journal, as operators read it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TestApp, body_of};

on_both_databases! {
    the_journal_is_read_by_outcome_and_by_order,
    a_delivery_is_shown_with_its_body_text_or_binary,
    pages_of_the_journal_stay_correct_while_deliveries_arrive,
    the_counters_of_the_actors_add_up_to_the_journal,
}

async fn journal(app: &TestApp, parameters: &[(&str, &str)]) -> Answer {
    let query = serde_urlencoded::to_string(parameters).unwrap();
    app.get_as_operator(&format!("/api/v1/operator/webhooks?{query}"))
        .await
}

fn column(page: &Value, name: &str) -> Vec<Value> {
    let rows = page["webhooks"].as_array().unwrap();
    rows.iter().map(|row| row[name].clone()).collect()
}

async fn the_journal_is_read_by_outcome_and_by_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (one, other) = (app.buy().await, app.buy().await);
    for (order, word) in [(&one, "COMPLETED"), (&one, "COMPLETED"), (&other, "FAILED")] {
        app.deliver_word(order, word).await;
    }
    app.deliver(body_of("not-ours", "COMPLETED")).await;
    app.deliver("{").await;

    let all = journal(&app, &[]).await;
    let of_one = journal(&app, &[("order_id", &one.id.to_uppercase())])
        .await
        .json();
    let outcomes = [
        "malformed",
        "unknown_order",
        "failed",
        "duplicate",
        "completed",
    ];

    assert_eq!(all.header("cache-control"), Some("no-store"));
    assert_eq!(column(&all.json(), "outcome"), outcomes);
    assert_eq!(all.json()["next_cursor"], Value::Null);
    assert_eq!(column(&of_one, "outcome"), ["duplicate", "completed"]);
    for outcome in outcomes {
        let page = journal(&app, &[("outcome", outcome)]).await.json();
        assert_eq!(column(&page, "outcome"), [outcome]);
    }
    let both = [("outcome", "duplicate"), ("order_id", one.id.as_str())];
    let row = journal(&app, &both).await.json()["webhooks"][0].clone();
    let mut keys: Vec<_> = row.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "id",
            "order",
            "order_id",
            "outcome",
            "processing_ms",
            "proof",
            "received_at",
            "source",
            "word"
        ]
    );
    assert_eq!(
        (&row["proof"], &row["source"], &row["word"]),
        (&json!("key"), &json!("webhook"), &json!("COMPLETED"))
    );
    assert!(row["processing_ms"].as_f64().unwrap() > 0.0);
    let stranger = journal(&app, &[("order_id", "not-ours")]).await.json();
    assert_eq!(column(&stranger, "outcome"), ["unknown_order"]);
    for (name, value) in [
        ("outcome", "busy"),
        ("outcome", "COMPLETED"),
        ("order_id", "a\0"),
        ("limit", "0"),
        ("cursor", "17"),
    ] {
        let answer = journal(&app, &[(name, value)]).await;
        answer.assert_problem(422, "invalid_query");
    }
}

async fn a_delivery_is_shown_with_its_body_text_or_binary(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.deliver("{\"no\": \"status\"}").await;
    app.deliver(vec![0xff, 0x00, 0x7b]).await;
    let page = journal(&app, &[]).await.json();
    let ids = column(&page, "id");

    let shown = async |id: &Value| {
        let path = format!("/api/v1/operator/webhooks/{id}");
        app.get_as_operator(&path).await.json()
    };
    let (binary, text) = (shown(&ids[0]).await, shown(&ids[1]).await);

    assert_eq!(text["body"], "{\"no\": \"status\"}");
    assert_eq!(text["body_hex"], Value::Null);
    assert_eq!(text["content_type"], "application/json");
    assert_eq!(
        (&binary["body"], &binary["body_hex"]),
        (&Value::Null, &json!("ff007b"))
    );
    for id in ["0", "-1", "999999", "x", "1.5"] {
        let answer = app
            .get_as_operator(&format!("/api/v1/operator/webhooks/{id}"))
            .await;
        answer.assert_problem(404, "not_found");
    }
}

async fn pages_of_the_journal_stay_correct_while_deliveries_arrive(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    for _ in 0..11 {
        app.deliver_word(&order, "COMPLETED").await;
    }
    let mut expected = column(&journal(&app, &[]).await.json(), "id");

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let parameters = [("limit", "3"), ("cursor", cursor.as_str())];
        let (page, _) = tokio::join!(
            journal(&app, &parameters),
            app.deliver_word(&order, "COMPLETED")
        );
        let page = page.json();
        seen.extend(column(&page, "id"));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }

    seen.retain(|id| expected.contains(id));
    assert_eq!(seen, expected);
    expected.dedup();
    assert_eq!(expected.len(), 11);
}

async fn the_counters_of_the_actors_add_up_to_the_journal(kind: Kind) {
    let app = TestApp::start(kind).await;
    let orders = join_all((0..8).map(|_| app.buy())).await;

    let words = [
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "PENDING",
        "COMPLETED",
        "SOMETHING",
    ];
    let deliveries = orders
        .iter()
        .flat_map(|order| words.iter().map(|word| body_of(&order.id, word)))
        .chain(["{".to_owned(), body_of("not-ours", "PAID")]);
    let (_, looks) = tokio::join!(
        join_all(deliveries.map(|body| app.deliver(body))),
        // Requests in between change nothing.
        join_all((0..5).map(|_| app.actors_when(|_| true)))
    );

    assert_eq!(looks.len(), 5);
    let seen = app.actors_when(|_| true).await;
    let mut sum = 0;
    for (outcome, count) in seen["webhooks"].as_object().unwrap() {
        let rows = app
            .database
            .count(&format!(
                "SELECT COUNT(*) FROM webhook_deliveries WHERE outcome = '{outcome}'"
            ))
            .await;
        assert_eq!(count.as_i64().unwrap(), rows, "{outcome}");
        sum += rows;
    }
    assert_eq!(sum, 8 * 6 + 2);
    let sold = "SELECT COUNT(*) FROM invoices";
    assert_eq!(
        seen["webhooks"]["completed"],
        app.database.count(sold).await
    );
}

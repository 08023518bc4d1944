//! `GET /actors` and `GET /actors/{order_id}`: every key, and a busy actor.

use std::collections::BTreeSet;

use chrono::DateTime;
use futures_util::future::join_all;
use serde_json::Value;

use super::{actor, row_of};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    the_actors_document_has_every_key,
    messages_that_wait_for_a_busy_actor_are_counted,
    an_order_that_is_not_active_has_no_actor,
}

const ROW: &str =
    "order order_id state mailbox_depth handled last_outcome age_ms idle_ms last_error";

async fn the_actors_document_has_every_key(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.waiters_max = Some(123);
        config.actors.mailbox_capacity = 17;
    })
    .await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;

    // The loop's first round takes a moment.
    let seen = app
        .actors_when(|seen| seen["reconciler"]["last_run_at"].is_string())
        .await;

    for (path, keys) in [
        (
            "",
            "at instance mode uptime_secs order_actors status_actor relay reconciler webhooks \
              latency_ms busiest",
        ),
        (
            "/order_actors",
            "live activated passivated restarted mailbox_depth mailbox_depth_max \
              mailbox_capacity oldest_message_ms busy",
        ),
        (
            "/status_actor",
            "waiters orders_watched notices wakeups waiters_max",
        ),
        ("/relay", "queued sent failed dead oldest_queued_secs"),
        ("/reconciler", "pending checked repaired last_run_at"),
        (
            "/webhooks",
            "completed duplicate stale failed cancelled pending held unconfirmed \
              unknown_order malformed unauthenticated busy error",
        ),
        ("/latency_ms", "webhook transaction notice"),
        ("/latency_ms/webhook", "p50 p95 p99"),
        ("/latency_ms/transaction", "p50 p95 p99"),
        ("/latency_ms/notice", "p50 p95 p99"),
        ("/busiest/0", ROW),
    ] {
        assert_keys(seen.pointer(path).unwrap(), keys);
    }
    for path in ["/order_actors", "/status_actor", "/relay", "/webhooks"] {
        for (key, value) in seen.pointer(path).unwrap().as_object().unwrap() {
            assert!(value.is_u64(), "{path}/{key}: {value}");
        }
    }
    assert_eq!(seen["mode"], "sandbox");
    assert!(seen["uptime_secs"].is_u64());
    assert!(
        seen["instance"]
            .as_str()
            .is_some_and(|name| !name.is_empty())
    );
    assert_eq!(seen["status_actor"]["waiters_max"], 123);
    assert_eq!(seen["order_actors"]["mailbox_capacity"], 17);
    for time in [&seen["at"], &seen["reconciler"]["last_run_at"]] {
        let text = time.as_str().unwrap();
        assert!(
            DateTime::parse_from_rfc3339(text).is_ok() && text.ends_with('Z'),
            "{text}"
        );
    }
    let one = actor(&app, &order.id).await;
    assert_eq!(one.status, 200);
    assert_keys(&one.json(), ROW);
}

async fn messages_that_wait_for_a_busy_actor_are_counted(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let lock = app.database.hold(&order.id).await;

    let copies = join_all((0..5).map(|_| app.deliver_word(&order, "COMPLETED")));
    let (answers, (seen, metrics)) = tokio::join!(copies, async {
        // For a moment four messages have arrived and none is being handled yet, so wait for the
        // exact state.
        let seen = app
            .actors_when(|seen| {
                let actors = &seen["order_actors"];
                actors["busy"] == 1 && actors["mailbox_depth"] == 4
            })
            .await;
        let metrics = app.get(&app.url("/metrics")).await.text;
        lock.commit().await.unwrap();
        (seen, metrics)
    });

    let actors = &seen["order_actors"];
    // The fifth message may have arrived before the first one was taken.
    assert!([4, 5].contains(&actors["mailbox_depth_max"].as_u64().unwrap()));
    assert_eq!(row_of(&seen, &order)["mailbox_depth"], 4);
    assert!(
        metrics
            .lines()
            .any(|line| line == "malipo_order_actor_mailbox_depth 4"),
        "the metric has another value"
    );
    let mut outcomes: Vec<_> = answers.iter().map(|answer| answer.verdict().1).collect();
    outcomes.sort();
    assert_eq!(
        outcomes,
        [
            "completed",
            "duplicate",
            "duplicate",
            "duplicate",
            "duplicate"
        ]
    );
    let after = app
        .actors_when(|seen| seen["order_actors"]["busy"] == 0)
        .await;
    assert_eq!(after["order_actors"]["mailbox_depth"], 0);
    let metrics = app.get(&app.url("/metrics")).await.text;
    assert!(
        metrics
            .lines()
            .any(|line| line == "malipo_order_actor_mailbox_depth 0")
    );
}

async fn an_order_that_is_not_active_has_no_actor(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for id in [
        order.id.as_str(),
        "00000000-0000-0000-0000-000000000000",
        "nonsense",
    ] {
        actor(&app, id).await.assert_problem(404, "order_not_found");
    }

    app.deliver_word(&order, "PENDING").await;
    assert_eq!(actor(&app, &order.id).await.json()["state"], "PENDING");
    assert_eq!(actor(&app, &order.id.to_uppercase()).await.status, 200);
}

#[track_caller]
fn assert_keys(value: &Value, keys: &str) {
    let shown: BTreeSet<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(shown, keys.split_whitespace().collect::<BTreeSet<_>>());
}

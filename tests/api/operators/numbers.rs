//! `GET /actors` after a known series of deliveries: the numbers add up.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{actor, row_of, watch};
use crate::harness::{Answer, Kind, TestApp, TestOrder, body_of};

on_both_databases! {
    deliveries_are_counted_by_their_outcome,
    active_orders_are_counted_with_their_last_outcome,
    waiters_notices_and_wakeups_are_counted,
    latencies_and_messages_are_measured,
}

/// Orders that were brought to these states.
struct Day {
    paid: TestOrder,
    failed: TestOrder,
    cancelled: TestOrder,
    pending: TestOrder,
    held: TestOrder,
}

impl Day {
    /// Eight deliveries about five orders: four commits that change a status, and four notes.
    async fn of(app: &TestApp) -> Self {
        let orders = join_all((0..5).map(|_| app.buy())).await;
        let [paid, failed, cancelled, pending, held] = orders.try_into().unwrap();
        for (order, word, outcome) in [
            (&paid, "COMPLETED", "completed"),
            (&paid, "COMPLETED", "duplicate"),
            (&paid, "PENDING", "stale"),
            (&paid, "FAILED", "stale"),
            (&failed, "FAILED", "failed"),
            (&cancelled, "CANCELLED", "cancelled"),
            (&pending, "PENDING", "pending"),
        ] {
            assert_eq!(app.deliver_word(order, word).await.verdict().1, outcome);
        }
        let short = json!({"order_id": held.id, "payment_status": "COMPLETED", "amount": 1});
        assert_eq!(app.deliver(short.to_string()).await.verdict().1, "held");
        Self {
            paid,
            failed,
            cancelled,
            pending,
            held,
        }
    }
}

async fn deliveries_are_counted_by_their_outcome(kind: Kind) {
    let app = TestApp::start(kind).await;
    let unknown_id = "00000000-0000-0000-0000-000000000000";
    let day = Day::of(&app).await;

    let unproven = async |body: String, key: &str| {
        let delivery = app.unproven(body).header("x-api-key", key);
        Answer::of(delivery.send().await.unwrap()).await.status
    };
    let unknown = app.deliver(body_of(unknown_id, "COMPLETED")).await;
    let malformed = app.deliver("{").await;
    let refused = [
        unproven(body_of(&day.paid.id, "COMPLETED"), "wrong").await,
        unproven("{".to_owned(), "wrong").await,
        // Without any proof, about an unknown order.
        unproven(body_of(unknown_id, "COMPLETED"), "").await,
    ];

    assert_eq!(
        (unknown.status, malformed.status, refused),
        (404, 400, [401; 3])
    );
    let seen = app.actors_when(|_| true).await;
    assert_eq!(
        seen["webhooks"],
        json!({"completed": 1, "duplicate": 1, "stale": 2, "failed": 1, "cancelled": 1,
            "pending": 1, "held": 1, "unconfirmed": 0, "unknown_order": 1, "malformed": 1,
            "unauthenticated": 3, "busy": 0, "error": 0})
    );
}

async fn active_orders_are_counted_with_their_last_outcome(kind: Kind) {
    let app = TestApp::start(kind).await;
    let day = Day::of(&app).await;

    let seen = app.actors_when(|_| true).await;

    assert_eq!(
        seen["order_actors"],
        json!({"live": 5, "activated": 5, "passivated": 0, "restarted": 0, "mailbox_depth": 0,
            "mailbox_depth_max": 0, "mailbox_capacity": 64, "oldest_message_ms": 0, "busy": 0})
    );
    for (order, state, handled, last) in [
        (&day.paid, "COMPLETED", 4, "stale"),
        (&day.failed, "FAILED", 1, "failed"),
        (&day.cancelled, "CANCELLED", 1, "cancelled"),
        (&day.pending, "PENDING", 1, "pending"),
        (&day.held, "HELD", 1, "held"),
    ] {
        for mut row in [row_of(&seen, order), actor(&app, &order.id).await.json()] {
            assert!(row["idle_ms"].as_u64() <= row["age_ms"].as_u64(), "{row}");
            for timer in ["age_ms", "idle_ms"] {
                row[timer] = Value::Null;
            }
            assert_eq!(
                row,
                json!({"order": order.id[..8], "order_id": null, "state": state, "mailbox_depth": 0,
                    "handled": handled, "last_outcome": last, "age_ms": null, "idle_ms": null,
                    "last_error": null})
            );
        }
    }
    assert_eq!(
        seen["busiest"][0]["order"],
        day.paid.id[..8],
        "most handled"
    );
}

async fn waiters_notices_and_wakeups_are_counted(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let (one, other) = (watch(&app, &order).await, watch(&app, &order).await);

    let watched = app.actors_when(|_| true).await["status_actor"].clone();
    app.deliver_word(&order, "COMPLETED").await;
    for watching in [one, other] {
        assert!(watching.text().await.unwrap().contains("COMPLETED"));
    }
    Day::of(&app).await;
    let after = app
        .actors_when(|seen| {
            let waiting = &seen["status_actor"];
            waiting["orders_watched"] == 0
                && waiting["waiters"] == 0
                && waiting["notices"] == 5
                && waiting["wakeups"] == 2
        })
        .await["status_actor"]
        .clone();

    let numbers = |waiting: &Value| {
        ["waiters", "orders_watched", "notices", "wakeups"]
            .map(|key| waiting[key].as_u64().unwrap())
    };
    assert_eq!(numbers(&watched), [2, 1, 0, 0]);
    assert_eq!(numbers(&after), [0, 0, 5, 2]);
}

async fn latencies_and_messages_are_measured(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let watching = watch(&app, &order).await;
    let before = app.actors_when(|_| true).await["latency_ms"].clone();
    app.deliver_word(&order, "COMPLETED").await;
    assert!(watching.text().await.unwrap().contains("COMPLETED"));
    Day::of(&app).await;

    // Two SMS; the gauges of open work are counted from the database periodically.
    let seen = app
        .actors_when(|seen| seen["relay"]["sent"] == 2 && seen["reconciler"]["pending"] == 1)
        .await;

    for (name, latency) in seen["latency_ms"].as_object().unwrap() {
        let [p50, p95, p99] = ["p50", "p95", "p99"].map(|it| latency[it].as_f64().unwrap());
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{name}: {latency}");
        assert_eq!(
            before[name],
            json!({"p50": 0.0, "p95": 0.0, "p99": 0.0}),
            "{name}"
        );
    }
    for gauge in ["failed", "dead"] {
        assert_eq!(seen["relay"][gauge], 0, "{gauge}");
    }
}

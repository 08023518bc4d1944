//! ZenoPay is down for an hour: it is not hammered, guests' unverified webhooks still cause checks,
//! and afterwards all money is found.

use std::time::{Duration, Instant};

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, LogLines, eventually, metric, time_passes};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    zenopay_is_probed_while_it_is_down_for_an_hour_and_then_all_money_is_found,
    an_unverified_webhook_shows_that_zenopay_is_back_before_the_next_probe,
}

/// Checks that may be in progress when the pause begins.
const AT_ONCE: usize = 8;
/// The number of consecutive failures after which it begins.
const FAILURES_MAX: usize = 8;
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A shop with this many open orders whose ZenoPay answers 503 to all of them, at the moment the
/// reconciler pauses.
async fn paused_shop(
    kind: Kind,
    zenopay: &FakeZenoPay,
    orders: usize,
) -> (TestApp, Vec<TestOrder>) {
    let app = zenopay.shop(kind, |_| {}).await;
    zenopay.says_of_all(Says::Raw(503, "<h1>Service Unavailable</h1>"));
    let mut open = Vec::new();
    for _ in 0..orders {
        open.push(zenopay.buy(&app).await);
    }
    let all_due = format!("UPDATE payments SET due_at = '{LONG_AGO}'");
    app.database.execute(&all_due).await;
    eventually("the circuit opens", async || is_paused(&app).await).await;
    (app, open)
}

async fn is_paused(app: &TestApp) -> bool {
    metric(app, "malipo_zenopay_circuit_open").await == 1.0
}

/// Lets the longest pause pass repeatedly: on a slow machine the answer to the previous probe may
/// still be on its way, and begins another pause when it comes.
async fn pauses_end_until(app: &TestApp, what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..20 {
        time_passes(app, FIVE_MINUTES).await;
        let looked = Instant::now();
        while looked.elapsed() < Duration::from_secs(3) {
            if condition().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("the condition never held: {what}");
}

async fn zenopay_is_probed_while_it_is_down_for_an_hour_and_then_all_money_is_found(kind: Kind) {
    let log = LogLines::record("malipo=info");
    let zenopay = FakeZenoPay::start();
    let (app, orders) = paused_shop(kind, &zenopay, 40).await;
    let before = zenopay.asked_in_all();
    assert!(
        before <= FAILURES_MAX + AT_ONCE,
        "{before} checks until the pause"
    );

    for _ in 0..12 {
        let asked = zenopay.asked_in_all();
        pauses_end_until(&app, "a probe goes out", async || {
            zenopay.asked_in_all() > asked
        })
        .await;
    }
    let probes = zenopay.asked_in_all() - before;
    // A round started by the test and the loop may probe at the same moment; that is not a
    // stampede.
    assert!(probes <= 12 + AT_ONCE, "{probes} probes in an hour");
    assert!(is_paused(&app).await);
    assert!(log.count("ZenoPay does not answer order-status; the reconciler pauses") >= 1);

    zenopay.says_of_all(Says::Status("COMPLETED"));
    pauses_end_until(&app, "ZenoPay's answers are read again", async || {
        !is_paused(&app).await
    })
    .await;

    for order in &orders {
        eventually("the money is found", async || {
            app.sale_of(order).await == SaleCounts::ONE
        })
        .await;
    }
    assert!(!is_paused(&app).await);
    assert_eq!(log.count("ZenoPay answers order-status again"), 1);
}

async fn an_unverified_webhook_shows_that_zenopay_is_back_before_the_next_probe(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let (app, orders) = paused_shop(kind, &zenopay, 10).await;

    // No time passes: the next probe is seconds away, and would be minutes away after an hour.
    zenopay.says_of_all(Says::Status("COMPLETED"));
    let hint = app.unproven(body_of(&orders[0].id, "COMPLETED"));
    let answered = hint.send().await.unwrap().status().as_u16();

    assert_eq!(answered, 200);
    assert!(!is_paused(&app).await);
    assert_eq!(app.sale_of(&orders[0]).await, SaleCounts::ONE);
}

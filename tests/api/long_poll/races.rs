//! A poll that registers at the moment of the commit.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::time::sleep;

use super::poll;
use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    a_poll_that_races_the_commit_never_misses_it,
}

const ORDERS: usize = 200;
const AT_A_TIME: usize = 20;
const POLLS: u64 = 4;

async fn a_poll_that_races_the_commit_never_misses_it(kind: Kind) {
    let app = TestApp::start(kind).await;

    for _ in 0..ORDERS / AT_A_TIME {
        let orders = join_all((0..AT_A_TIME).map(|_| app.buy())).await;

        let begun = Instant::now();
        let waited = join_all(orders.iter().map(|order| race(&app, order))).await;

        // A poll that missed its commit would wait to the end and still show PENDING.
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "a poll missed the commit"
        );
        assert_eq!(waited.iter().flatten().count(), AT_A_TIME * POLLS as usize);
        for status in waited.iter().flatten() {
            assert_eq!(status, "COMPLETED");
        }
    }
    app.until_parked(0).await;
}

/// Several polls around one delivery; returns their answers.
async fn race(app: &TestApp, order: &TestOrder) -> Vec<String> {
    let polls = join_all((0..POLLS).map(async |place| {
        // Spread over the duration of a delivery, so that some poll coincides with the commit.
        sleep(Duration::from_millis(place * 3)).await;
        poll(app, order, "?wait=35&since=1").await.json()["payment_status"]
            .as_str()
            .unwrap()
            .to_owned()
    }));
    tokio::join!(polls, app.deliver_word(order, "COMPLETED")).0
}

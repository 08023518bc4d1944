//! Many guests who poll again at the same moment, as after a restart.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::poll;
use crate::harness::proxy::{Network, start_behind_a_proxy};
use crate::harness::{Kind, TestApp, TestOrder};

on_both_databases! {
    in_a_rush_each_guest_gets_their_own_order,
}

const GUESTS: usize = 400;
/// As many polls of one order as it has seats.
const FAMILY: usize = 8;

async fn several(app: &TestApp, orders: usize) -> Vec<TestOrder> {
    let mut bought = Vec::new();
    for _ in 0..orders {
        bought.push(app.buy().await);
    }
    // The reconciler's queries about these orders are not counted here.
    app.database
        .execute("UPDATE payments SET due_at = NULL")
        .await;
    bought
}

/// Counted on a slow connection, so that polls arrive faster than they can be read.
#[actix_web::test]
async fn guests_who_come_together_cost_postgresql_a_few_queries() {
    let (app, proxy) = start_behind_a_proxy().await;
    let orders = several(&app, GUESTS / FAMILY).await;
    proxy.set(Network::Slow(Duration::from_millis(100)));
    let before = proxy.questions();

    let guests = orders
        .iter()
        .flat_map(|order| (0..FAMILY).map(|_| poll(&app, order, "?wait=6&since=1")));
    let answers = join_all(guests).await;

    // Each order was read when its poll came and when its time was up: read one by one, that would be
    // twice as many queries as guests. The loops of the server ask as well.
    let asked = proxy.questions() - before;
    assert!(asked < GUESTS as u64, "{asked} queries for {GUESTS} guests");
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["order_id"], orders[number / FAMILY].id);
    }
}

async fn in_a_rush_each_guest_gets_their_own_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let orders = several(&app, 60).await;
    for paid in orders.iter().step_by(3) {
        assert_eq!(app.deliver_word(paid, "COMPLETED").await.status, 200);
    }

    let rush = join_all(orders.iter().map(|order| poll(&app, order, "?wait=1")));
    let stranger = app.portal("/payment/status/00000000-0000-4000-8000-000000000000?wait=1");
    let (answers, unknown) = tokio::join!(rush, app.get(&stranger));

    unknown.assert_problem(404, "order_not_found");
    for (number, (order, answer)) in orders.iter().zip(&answers).enumerate() {
        let status = if number % 3 == 0 {
            "COMPLETED"
        } else {
            "PENDING"
        };
        assert_eq!(answer.json()["payment_status"], status);
        assert_eq!(answer.json(), app.status(order).await);
    }
}

#[actix_web::test]
async fn guests_who_came_together_are_not_all_answered_together() {
    let app = TestApp::start(Kind::Sqlite).await;
    let orders = several(&app, 5).await;

    let begun = Instant::now();
    let guests = orders.iter().flat_map(|order| {
        (0..FAMILY).map(async |_| {
            let answer = poll(&app, order, "?wait=20&since=1").await;
            assert_eq!(answer.json()["payment_status"], "PENDING");
            begun.elapsed()
        })
    });
    let mut ends = join_all(guests).await;

    ends.sort();
    let (first, last) = (ends[0], ends[ends.len() - 1]);
    assert!(first >= Duration::from_secs(18), "{first:?}");
    assert!(last - first >= Duration::from_millis(500), "{ends:?}");
}

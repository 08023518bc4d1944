//! A slow database is not taken for a lost one: its connections are kept.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;

use crate::harness::{Kind, TestApp};

/// Longer than the time in which returning connections are counted.
const LOOKED_AT_FOR: Duration = Duration::from_secs(9);

#[actix_web::test]
async fn a_read_that_is_given_up_costs_no_connection_but_its_own() {
    let app = TestApp::start(Kind::Postgres).await;
    let mut orders = Vec::new();
    for _ in 0..24 {
        orders.push(app.buy().await);
    }
    join_all(
        orders
            .iter()
            .map(|order| app.deliver_word(order, "COMPLETED")),
    )
    .await;
    let waiting = app.buy().await;
    let look = app.url(&format!(
        "/api/v1/customer-portal/payment/status/{}",
        waiting.id
    ));
    let idle = "SELECT pid::text FROM pg_stat_activity WHERE state = 'idle'
                AND datname = current_database() AND application_name = 'malipo'";
    let before = app.database.texts(idle).await;

    let lock = app.database.begin().await;
    lock.execute_unprepared("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    assert_eq!(app.get(&look).await.status, 503);
    lock.rollback().await.unwrap();

    // A read and a write, each of which finds that there are connections.
    let began = Instant::now();
    while began.elapsed() < LOOKED_AT_FOR {
        assert_eq!(app.get(&look).await.status, 200);
        assert_eq!(app.deliver_word(&waiting, "PENDING").await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = app.database.texts(idle).await;
    let kept = before.iter().filter(|pid| after.contains(pid)).count();
    assert!(kept * 2 > before.len(), "{kept} of {before:?}: {after:?}");
}

//! The reconciler goes on when the database or ZenoPay fails.

use std::env;
use std::time::Duration;

use chrono::TimeDelta;
use malipo::domain::pacing::Turns;
use malipo::store::Store;
use sea_orm::{ConnectionTrait, Database};
use tokio::time::timeout;

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, LogLines, eventually, make_due, rounds};
use crate::harness::{Kind, SaleCounts, TestApp, config};

on_both_databases! {
    the_reconciler_goes_on_after_the_database_went_away_and_came_back,
    orders_expire_on_time_while_zenopay_does_not_answer,
    a_server_stops_in_time_while_zenopay_does_not_answer,
    an_order_claimed_by_a_server_that_died_is_checked_when_the_lease_ends,
}

/// Makes the orders unavailable: on PostgreSQL the whole database, on SQLite the table.
async fn take_away(app: &TestApp) {
    match app.database.kind {
        Kind::Sqlite => {
            let sql = "ALTER TABLE payments RENAME TO payments_away";
            app.database.execute(sql).await;
        }
        Kind::Postgres => {
            allow_connections(app, false).await;
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND application_name = 'malipo'";
            app.database.execute(sql).await;
        }
    }
}

async fn bring_back(app: &TestApp) {
    match app.database.kind {
        Kind::Sqlite => {
            let sql = "ALTER TABLE payments_away RENAME TO payments";
            app.database.execute(sql).await;
        }
        Kind::Postgres => allow_connections(app, true).await,
    }
}

/// PostgreSQL does not allow closing a database from within.
async fn allow_connections(app: &TestApp, allowed: bool) {
    let name = app.database.text("SELECT current_database()::text").await;
    let server = env::var("MALIPO_TEST_POSTGRES").unwrap();
    let admin = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();
    let name = name.unwrap();
    let sql = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}");
    admin.execute_unprepared(&sql).await.unwrap();
    admin.close().await.unwrap();
}

async fn the_reconciler_goes_on_after_the_database_went_away_and_came_back(kind: Kind) {
    let log = LogLines::record("malipo=warn");
    let zenopay = FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    zenopay.says(&order, Says::Status("COMPLETED"));

    take_away(&app).await;
    eventually("the loop meets the outage twice", async || {
        log.count("reconciler: the database cannot be read") >= 2
    })
    .await;
    bring_back(&app).await;
    make_due(&app, &order).await;

    // The test drives no round: the loop itself must have survived.
    let completed = "SELECT COUNT(*) FROM payments WHERE status = 'COMPLETED'";
    eventually("the loop finds the money", async || {
        app.database.count(completed).await == 1
    })
    .await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// A shop whose loop is in the middle of a round of this many checks, none of which is answered.
async fn shop_without_answers(kind: Kind, zenopay: &FakeZenoPay, asks: usize) -> TestApp {
    let app = zenopay.shop(kind, |_| {}).await;
    for _ in 0..asks {
        let order = zenopay.buy(&app).await;
        zenopay.says(&order, Says::Nothing);
    }
    let all_due = format!("UPDATE payments SET due_at = '{LONG_AGO}'");
    app.database.execute(&all_due).await;
    eventually("a round waits for ZenoPay", async || {
        zenopay.asked_in_all() > 0
    })
    .await;
    app
}

async fn orders_expire_on_time_while_zenopay_does_not_answer(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = shop_without_answers(kind, &zenopay, 8).await;

    let order = zenopay.buy(&app).await;
    let overdue = format!(
        "UPDATE payments SET due_at = '{LONG_AGO}', deadline_at = '{LONG_AGO}' WHERE {}",
        app.database.is_order(&order.id)
    );
    app.database.execute(&overdue).await;
    let poll = app.portal(&format!("/payment/status/{}?wait=20&since=1", order.id));
    let document = app.get(&poll).await.json();

    assert_eq!(document["payment_status"], "EXPIRED");
}

async fn a_server_stops_in_time_while_zenopay_does_not_answer(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = shop_without_answers(kind, &zenopay, 12).await;

    // The stop does not wait for answers that are requested again after the next start.
    let stopped = timeout(Duration::from_secs(6), app.stop()).await;

    assert!(stopped.is_ok(), "it still waits for ZenoPay");
}

async fn an_order_claimed_by_a_server_that_died_is_checked_when_the_lease_ends(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let settings = config(&app.database.url).database;
    let dying = Store::open_beside(&settings).await.unwrap();

    // A lease that ends at once, like that of a server which died a minute ago.
    let now = dying.now().await.unwrap();
    let tomorrow = now + TimeDelta::days(1);
    let turns = Turns {
        overdue: 5,
        urgent: 5,
    };
    let claimed = dying.claim_due(tomorrow..now, turns, &[]).await;
    assert_eq!(claimed.unwrap().len(), 1);

    eventually("another server checks the order", async || {
        rounds(&app, &order).await >= 1
    })
    .await;
}

//! ZenoPay is answered within five seconds whatever the database does, and the server recovers by
//! itself when the database is back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;

use crate::harness::proxy::{Network, Proxy, start_behind_a_proxy};
use crate::harness::{ANSWERED_WITHIN, Answer, Kind, SaleCounts, TestApp, TestOrder};

/// A stop cuts unfinished work after this time.
const STOP_LIMIT: Duration = Duration::from_secs(20);

async fn timed(app: &TestApp, order: &TestOrder) -> (Answer, Duration) {
    let sent = Instant::now();
    (app.deliver_word(order, "COMPLETED").await, sent.elapsed())
}

/// Sends again, as ZenoPay does, until the delivery is taken.
async fn deliver_until_taken(app: &TestApp, order: &TestOrder, limit: Duration) {
    let started = Instant::now();
    loop {
        let (answer, took) = timed(app, order).await;
        assert!(
            took < ANSWERED_WITHIN,
            "answered after {took:?}: {}",
            answer.text
        );
        if answer.status == 200 {
            return;
        }
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(
            started.elapsed() < limit,
            "not taken after {limit:?}: {}",
            answer.text
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[actix_web::test]
async fn a_cut_connection_is_answered_503_and_has_no_effect_once_it_is_back() {
    let (app, proxy) = start_behind_a_proxy().await;
    let orders = [app.buy().await, app.buy().await];

    proxy.set(Network::Cut);
    let answers = join_all(orders.iter().map(|order| timed(&app, order))).await;
    let ready = app.get(&app.url("/health/ready")).await;
    proxy.set(Network::Up);

    for (answer, took) in answers {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.header("retry-after").is_some());
        assert!(took < ANSWERED_WITHIN, "{took:?}");
    }
    assert_eq!(ready.status, 503);
    for order in &orders {
        deliver_until_taken(&app, order, Duration::from_secs(20)).await;
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}

/// Nothing comes back and nothing is closed. Reads are given up soon.
#[actix_web::test]
async fn a_black_hole_is_answered_503_and_leaves_no_dead_connection_behind() {
    let (app, proxy) = start_behind_a_proxy().await;
    let orders = more_orders_than_connections(&app).await;

    proxy.set(Network::Silent);
    let answers = join_all(orders.iter().map(|order| timed(&app, order))).await;
    // New connections work again; the old ones stay silent for ever.
    proxy.set(Network::Up);

    assert_all_answered_503(&answers);
    assert_all_are_taken(&app, &orders).await;
}

/// The worst case: every connection of the pool falls silent in the middle of a sale.
#[actix_web::test]
async fn sales_that_fall_into_a_black_hole_are_made_when_they_are_sent_again() {
    let (app, _proxy, orders) = break_connections_during_sales(Network::Silent).await;

    assert_all_are_taken(&app, &orders).await;
}

/// All statements arrive and the commits are made, but no answer comes back.
#[actix_web::test]
async fn sales_whose_answers_are_lost_on_the_way_are_made_once() {
    let (app, _proxy, orders) = break_connections_during_sales(Network::HalfOpen).await;

    assert_all_are_taken(&app, &orders).await;
}

/// Waiting for answers that never come would delay a stop up to its last limit.
#[actix_web::test]
async fn a_stop_after_answers_were_lost_is_well_within_its_limit_and_loses_nothing() {
    let (app, _proxy, orders) = break_connections_during_sales(Network::HalfOpen).await;

    let begun = Instant::now();
    let database = app.stop().await;
    let took = begun.elapsed();

    assert!(took < STOP_LIMIT * 4 / 5, "{took:?}");
    let app = TestApp::start_on(database, |_| {}).await;
    assert_all_are_taken(&app, &orders).await;
}

/// The network breaks for every connection that is selling; new connections work.
async fn break_connections_during_sales(how: Network) -> (TestApp, Proxy, Vec<TestOrder>) {
    let (app, proxy) = start_behind_a_proxy().await;
    let orders = more_orders_than_connections(&app).await;
    let lock = app.database.begin().await;
    lock.execute_unprepared("SELECT 1 FROM payments FOR UPDATE")
        .await
        .unwrap();

    let deliveries = join_all(orders.iter().map(|order| timed(&app, order)));
    let breaking = async {
        app.database.until_so_many_wait_for_a_lock(8).await;
        proxy.set(how);
        lock.rollback().await.unwrap();
    };
    let (answers, ()) = tokio::join!(deliveries, breaking);
    proxy.set(Network::Up);

    assert_all_answered_503(&answers);
    (app, proxy, orders)
}

#[actix_web::test]
async fn a_slow_connection_sells_as_a_quick_one_does() {
    let (app, proxy) = start_behind_a_proxy().await;
    let orders = [app.buy().await, app.buy().await];

    proxy.set(Network::Slow(Duration::from_millis(40)));
    let answers = join_all(orders.iter().map(|order| timed(&app, order))).await;

    for (order, (answer, took)) in orders.iter().zip(answers) {
        assert_eq!(answer.verdict(), (200, "completed".to_owned()));
        // A sale takes more than one round trip, and waits for each answer.
        assert!(took > Duration::from_millis(160), "{took:?}");
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}

/// PostgreSQL hangs: it answers nothing and closes nothing, and then continues.
#[actix_web::test]
async fn a_database_that_stands_still_is_answered_503_and_needs_no_restart_of_ours() {
    let app = TestApp::start(Kind::Postgres).await;
    let orders = more_orders_than_connections(&app).await;
    let ours = "SELECT pid::text FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'malipo'";
    let backends = app.database.texts(ours).await;

    signal("-STOP", &backends);
    let answers = join_all(orders.iter().map(|order| timed(&app, order))).await;
    signal("-CONT", &backends);

    // A delivery with a new connection was sold; the others were answered in time.
    for (answer, took) in &answers {
        assert!(matches!(answer.status, 200 | 503), "{}", answer.text);
        assert!(*took < ANSWERED_WITHIN, "{took:?}");
    }
    assert!(
        answers.iter().any(|(answer, _)| answer.status == 503),
        "no sale was blocked"
    );
    assert_all_are_taken(&app, &orders).await;
}

fn signal(name: &str, processes: &[String]) {
    let sent = std::process::Command::new("kill")
        .arg(name)
        .args(processes)
        .status();
    assert!(sent.unwrap().success());
}

/// A quiet shop finds its dead connections one by one; this must not take minutes.
#[actix_web::test]
async fn a_quiet_shop_is_back_soon_after_a_black_hole() {
    let (app, proxy) = start_behind_a_proxy().await;
    let orders = more_orders_than_connections(&app).await;
    // Every connection of both pools has been in use.
    let deliveries = orders[1..]
        .iter()
        .map(|order| app.deliver_word(order, "PENDING"));
    join_all(deliveries).await;

    proxy.set(Network::Silent);
    let lost = timed(&app, &orders[0]).await;
    proxy.set(Network::Up);

    assert_all_answered_503(&[lost]);
    deliver_until_taken(&app, &orders[0], Duration::from_secs(60)).await;
    assert_eq!(app.sale_of(&orders[0]).await, SaleCounts::ONE);
    assert_eq!(proxy.untested(), 0, "a dead connection was trusted");
}

/// Each connection falls silent at the moment it returns to its pool, where sqlx waits for it
/// without a limit.
#[actix_web::test]
async fn connections_that_never_come_back_to_their_pool_are_replaced() {
    const GIVE_UP_AFTER: Duration = Duration::from_secs(90);
    let (app, proxy) = start_behind_a_proxy().await;
    let order = app.buy().await;
    let look = app.url(&format!(
        "/api/v1/customer-portal/payment/status/{}",
        order.id
    ));
    let began = Instant::now();
    let until = async |status: u16, url: &str| {
        while app.get(url).await.status != status {
            assert!(
                began.elapsed() < GIVE_UP_AFTER,
                "{url} is never answered {status}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };

    proxy.set(Network::PingsLost);
    until(503, &look).await;
    proxy.set(Network::Up);

    until(200, &app.url("/health/ready")).await;
    until(200, &look).await;
    deliver_until_taken(&app, &order, GIVE_UP_AFTER).await;
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// A connection that only listens would otherwise never notice that nothing reaches it any more.
#[actix_web::test]
async fn the_listener_receives_notices_again_after_a_black_hole() {
    let (app, proxy) = start_behind_a_proxy().await;
    let listening = async || {
        let ask = "SELECT pid::text FROM pg_stat_activity
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        app.database.texts(ask).await
    };
    let began = Instant::now();
    let until = async |is_so: &dyn Fn(&[String]) -> bool| loop {
        let now = listening().await;
        if is_so(&now) {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{now:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    let before = until(&|now| !now.is_empty()).await;
    proxy.set(Network::Silent);
    assert_eq!(app.get(&app.url("/health/ready")).await.status, 503);
    proxy.set(Network::Up);

    until(&|now| now.iter().any(|pid| !before.contains(pid))).await;
}

async fn more_orders_than_connections(app: &TestApp) -> Vec<TestOrder> {
    let mut orders = Vec::new();
    for _ in 0..40 {
        orders.push(app.buy().await);
    }
    orders
}

fn assert_all_answered_503(answers: &[(Answer, Duration)]) {
    for (answer, took) in answers {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(*took < ANSWERED_WITHIN, "{took:?}");
    }
}

async fn assert_all_are_taken(app: &TestApp, orders: &[TestOrder]) {
    let taken = orders
        .iter()
        .map(|order| deliver_until_taken(app, order, Duration::from_secs(90)));
    join_all(taken).await;
    for order in orders {
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}

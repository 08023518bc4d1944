//! Liveness and readiness.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;
use tokio::time::sleep;

use crate::harness::{Answer, Kind, TestApp};

on_both_databases! {
    a_server_that_works_is_alive_and_ready,
}

async fn a_server_that_works_is_alive_and_ready(kind: Kind) {
    let app = TestApp::start(kind).await;

    let live = app.get(&app.url("/health/live")).await;
    let ready = app.get(&app.url("/health/ready")).await;

    assert_eq!(live.status, 200);
    assert_eq!(ready.status, 200);
    assert_eq!(ready.header("content-type"), Some("application/json"));
    assert_eq!(ready.json(), json!({"status": "ready", "mode": "sandbox"}));
}

/// PostgreSQL only: a SQLite file that is open cannot be taken away.
#[actix_web::test]
async fn a_server_whose_database_is_gone_is_alive_and_not_ready_until_it_is_back() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = app.buy().await;
    let (server, name) = app.database.url.rsplit_once('/').unwrap();
    let admin = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();

    admin
        .execute_unprepared(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        .await
        .unwrap();
    admin
        .execute_unprepared(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await
        .unwrap();
    let gone = ready_when(&app, 503).await;
    let live = app.get(&app.url("/health/live")).await;
    let status_url = app.portal(&format!("/payment/status/{}", order.id));
    let asked = app.get(&status_url).await;
    let body = json!({"packageId": "daily", "phoneNumber": "0712345678"});
    let bought = app.pay(&body).await;
    admin
        .execute_unprepared(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .await
        .unwrap();
    let back = ready_when(&app, 200).await;

    let reasons = gone.json()["reasons"].clone();
    assert!(
        reasons.as_array().is_some_and(|all| !all.is_empty()),
        "{}",
        gone.text
    );
    assert!(
        reasons[0].as_str().unwrap().contains("database"),
        "{reasons}"
    );
    assert_ne!(gone.json()["status"], "ready");
    assert_eq!(live.status, 200);
    for answer in [asked, bought] {
        answer.assert_problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(back.json(), json!({"status": "ready", "mode": "sandbox"}));
    assert_eq!(app.get(&status_url).await.status, 200);
}

/// PostgreSQL only: on SQLite nothing keeps a reader waiting.
#[actix_web::test]
async fn many_who_ask_at_once_whether_the_server_is_ready_take_one_connection() {
    const READS: &str = "SELECT COUNT(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'SELECT (SELECT MAX(created_at)%'";
    let app = TestApp::start(Kind::Postgres).await;
    let lock = app.database.begin().await;
    lock.execute_unprepared("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();

    let url = app.url("/health/ready");
    let asked = join_all((0..50).map(|_| app.get(&url)));
    let most = async {
        // Each waits for as long as its reading.
        app.database.wait_for_count(READS, 1).await;
        let mut most = 1;
        for _ in 0..30 {
            most = most.max(app.database.count(READS).await);
        }
        most
    };
    let (answers, most) = tokio::join!(asked, most);

    assert_eq!(most, 1);
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    lock.rollback().await.unwrap();
}

/// The readiness answer, as soon as it has this status.
async fn ready_when(app: &TestApp, status: u16) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = app.get(&app.url("/health/ready")).await;
        if answer.status == status {
            return answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(45),
            "still {}",
            answer.text
        );
        sleep(Duration::from_millis(50)).await;
    }
}

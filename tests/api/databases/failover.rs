//! PostgreSQL becomes read-only under the running server, as after a fail-over.

use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use super::ready_when;
use crate::harness::{Kind, SaleCounts, TestApp, TestDatabase, fresh_phone};
use crate::reconciling::eventually;

/// Every session of the database ends, and those that begin from now on have this setting.
async fn sessions_begin_with(database: &TestDatabase, setting: &str) {
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let admin = Database::connect(format!("{server}/postgres"))
        .await
        .unwrap();
    let change = format!("ALTER DATABASE {name} {setting}");
    let end =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    admin.execute_unprepared(&change).await.unwrap();
    if setting.starts_with("SET") {
        admin.execute_unprepared(&end).await.unwrap();
    }
    admin.close().await.unwrap();
}

/// Waits until readiness says this.
async fn until_not_ready_because(app: &TestApp, word: &str) {
    eventually(word, async || {
        let answer = app.get(&app.url("/health/ready")).await;
        answer.status == 503 && answer.json()["reasons"].to_string().contains(word)
    })
    .await;
}

#[actix_web::test]
async fn a_server_on_a_read_only_database_is_not_ready() {
    let app = TestApp::start(Kind::Postgres).await;

    sessions_begin_with(&app.database, "SET default_transaction_read_only = on").await;
    until_not_ready_because(&app, "read-only").await;
    sessions_begin_with(&app.database, "RESET default_transaction_read_only").await;

    ready_when(&app, 200).await;
}

#[actix_web::test]
async fn after_a_fail_over_to_a_read_only_server_sales_go_on_without_a_restart() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = app.buy().await;

    sessions_begin_with(&app.database, "SET default_transaction_read_only = on").await;
    let refused = app.deliver_word(&order, "COMPLETED").await;
    let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    let bought = app.pay(&body).await;
    // The sessions that are open stay read-only, as those that lead to the old server.
    sessions_begin_with(&app.database, "RESET default_transaction_read_only").await;
    eventually("the webhook sells", async || {
        app.deliver_word(&order, "COMPLETED").await.status == 200
    })
    .await;

    refused.assert_problem(503, "unavailable");
    bought.assert_problem(503, "unavailable");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

#[actix_web::test]
async fn a_server_on_a_replica_is_not_ready() {
    let app = TestApp::start(Kind::Postgres).await;
    // A real replica is in `tests/deploy/front_door/databases.py`.
    let name = app.database.text("SELECT current_database()::text").await;
    let replica = format!(
        "CREATE SCHEMA replica;
         CREATE FUNCTION replica.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true';
         ALTER DATABASE {0} SET search_path = public, replica, pg_catalog;",
        name.as_deref().unwrap()
    );
    app.database.execute(&replica).await;
    sessions_begin_with(
        &app.database,
        "SET search_path = public, replica, pg_catalog",
    )
    .await;

    until_not_ready_because(&app, "replica").await;
}

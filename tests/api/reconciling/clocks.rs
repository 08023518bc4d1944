//! The database's clock and this machine's differ by minutes: due times follow the database's
//! clock, which all servers share.

use serde_json::json;

use super::eventually;
use crate::harness::{Kind, SaleCounts, TestApp, TestDatabase};

/// A database whose clock is this many minutes ahead of ours.
async fn database_ahead_by(minutes: i64) -> TestDatabase {
    let database = TestDatabase::create(Kind::Postgres).await;
    let name = database.text("SELECT current_database()::text").await;
    let skew = format!(
        "CREATE SCHEMA skewed;
         CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
             $$ SELECT pg_catalog.clock_timestamp() + interval '{minutes} minutes' $$;
         ALTER DATABASE {} SET search_path = public, skewed, pg_catalog",
        name.unwrap()
    );
    database.execute(&skew).await;
    database
}

/// By our own clock the order would expire at once, or be checked in eight minutes. The SMS would
/// wait as long.
#[actix_web::test]
async fn expiry_status_checks_and_sms_are_on_time_by_the_databases_clock() {
    for minutes in [7, -7] {
        let database = database_ahead_by(minutes).await;
        let app = TestApp::start_on(database, |config| config.orders.expire_after_secs = 2).await;
        let order = app.buy().await;
        let seen = app.status(&order).await;
        let in_silence = json!({"decision": "approve", "deliver": false});
        app.subscriber_decides(&order, &in_silence).await;

        assert_eq!(seen["payment_status"], "PENDING", "{minutes}");
        eventually("the money is found", async || {
            app.sale_of(&order).await == SaleCounts::ONE
        })
        .await;
        eventually("the guest's SMS is sent", async || {
            let sent = "SELECT COUNT(*) FROM sms_messages WHERE sent_at >= created_at";
            app.database.count(sent).await == 1
        })
        .await;
        let by_their_clock = format!(
            "SELECT COUNT(*) FROM payments WHERE created_at <= confirmed_at
             AND confirmed_at BETWEEN now() + interval '{minutes} minutes' - interval '2 minutes'
                                  AND now() + interval '{minutes} minutes' + interval '2 minutes'"
        );
        assert_eq!(app.database.count(&by_their_clock).await, 1, "{minutes}");
    }
}

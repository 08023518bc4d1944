//! SQLite's log grows while a reader holds an old state of the database, and shrinks after it.

use std::fs;

use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::harness::{Kind, TestApp};
use crate::reconciling::eventually;

const MIB: u64 = 1024 * 1024;

#[actix_web::test]
async fn the_log_of_sqlite_is_measured_and_shrinks_once_a_long_reader_is_gone() {
    let app = TestApp::start(Kind::Sqlite).await;
    let file = app.database.url.trim_start_matches("sqlite://");
    let log = format!("{}-wal", file.split('?').next().unwrap());
    let size = || fs::metadata(&log).map_or(0, |log| log.len());
    let gauge = async || {
        let metrics = app.get(&app.url("/metrics")).await.text;
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("malipo_database_wal_bytes "));
        line.unwrap().parse::<u64>().unwrap()
    };

    let connection = app.database.connect().await;
    let reader = connection.begin().await.unwrap();
    let read = "SELECT COUNT(*) FROM payments";
    reader.execute_unprepared(read).await.unwrap();
    app.database
        .execute("CREATE TABLE filling (bytes blob)")
        .await;
    for _ in 0..60 {
        app.database
            .execute("INSERT INTO filling VALUES (randomblob(1048576))")
            .await;
    }
    let grown = size();
    eventually("the log is measured", async || gauge().await >= 60 * MIB).await;
    // Sales go on beside the reader.
    let order = app.buy().await;
    let sold = app.deliver_word(&order, "COMPLETED").await;
    drop(reader);
    eventually("the log is short", async || size() < 40 * MIB).await;
    eventually("the short log is measured", async || {
        gauge().await < 40 * MIB
    })
    .await;

    assert!(grown >= 60 * MIB, "{grown}");
    assert_eq!(sold.verdict(), (200, "completed".to_owned()));
}

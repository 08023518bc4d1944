//! Bodies that leave the journal are in the archive first, even if the server is killed at any
//! moment.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use malipo::config::RetentionConfig;
use malipo::jobs::retention::Retention;
use malipo::jobs::retention::archive;
use malipo::jobs::retention::archive::Archived;
use tempfile::TempDir;

use crate::harness::process::Process;
use crate::harness::{Kind, TestApp, TestDatabase};

on_both_databases! {
    a_kill_loses_nothing_between_journal_and_archive,
    a_body_that_cannot_be_archived_stays_in_the_journal,
}

const OLD: i64 = 4_000;
const LEFT: &str = "SELECT COUNT(*) FROM webhook_deliveries WHERE length(body) > 0";

/// As many old deliveries, over three days, each with a body of its own.
async fn fill(database: &TestDatabase, kind: Kind) {
    let (bytes, time) = match kind {
        Kind::Sqlite => ("CAST('body ' || n AS blob)", "text"),
        Kind::Postgres => ("convert_to('body ' || n, 'UTF8')", "timestamptz"),
    };
    database
        .execute(&format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {OLD}) \
             INSERT INTO webhook_deliveries (outcome, proof, source, received_at, processing_ms, body) \
             SELECT 'malformed', 'key', 'webhook', CAST('2020-01-0' || (1 + n / 1500) || 'T08:00:00+00:00' AS {time}), 1, {bytes} \
             FROM numbers"
        ))
        .await;
}

fn archived(folder: &Path) -> BTreeMap<i64, Archived> {
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let whole = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    whole
        .flat_map(|path| archive::read(&path).unwrap())
        .map(|delivery| (delivery.id, delivery))
        .collect()
}

async fn a_kill_loses_nothing_between_journal_and_archive(kind: Kind) {
    let app = TestApp::start(kind).await;
    let database = app.stop().await;
    fill(&database, kind).await;
    let folder = TempDir::new().unwrap();
    let archive_dir = folder.path().join("archive");
    let settings = [
        ("MALIPO__RETENTION__BODIES_DAYS", "30"),
        (
            "MALIPO__RETENTION__ARCHIVE_DIR",
            archive_dir.to_str().unwrap(),
        ),
    ];

    // Each process is killed soon after it has archived something new, wherever it is by then.
    for _ in 0..4 {
        let before = files_in(&archive_dir);
        let process = Process::serve(&database.url, &settings);
        let began = Instant::now();
        while files_in(&archive_dir) == before && database.count(LEFT).await > 0 {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "nothing is archived"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        process.kill();
        let left = database.count(LEFT).await;
        let safe = archived(&archive_dir).len() as i64;
        assert!(safe + left >= OLD, "{safe} archived and {left} left");
    }
    let process = Process::serve(&database.url, &settings);
    database.wait_for_count(LEFT, 0).await;
    process.kill();

    let archived = archived(&archive_dir);
    assert_eq!(archived.len() as i64, OLD);
    let mut bodies: Vec<_> = archived
        .values()
        .map(|it| it.body.clone().unwrap())
        .collect();
    bodies.sort();
    let mut expected: Vec<_> = (1..=OLD).map(|n| format!("body {n}")).collect();
    expected.sort();
    assert_eq!(bodies, expected);
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

async fn a_body_that_cannot_be_archived_stays_in_the_journal(kind: Kind) {
    let app = TestApp::start(kind).await;
    let database = app.stop().await;
    fill(&database, kind).await;
    // The folder cannot be created, because a file has its name.
    let folder = TempDir::new().unwrap();
    let in_the_way = folder.path().join("archive");
    fs::write(&in_the_way, "").unwrap();

    let app = TestApp::start_on(database, |_| {}).await;
    let config = RetentionConfig {
        bodies_days: 30,
        archive_dir: Some(in_the_way),
    };
    let retention = Retention::new(app.store_beside().await, &config);
    let round = retention.run_once(&mut 0).await;

    assert!(round.is_err());
    assert_eq!(app.database.count(LEFT).await, OLD);
}

//! Live mode and a sandbox on one database: one of them does not start, and none goes on beside the other.

use std::process::{Child, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::acts::sold;
use crate::attacks::adoption::LIVE;
use crate::command_line::{code, text};
use crate::harness::process::{Process, malipo, run};
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestDatabase, http_client};
use crate::reconciling::eventually;

on_both_databases! {
    a_sandbox_refuses_a_database_that_live_mode_has_served,
    a_database_of_an_earlier_version_is_live_if_it_has_a_real_payment,
    a_live_server_is_not_ready_once_a_sandbox_has_written_into_its_database,
}

/// The sessions that hold a claim.
const CLAIMS: &str = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' \
     AND classid = 1835101289 AND objid IN (1, 2) AND granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

const SANDBOX: [(&str, &str); 1] = [("MALIPO__SERVER__BIND", "127.0.0.1:0")];

fn on<'a>(database: &'a TestDatabase, settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [
        settings,
        &[("MALIPO__DATABASE__URL", database.url.as_str())][..],
    ]
    .concat()
}

async fn forget_live_mode(database: &TestDatabase) {
    assert_eq!(database.execute("DELETE FROM live_marks").await, 1);
}

async fn a_sandbox_refuses_a_database_that_live_mode_has_served(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    Process::serve(&database.url, &LIVE).kill();

    let refused = run(&["serve"], &on(&database, &SANDBOX));
    let drill = run(
        &["drill", "--database", &database.url, "--orders", "1"],
        &SANDBOX,
    );
    let checked = run(&["check", "--quick"], &on(&database, &SANDBOX));

    let printed = text(&refused.stderr);
    assert_eq!(code(&refused), Some(2), "{printed}");
    for part in ["`database.url`", "live mode has used this database since"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_ne!(code(&drill), Some(0), "{}", text(&drill.stdout));
    let printed = text(&checked.stdout);
    assert!(
        printed.contains("FAIL  database        is one of live mode"),
        "{printed}"
    );
    let rows = "SELECT COUNT(*) FROM payments";
    assert_eq!(database.count(rows).await, 0);
    // Live mode itself goes on.
    Process::serve(&database.url, &LIVE);
}

async fn a_database_of_an_earlier_version_is_live_if_it_has_a_real_payment(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let database = app.stop().await;
    let steps = migration::status(&database.url).await.unwrap();
    let before = (steps.iter()).position(|step| step.name.contains("live_marks"));
    let newer = u32::try_from(steps.len() - before.unwrap()).unwrap();
    let again = async || {
        migration::down(&database.url, Some(newer)).await.unwrap();
        migration::up(&database.url).await.unwrap();
        database.count("SELECT COUNT(*) FROM live_marks").await
    };

    assert_eq!(again().await, 0, "its only payment was simulated");
    let is_real = format!(
        "DELETE FROM sandbox_payments WHERE order_id = '{}'",
        order.id
    );
    assert_eq!(database.execute(&is_real).await, 1);
    assert_eq!(again().await, 1);

    let refused = run(&["serve"], &on(&database, &SANDBOX));
    assert_eq!(code(&refused), Some(2), "{}", text(&refused.stderr));
}

async fn a_live_server_is_not_ready_once_a_sandbox_has_written_into_its_database(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let process = Process::serve(&database.url, &LIVE);
    let ready = async || {
        let url = format!("{}/health/ready", process.base);
        let answer = http_client().get(url).send().await.unwrap();
        Answer::of(answer).await
    };
    assert_eq!(ready().await.status, 200);

    // As a sandbox of an earlier version writes one.
    let simulated = "INSERT INTO sandbox_payments (order_id, amount, buyer_phone, payment_status, behaviour, \
         created_at) VALUES ('1', 1, '0799999999', 'PENDING', '{}', '2026-11-30T00:00:00+00:00')";
    assert_eq!(database.execute(simulated).await, 1);

    eventually("it is not ready", async || ready().await.status == 503).await;
    let answer = ready().await;
    assert!(answer.text.contains("--adopt-sandbox"), "{}", answer.text);
    let metrics = http_client().get(format!("{}/metrics", process.base));
    let metrics = metrics.bearer_auth(TOKEN).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("malipo_simulated_payments 1"), "{metrics}");
}

#[actix_web::test]
async fn a_process_of_the_other_mode_does_not_start_beside_a_running_one() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let sandbox = Process::serve(&database.url, &[]);
    let refused = run(&["serve"], &on(&database, &LIVE));
    let adopted = run(&["serve", "--adopt-sandbox"], &on(&database, &LIVE));
    for output in [&refused, &adopted] {
        let printed = text(&output.stderr);
        assert_eq!(code(output), Some(1), "{printed}");
        assert!(printed.contains("a sandbox, whose vouchers"), "{printed}");
    }
    // A second one of the same mode may start.
    drop(Process::serve(&database.url, &[]));
    sandbox.kill();

    let live = Process::serve(&database.url, &LIVE);
    forget_live_mode(&database).await;
    let refused = run(&["serve"], &on(&database, &SANDBOX));
    let printed = text(&refused.stderr);
    assert_eq!(code(&refused), Some(1), "{printed}");
    assert!(printed.contains("a malipo in live mode uses"), "{printed}");
    drop(live);
}

/// Starts a server and does not wait for it.
fn begin(folder: &TempDir, settings: &[(&str, &str)]) -> Child {
    let mut command = malipo(folder.path(), settings);
    command.arg("serve").stdout(Stdio::null());
    command.stderr(Stdio::null()).spawn().unwrap()
}

#[actix_web::test]
async fn of_two_that_start_at_once_only_one_mode_goes_on() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let folder = TempDir::new().unwrap();
    let mut both = [&LIVE[..], &SANDBOX[..]].map(|mode| begin(&folder, &on(&database, mode)));

    let ended = |both: &mut [Child; 2]| {
        let ended = both.iter_mut().map(|it| it.try_wait().unwrap().is_some());
        ended.filter(|ended| *ended).count()
    };
    while ended(&mut both) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    database.wait_for_count(CLAIMS, 1).await;
    assert_eq!(ended(&mut both), 1, "the other goes on");
    for process in &mut both {
        // It may have ended already.
        let _ = process.kill();
        process.wait().unwrap();
    }
}

#[actix_web::test]
async fn a_frozen_sandbox_keeps_live_mode_from_starting_no_longer_than_its_claim_lasts() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let mut sandbox = Process::serve(&database.url, &[]);
    sandbox.signal("-STOP");

    let live = Process::serve(&database.url, &LIVE);

    sandbox.signal("-CONT");
    assert_eq!(sandbox.wait(), Some(1), "it must not go on");
    drop(live);
}

#[actix_web::test]
async fn a_claim_whose_connection_is_lost_is_taken_again_and_nothing_ends() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let mut process = Process::serve(&database.url, &LIVE);
    assert_eq!(database.count(CLAIMS).await, 1);
    let by = CLAIMS.replace(
        "COUNT(*)",
        "COUNT(pg_terminate_backend(pid)) * 0 + MAX(pid)",
    );
    let by = database.count(&by).await;

    let again = format!("{CLAIMS} AND pid <> {by}");
    database.wait_for_count(&again, 1).await;

    assert!(process.is_alive());
}

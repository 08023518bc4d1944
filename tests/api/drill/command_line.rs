//! `malipo drill`, as the shop's owner runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::process::{Process, malipo, run};
use crate::harness::{Kind, TOKEN, TestDatabase};

on_both_databases! {
    the_binary_drills_a_server_of_its_own_on_a_database_that_is_named,
}

async fn the_binary_drills_a_server_of_its_own_on_a_database_that_is_named(kind: Kind) {
    let database = TestDatabase::create(kind).await;

    let (output, json) = run_drill(&[
        "--orders",
        "8",
        "--copies",
        "3",
        "--database",
        &database.url,
    ]);

    let table = text(&output.stdout);
    assert_eq!(code(&output), Some(0), "{table}{}", text(&output.stderr));
    assert!(table.contains("sold exactly once"), "{table}");
    assert_eq!(json["passed"], true);
    assert_eq!(json["sales"]["made"], 8);
    assert_eq!(json["waiters"]["told"], 8);
    assert_eq!(json["violations"], serde_json::json!([]));
    assert!(
        json["latency_ms"]["waiter_told"]["median"].is_f64(),
        "{json}"
    );
    let sold = "SELECT COUNT(*) FROM payments WHERE status = 'COMPLETED'";
    assert_eq!(database.count(sold).await, 8);
}

#[actix_web::test]
async fn without_a_database_the_binary_drills_on_a_temporary_one_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();

    let output = malipo(
        folder.path(),
        &[("TMPDIR", folder.path().to_str().unwrap())],
    )
    .args(["drill", "--orders", "3"])
    .output()
    .unwrap();

    let table = text(&output.stdout);
    assert_eq!(code(&output), Some(0), "{table}{}", text(&output.stderr));
    assert!(table.contains("temporary SQLite"), "{table}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[actix_web::test]
async fn a_running_server_is_drilled_with_its_database_and_without() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let process = Process::serve(&database.url, &[]);
    let common = ["--url", &process.base, "--orders", "6"];

    let (outside, outside_json) = run_drill(&common);
    let (inside, inside_json) = run_drill(&[&common[..], &["--database", &database.url]].concat());

    for (output, json, checked_database) in
        [(outside, outside_json, false), (inside, inside_json, true)]
    {
        let table = text(&output.stdout);
        assert_eq!(code(&output), Some(0), "{table}{}", text(&output.stderr));
        assert_eq!(json["checked_database"], checked_database);
        assert_eq!(json["sales"]["made"], 6);
        assert_eq!(json["sales"]["counted_by_server"], 6);
    }
    let sold = "SELECT COUNT(*) FROM payments WHERE status = 'COMPLETED'";
    assert_eq!(database.count(sold).await, 12);
}

#[actix_web::test]
async fn the_token_is_read_from_standard_input_so_that_no_command_line_has_it() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let process = Process::serve(&database.url, &[]);
    // The output, and how many sales the server has counted, which only an operator may read.
    let drill = |token: &str, input: &str| {
        let folder = TempDir::new().unwrap();
        let arguments = ["--orders", "2", "--json", "result.json", "--token", token];
        let mut drill = malipo(folder.path(), &[])
            .args(["drill", "--url", &process.base])
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = drill.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = drill.wait_with_output().unwrap();
        let json = std::fs::read_to_string(folder.path().join("result.json"));
        let json: Value = serde_json::from_str(&json.unwrap_or_default()).unwrap_or_default();
        (output, json["sales"]["counted_by_server"].clone())
    };

    let (typed, counted) = drill("-", &format!("{TOKEN}\n"));
    let (_, not_counted) = drill("-", "wrong\n");
    let (nothing, _) = drill("-", "\n");
    let (shown, counted_too) = drill(TOKEN, "");

    assert_eq!(code(&typed), Some(0), "{}", text(&typed.stderr));
    assert_eq!([counted, counted_too], [2, 2]);
    assert_eq!(not_counted, Value::Null);
    assert!(!text(&typed.stderr).contains("--token"));
    assert_eq!(code(&nothing), Some(1));
    assert!(text(&nothing.stderr).contains("standard input has no token"));
    assert_eq!(code(&shown), Some(0));
    assert!(text(&shown.stderr).contains("use `--token -`"));
}

#[actix_web::test]
async fn a_loss_of_every_sms_is_reported_by_exit_code_table_and_json() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    database
        .execute(
            "CREATE TRIGGER thief AFTER INSERT ON sms_messages \
             BEGIN DELETE FROM sms_messages WHERE id = NEW.id; END",
        )
        .await;

    let (output, json) = run_drill(&[
        "--orders",
        "25",
        "--copies",
        "2",
        "--database",
        &database.url,
    ]);

    let table = text(&output.stdout);
    assert_eq!(code(&output), Some(1), "{table}{}", text(&output.stderr));
    assert!(table.contains("VIOLATED, 25 times"), "{table}");
    assert_eq!(table.matches("has no SMS.").count(), 20, "{table}");
    assert!(table.contains("and 5 more"), "{table}");
    assert_eq!(json["passed"], false);
    assert_eq!(json["sales"]["lost"], 25);
    let violations = json["violations"].as_array().unwrap();
    assert_eq!(violations.len(), 25);
    assert!(violations.iter().all(|it| it["code"] == "no_sms"), "{json}");
}

#[actix_web::test]
async fn a_live_server_is_refused_and_nothing_is_ordered_there() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let live = [
        ("MALIPO__ZENOPAY__MODE", "live"),
        ("MALIPO__ZENOPAY__API_KEY", "a-key"),
        ("MALIPO__ZENOPAY__BASE_URL", "http://127.0.0.1:1"),
        ("MALIPO__SERVER__PUBLIC_URL", "https://hotspot.example"),
    ];
    let process = Process::serve(&database.url, &live);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("malipo.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());

    let there = run(&["drill", "--url", &process.base], &[]);
    let here = run(&["drill", "--database", &url], &live);

    for refused in [there, here] {
        assert_eq!(code(&refused), Some(1));
        let printed = text(&refused.stderr);
        assert!(
            printed.contains("only against the sandbox") && printed.contains("live"),
            "{printed}"
        );
        assert_eq!(printed.trim().lines().count(), 1, "{printed}");
    }
    assert_eq!(database.count("SELECT COUNT(*) FROM payments").await, 0);
    assert!(!file.exists(), "the named database was opened");
}

#[actix_web::test]
async fn a_drill_that_cannot_run_is_refused_in_one_sentence() {
    let (served, other) = (
        TestDatabase::create(Kind::Sqlite).await,
        TestDatabase::create(Kind::Sqlite).await,
    );
    let process = Process::serve(&served.url, &[]);
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--url", "http://127.0.0.1:1"], 1, "does not answer"),
        (
            &["--url", &process.base, "--database", &other.url],
            1,
            "--database is not",
        ),
        (
            &["--database", "mysql://localhost/malipo"],
            2,
            "database.url",
        ),
    ];
    for (arguments, exit_code, sentence) in cases {
        let output = run(&[&["drill"], *arguments].concat(), &[]);

        let printed = text(&output.stderr);
        assert_eq!(code(&output), Some(*exit_code), "{arguments:?}: {printed}");
        assert!(printed.contains(sentence), "{arguments:?}: {printed}");
        assert_eq!(
            printed.trim().lines().count(),
            1,
            "{arguments:?}: {printed}"
        );
    }
    for usage in [
        ["--orders", "0"],
        ["--copies", "many"],
        ["--url", "ftp://x"],
        ["--token", "T"],
    ] {
        assert_eq!(
            code(&run(&[&["drill"][..], &usage].concat(), &[])),
            Some(2),
            "{usage:?}"
        );
    }
}

#[actix_web::test]
async fn a_drill_that_is_interrupted_says_so_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let mut drill = malipo(path, &[("TMPDIR", path.to_str().unwrap())])
        .args(["drill", "--orders", "100000"])
        .spawn()
        .unwrap();
    let files = || std::fs::read_dir(path).unwrap().count();
    for _ in 0..1_000 {
        if files() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let sent = Command::new("kill")
        .args(["-INT", &drill.id().to_string()])
        .status();
    let ended = drill.wait().unwrap();

    assert!(sent.unwrap().success());
    assert_eq!(ended.code(), Some(1));
    assert_eq!(files(), 0);
}

/// Runs the binary's drill with JSON output.
fn run_drill(arguments: &[&str]) -> (Output, Value) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("result.json");
    let to_json = ["drill", "--json", file.to_str().unwrap()];
    let token = [("MALIPO_DRILL_TOKEN", TOKEN)];
    let output = run(&[&to_json[..], arguments].concat(), &token);
    let json = std::fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("no JSON: {}", text(&output.stderr)));
    (output, serde_json::from_str(&json).unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

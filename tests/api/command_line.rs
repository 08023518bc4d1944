//! The command line, as an operator uses it at the terminal.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::process::{Process, malipo, run};
use crate::harness::{Kind, TestDatabase, http_client};

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[actix_web::test]
async fn a_server_that_may_not_migrate_does_not_serve_without_its_schema() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/malipo.db?mode=rwc", folder.path().display());
    let settings = [
        ("MALIPO__DATABASE__URL", url.as_str()),
        ("MALIPO__DATABASE__AUTO_MIGRATE", "false"),
        ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
    ];

    let output = run(&["serve"], &settings);

    let printed = text(&output.stderr);
    assert_eq!(code(&output), Some(1), "{printed}");
    assert!(printed.contains("malipo migrate"), "{printed}");
}

/// As in `malipo config | head`, whose reader ends before the command.
#[test]
fn a_command_whose_reader_has_read_enough_ends_quietly() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/malipo.db?mode=rwc", folder.path().display());
    let settings = [("MALIPO__DATABASE__URL", url.as_str())];
    assert_eq!(code(&run(&["migrate"], &settings)), Some(0));
    for arguments in [
        &["config"][..],
        &["check"],
        &["check", "--json"],
        &["migrate", "status"],
        &["nas", "list"],
    ] {
        let mut command = malipo(folder.path(), &settings);
        let mut child = command.args(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();

        let said = text(&output.stderr);
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(code(&output), Some(0), "{arguments:?}");
    }
}

#[actix_web::test]
async fn the_schema_goes_up_and_down_and_says_where_it_stands() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let database = TestDatabase::create(kind).await;
        let settings = [("MALIPO__DATABASE__URL", database.url.as_str())];
        let migrate = |to| run(&["migrate", to], &settings);

        assert!(
            text(&migrate("status").stdout)
                .lines()
                .all(|line| line.starts_with("applied"))
        );
        assert_eq!(code(&migrate("down")), Some(0));
        assert!(
            text(&migrate("status").stdout)
                .lines()
                .all(|line| line.starts_with("pending"))
        );
        assert_eq!(code(&migrate("up")), Some(0));
        assert!(text(&migrate("up").stdout).starts_with("0 migrations"));
    }
}

#[actix_web::test]
async fn malipo_check_passes_a_healthy_server_and_names_what_is_wrong() {
    let database = TestDatabase::create(Kind::Postgres).await;
    let healthy = run(&["check"], &[("MALIPO__DATABASE__URL", &database.url)]);
    let broken = run(
        &["check"],
        &[
            ("MALIPO__DATABASE__URL", "postgres://127.0.0.1:1/nowhere"),
            ("MALIPO__ZENOPAY__MODE", "live"),
            ("MALIPO__ZENOPAY__API_KEY", "a-key"),
            ("MALIPO__ZENOPAY__BASE_URL", "http://127.0.0.1:1"),
            ("MALIPO__SERVER__PUBLIC_URL", "https://hotspot.example"),
        ],
    );

    let lines = text(&healthy.stdout);
    assert_eq!(code(&healthy), Some(0), "{lines}");
    for what in ["config", "database", "clock", "zenopay"] {
        assert!(lines.contains(&format!("ok    {what}")), "{lines}");
    }
    let lines = text(&broken.stdout);
    assert_eq!(code(&broken), Some(1), "{lines}");
    assert!(
        lines.contains("FAIL  database") && lines.contains("FAIL  zenopay"),
        "{lines}"
    );
}

#[actix_web::test]
async fn a_second_server_on_one_sqlite_file_refuses_to_start() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let _first = Process::serve(&database.url, &[]);

    let second = run(
        &["serve"],
        &[
            ("MALIPO__DATABASE__URL", database.url.as_str()),
            ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
        ],
    );

    let printed = text(&second.stderr);
    assert_eq!(code(&second), Some(1), "{printed}");
    assert!(
        printed.contains("database.url") && printed.contains("another malipo"),
        "{printed}"
    );
}

#[actix_web::test]
async fn both_signals_stop_the_server_gracefully() {
    for signal in ["-TERM", "-INT"] {
        let database = TestDatabase::create(Kind::Sqlite).await;
        let mut process = Process::serve(&database.url, &[]);

        process.signal(signal);

        assert_eq!(process.wait(), Some(0), "{signal}");
    }
}

#[actix_web::test]
async fn the_sandbox_prints_where_to_look_and_an_admin_token_once() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let process = Process::serve(&database.url, &[("MALIPO__OPERATOR__TOKEN", "")]);
    let greeting = process.greeting.concat();

    let token = greeting
        .lines()
        .find_map(|line| line.split("shown once: ").nth(1))
        .unwrap();
    let url = format!("{}/api/v1/operator/actors", process.base);
    let as_operator = http_client()
        .get(&url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();

    assert!(
        greeting.contains("/docs") && greeting.contains("sandbox"),
        "{greeting}"
    );
    assert_eq!(as_operator.status(), 200);
}

/// The commands of the README's first screen, verbatim except for the port.
#[actix_web::test]
async fn the_readme_s_two_commands_buy_and_bring_the_voucher() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let block = readme
        .split("```sh\nORDER=")
        .nth(1)
        .expect("the block that buys");
    let script = format!("ORDER={}", block.split("```").next().unwrap());
    let database = TestDatabase::create(Kind::Sqlite).await;
    // As shipped: the simulated subscriber approves by itself.
    let process = Process::serve(
        &database.url,
        &[("MALIPO__SANDBOX__APPROVE_AFTER_MS", "3000")],
    );

    let script = script.replace("http://127.0.0.1:8080", &process.base);
    let output = Command::new("bash")
        .args(["-euc", &script])
        .output()
        .unwrap();

    let answer = text(&output.stdout);
    let document: serde_json::Value = serde_json::from_str(answer.trim())
        .unwrap_or_else(|_| panic!("{answer}{}", text(&output.stderr)));
    assert_eq!(document["payment_status"], "COMPLETED", "{document}");
    assert_eq!(
        document["voucher_code"].as_str().map(str::len),
        Some(8),
        "{document}"
    );
}

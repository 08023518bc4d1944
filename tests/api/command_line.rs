//! What the person at the terminal sees.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::process::{Process, malipo, run};
use crate::harness::{Kind, TestDatabase, http_client};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Variable, value, and the key that the complaint must name.
const WRONG: &[(&str, &str, &str)] = &[
    ("MALIPO__SERVER__BIND", "nonsense", "server.bind"),
    ("MALIPO__SERVER__BIND", "0.0.0.0:0", "server.bind"),
    (
        "MALIPO__SERVER__PUBLIC_URL",
        "https://hotspot.example",
        "server.public_url",
    ),
    (
        "MALIPO__SERVER__PUBLIC_URL",
        "not a url",
        "server.public_url",
    ),
    (
        "MALIPO__SERVER__TIMEZONE",
        "Mars/Olympus",
        "server.timezone",
    ),
    (
        "MALIPO__SERVER__TRUSTED_PROXIES",
        "10.0.0.1,everybody",
        "server.trusted_proxies",
    ),
    (
        "MALIPO__DATABASE__URL",
        "mysql://localhost/malipo",
        "database.url",
    ),
    ("MALIPO__DATABASE__URL", "sqlite::memory:", "database.url"),
    (
        "MALIPO__PORTAL__ALLOWED_ORIGINS",
        "*",
        "portal.allowed_origins",
    ),
    (
        "MALIPO__PORTAL__ALLOWED_ORIGINS",
        "https://a.example,nonsense",
        "portal.allowed_origins",
    ),
    (
        "MALIPO__DATABASE__URL",
        "postgres://host:notaport/x",
        "database.url",
    ),
    ("MALIPO__DATABASE__URL", "sqlite://", "database.url"),
    ("MALIPO__ZENOPAY__MODE", "maybe", "zenopay.mode"),
    ("MALIPO__ZENOPAY__MODE", "live", "zenopay.api_key"),
    ("MALIPO__ZENOPAY__CONFIRM", "sometimes", "zenopay.confirm"),
    ("MALIPO__ZENOPAY__ASKS_PER_SEC", "0", "zenopay.asks_per_sec"),
    (
        "MALIPO__ORDERS__EXPIRE_AFTER_SECS",
        "-1",
        "orders.expire_after_secs",
    ),
    (
        "MALIPO__ACTORS__MAILBOX_CAPACITY",
        "many",
        "actors.mailbox_capacity",
    ),
    ("MALIPO__OPERATOR__TOKEN", "short", "operator.token"),
    ("MALIPO__SMS__PROVIDER", "pigeon", "sms.provider"),
    ("MALIPO__PORTAL__COLOUR", "red", "portal"),
    ("MALIPO__TYPO__KEY", "x", "typo"),
];

#[test]
fn a_wrong_configuration_is_told_in_one_sentence_that_names_the_key() {
    for (name, value, key) in WRONG {
        let output = run(&["check"], &[(name, value)]);

        let told = text(&output.stderr);
        assert_eq!(code(&output), Some(2), "{name}={value}: {told}");
        assert!(told.contains(key), "{name}={value}: {told}");
        assert_eq!(told.trim().lines().count(), 1, "{name}={value}: {told}");
    }
}

#[test]
fn a_key_that_does_not_exist_is_an_error_in_the_file_too() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("config.toml"),
        "[zenopay]\napi_kee = \"x\"\n",
    )
    .unwrap();

    let output = malipo(folder.path(), &[]).arg("check").output().unwrap();

    let told = text(&output.stderr);
    assert_eq!(code(&output), Some(2), "{told}");
    assert!(
        told.contains("zenopay") && told.contains("api_kee"),
        "{told}"
    );
}

#[test]
fn a_configuration_file_that_is_not_there_is_told_when_it_was_named() {
    let output = run(&["check", "--config", "nowhere.toml"], &[]);

    assert_eq!(code(&output), Some(2));
    assert!(
        text(&output.stderr).contains("nowhere.toml"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn secrets_are_never_printed() {
    let settings = [
        ("MALIPO__ZENOPAY__API_KEY", "hush-hush-key"),
        (
            "MALIPO__DATABASE__URL",
            "postgres://malipo:hush-hush-password@127.0.0.1:1/malipo",
        ),
        ("MALIPO__LOG__FILTER", "trace"),
    ];
    let output = run(&["check"], &settings);

    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(code(&output), Some(1), "{all}");
    assert!(all.contains("FAIL  database"), "{all}");
    assert!(!all.contains("hush-hush"), "{all}");
}

#[test]
fn a_complaint_about_the_file_does_not_show_what_is_in_it() {
    for broken in [
        "[zenopay]\napi_key = \"hush-hush-key\n",
        "[server]\npublic_url = \"https://user:hush-hush@x y\"\n",
        "[zenopay]\ncreate_timeout_ms = \"hush-hush\"\n",
    ] {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("config.toml"), broken).unwrap();

        let output = malipo(folder.path(), &[]).arg("check").output().unwrap();

        let told = text(&output.stderr);
        assert_eq!(code(&output), Some(2), "{told}");
        assert!(!told.contains("hush-hush"), "{told}");
        assert_eq!(told.trim().lines().count(), 1, "{told}");
    }
}

/// A token of digits alone is a text: its zeros count, and it is no number.
#[actix_web::test]
async fn a_token_of_digits_from_the_environment_is_taken_to_the_letter() {
    for token in [
        "00001234567890123456",
        "12345678901234567890",
        "1234567890123456e5",
    ] {
        let database = TestDatabase::create(Kind::Sqlite).await;
        let process = Process::serve(&database.url, &[("MALIPO__OPERATOR__TOKEN", token)]);

        let url = format!("{}/api/v1/operator/actors", process.base);
        let answer = http_client()
            .get(&url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();

        assert_eq!(answer.status(), 200, "{token}");
    }
}

#[actix_web::test]
async fn a_server_that_may_not_migrate_does_not_serve_without_its_schema() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/books.db?mode=rwc", folder.path().display());
    let settings = [
        ("MALIPO__DATABASE__URL", url.as_str()),
        ("MALIPO__DATABASE__AUTO_MIGRATE", "false"),
        ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
    ];

    let output = run(&["serve"], &settings);

    let told = text(&output.stderr);
    assert_eq!(code(&output), Some(1), "{told}");
    assert!(told.contains("malipo migrate"), "{told}");
}

#[test]
fn the_shipped_configuration_is_the_built_in_one_and_names_every_key() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");
    let read = malipo::config::Config::read(Some(shipped.as_ref())).unwrap();
    let text = std::fs::read_to_string(shipped).unwrap();

    let built_in = malipo::config::Config::default();
    assert_eq!(format!("{read:#?}"), format!("{built_in:#?}"));
    assert_eq!(read.database.url, built_in.database.url);
    // `Debug` shows every field, and so every key.
    for line in format!("{built_in:#?}").lines() {
        let Some((key, _)) = line
            .strip_prefix("        ")
            .and_then(|field| field.split_once(": "))
        else {
            continue;
        };
        if key.starts_with(' ') || key.contains(['"', '(']) {
            continue;
        }
        let set = text.lines().any(|line| {
            line.trim_start_matches("# ")
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(" = "))
        });
        assert!(set, "config.toml does not name {key}");
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
async fn the_doctor_finds_a_healthy_server_healthy_and_says_what_is_not() {
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

    let told = text(&second.stderr);
    assert_eq!(code(&second), Some(1), "{told}");
    assert!(
        told.contains("database.url") && told.contains("another malipo"),
        "{told}"
    );
}

#[actix_web::test]
async fn both_signals_stop_the_server_in_good_order() {
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

/// The commands of the README's first screen, word for word but for the port.
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

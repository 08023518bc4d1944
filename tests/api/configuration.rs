//! Reading the configuration from the file and the environment, and reporting mistakes in it.

use tempfile::TempDir;

use crate::command_line::{code, text};
use crate::harness::process::{Process, malipo, run};
use crate::harness::{Kind, TestDatabase, http_client};

/// Variable, value, and the key that the error message must name.
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
        "MALIPO__SERVER__TRUSTED_PROXIES",
        "10.0.0.0/33",
        "server.trusted_proxies",
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
    ("MALIPO__SMS__PROVIDER", "pigeon", "sms.provider"),
    ("MALIPO__PORTAL__COLOUR", "red", "portal"),
    ("MALIPO__TYPO__KEY", "x", "typo"),
];

#[test]
fn a_wrong_configuration_is_reported_in_one_sentence_that_names_the_key() {
    for (name, value, key) in WRONG {
        let output = run(&["check"], &[(name, value)]);

        let printed = text(&output.stderr);
        assert_eq!(code(&output), Some(2), "{name}={value}: {printed}");
        assert!(printed.contains(key), "{name}={value}: {printed}");
        assert_eq!(
            printed.trim().lines().count(),
            1,
            "{name}={value}: {printed}"
        );
    }
}

/// What live mode refuses: the variable, its value, and the key that the error names.
const WRONG_IN_LIVE: &[(&str, &str, &str)] = &[
    (
        "SERVER__PUBLIC_URL",
        "http://wifi.example",
        "server.public_url",
    ),
    (
        "SERVER__PUBLIC_URL",
        "https://localhost",
        "server.public_url",
    ),
    (
        "SERVER__PUBLIC_URL",
        "https://127.0.0.2:8443",
        "server.public_url",
    ),
    ("SERVER__PUBLIC_URL", "https://[::1]", "server.public_url"),
    (
        "SERVER__PUBLIC_URL",
        "https://192.168.88.1",
        "server.public_url",
    ),
    (
        "SERVER__PUBLIC_URL",
        "https://portal.lan",
        "server.public_url",
    ),
    (
        "SERVER__PUBLIC_URL",
        "https://u:p@wifi.example",
        "server.public_url",
    ),
    (
        "ZENOPAY__BASE_URL",
        "http://zenoapi.com",
        "zenopay.base_url",
    ),
    (
        "ZENOPAY__BASE_URL",
        "https://u:p@zenoapi.com",
        "zenopay.base_url",
    ),
    (
        "ZENOPAY__BASE_URL",
        "https://user@zenoapi.com",
        "zenopay.base_url",
    ),
    ("SMS__BASE_URL", "http://messaging.example", "sms.base_url"),
    (
        "SMS__BASE_URL",
        "https://u:p@messaging.example",
        "sms.base_url",
    ),
    (
        "PORTAL__ALLOWED_ORIGINS",
        "https://a.example,http://b.example",
        "portal.allowed_origins",
    ),
];

#[test]
fn live_mode_starts_with_no_url_that_sends_secrets_in_clear_or_that_nobody_reaches() {
    let live = [
        ("MALIPO__ZENOPAY__MODE", "live"),
        ("MALIPO__ZENOPAY__API_KEY", "a-key-of-live-mode"),
        ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.example"),
        ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
    ];
    for (name, value, key) in WRONG_IN_LIVE {
        let name = format!("MALIPO__{name}");
        let usual = live.iter().filter(|(other, _)| *other != name);
        let settings: Vec<_> = usual.copied().chain([(name.as_str(), *value)]).collect();

        let output = run(&["serve"], &settings);

        let printed = text(&output.stderr);
        assert_eq!(code(&output), Some(2), "{name}={value}: {printed}");
        assert!(
            printed.contains(&format!("`{key}`")),
            "{name}={value}: {printed}"
        );
        assert!(!printed.contains("u:p@"), "{printed}");
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

    let printed = text(&output.stderr);
    assert_eq!(code(&output), Some(2), "{printed}");
    assert!(
        printed.contains("zenopay") && printed.contains("api_kee"),
        "{printed}"
    );
}

#[test]
fn a_missing_configuration_file_is_reported_when_it_was_named() {
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
fn an_error_in_the_file_does_not_show_its_contents() {
    for broken in [
        "[zenopay]\napi_key = \"hush-hush-key\n",
        "[server]\npublic_url = \"https://user:hush-hush@x y\"\n",
        "[zenopay]\ncreate_timeout_ms = \"hush-hush\"\n",
    ] {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("config.toml"), broken).unwrap();

        let output = malipo(folder.path(), &[]).arg("check").output().unwrap();

        let printed = text(&output.stderr);
        assert_eq!(code(&output), Some(2), "{printed}");
        assert!(!printed.contains("hush-hush"), "{printed}");
        assert_eq!(printed.trim().lines().count(), 1, "{printed}");
    }
}

/// A token of digits only is text: its zeros count, and it is not read as a number.
#[actix_web::test]
async fn a_token_of_digits_from_the_environment_is_kept_as_text() {
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

#[test]
fn the_shipped_configuration_is_the_built_in_one_and_names_every_key() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");
    let read = malipo::config::Config::read(Some(shipped.as_ref())).unwrap();
    let text = std::fs::read_to_string(shipped).unwrap();

    let built_in = malipo::config::Config::default();
    assert_eq!(format!("{read:#?}"), format!("{built_in:#?}"));
    assert_eq!(read.database.url, built_in.database.url);
    for key in malipo::config::Config::keys() {
        let (_, name) = key.split_once('.').unwrap();
        let set = text.lines().any(|line| {
            line.trim_start_matches("# ")
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(" = "))
        });
        assert!(set, "config.toml does not name {key}");
    }
}

/// A compose file passes every variable on, including those that its owner has left empty.
#[actix_web::test]
async fn a_server_whose_optional_keys_are_all_empty_starts() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let keys = malipo::config::Config::keys();
    let names: Vec<String> = keys
        .iter()
        .filter(|key| !["database.url", "server.bind"].contains(&key.as_str()))
        .map(|key| format!("MALIPO__{}", key.to_uppercase().replace('.', "__")))
        .collect();
    let empty: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();

    let process = Process::serve(&database.url, &empty);

    let ready = http_client()
        .get(format!("{}/health/ready", process.base))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
}

/// An editor leaves a line break at the end of a file, and a person may add a blank.
#[actix_web::test]
async fn a_key_with_white_space_around_it_is_the_key_that_zenopay_sends_back() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let process = Process::serve(
        &database.url,
        &[("MALIPO__ZENOPAY__API_KEY", " the-very-key\r\n")],
    );

    let answer = http_client()
        .post(format!(
            "{}/api/v1/customer-portal/webhook/zenopay",
            process.base
        ))
        .header("x-api-key", "the-very-key")
        .json(&serde_json::json!({
            "order_id": "3c7a1c1e-6a53-4b0e-8f3e-2b1f6f5b6a01",
            "payment_status": "COMPLETED",
        }))
        .send()
        .await
        .unwrap();

    // The key was accepted, although there is no such order.
    assert_eq!(answer.status(), 404);
}

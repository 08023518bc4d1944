//! A configuration that is refused, and `malipo config`.

use std::fs;

use tempfile::TempDir;

use super::{check, check_with};
use crate::command_line::{code, text};
use crate::harness::process::{malipo, run};

#[test]
fn a_configuration_that_serve_refuses_is_a_failed_row_and_exit_2() {
    for (settings, key) in [
        (vec![("MALIPO__ZENOPAY__MODE", "hush")], "zenopay.mode"),
        (
            vec![("MALIPO_ZENOPAY_MODE", "live")],
            "MALIPO__ZENOPAY__MODE",
        ),
        (
            vec![("MALIPO__ZENOPAY__API_KEY", "hu\nsh")],
            "zenopay.api_key",
        ),
        (
            vec![
                ("MALIPO__ZENOPAY__MODE", "live"),
                ("MALIPO__ZENOPAY__API_KEY", "a-key"),
                ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.example"),
                ("MALIPO__ZENOPAY__BASE_URL", "http://zenopay.example"),
            ],
            "zenopay.base_url",
        ),
        (
            vec![
                ("MALIPO__ZENOPAY__MODE", "live"),
                ("MALIPO__ZENOPAY__API_KEY", "a-key"),
                ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.example"),
                ("MALIPO__SERVER__TLS_CERT", "/nowhere.pem"),
                ("MALIPO__SERVER__TLS_KEY", "/nowhere.pem"),
            ],
            "server.tls_cert",
        ),
    ] {
        let checked = check_with(&[], &settings);

        checked.assert("config", "failed", key);
        assert_eq!(checked.rows.len(), 1, "{}", checked.printed);
        assert_eq!(checked.code, Some(2), "{}", checked.printed);
        assert!(!checked.printed.contains("hush"), "{}", checked.printed);
        let serve = run(&["serve"], &settings);
        assert_eq!(code(&serve), Some(2), "{}", text(&serve.stderr));
    }
}

#[test]
fn malipo_config_says_what_is_in_force_and_where_it_comes_from() {
    let folder = TempDir::new().unwrap();
    let file = "[portal]\nbrand = \"Mama Asha\"\nsupport_phone = \"\"\n[zenopay]\nconfirm = \"always\"\n\
                api_key = \"hush-in-the-file\"\n[sms]\nbase_url = \"https://me:hush@sms.example/\"\n";
    fs::write(folder.path().join("config.toml"), file).unwrap();
    let settings = [
        ("MALIPO__ZENOPAY__CONFIRM", "never"),
        ("MALIPO__PORTAL__LOGIN_HOSTS", "10.5.50.1, wifi.example"),
        ("MALIPO__PORTAL__WAITERS_MAX", ""),
        (
            "MALIPO__DATABASE__URL",
            "postgres://me:hush@db.example/shop?password=hush",
        ),
        ("MALIPO__OPERATOR__TOKEN", "hush-hush-hush-token"),
    ];

    let output = malipo(folder.path(), &settings)
        .arg("config")
        .output()
        .unwrap();

    let printed = text(&output.stdout);
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    for (value, origin) in [
        ("bind = \"127.0.0.1:8080\"", "default"),
        ("# public_url is not set", "default"),
        ("brand = \"Mama Asha\"", "config.toml"),
        ("# support_phone is not set", "default"),
        ("confirm = \"never\"", "MALIPO__ZENOPAY__CONFIRM"),
        ("# waiters_max is not set", "default"),
        (
            "login_hosts = [\"10.5.50.1\", \"wifi.example\"]",
            "MALIPO__PORTAL__LOGIN_HOSTS",
        ),
        ("api_key = \"(hidden)\"", "config.toml"),
        ("token = \"(hidden)\"", "MALIPO__OPERATOR__TOKEN"),
        (
            "url = \"postgres://me:hidden@db.example/shop\"",
            "MALIPO__DATABASE__URL",
        ),
        (
            "base_url = \"https://me:hidden@sms.example/\"",
            "config.toml",
        ),
    ] {
        let line = printed.lines().find(|line| {
            let (shown, from) = line.rsplit_once(" # ").unwrap_or_default();
            shown.trim_end() == value && from == origin
        });
        assert!(line.is_some(), "{value} from {origin}: {printed}");
    }
    assert!(!printed.contains("hush"), "{printed}");
    let read: toml::Table = printed.parse().unwrap();
    assert_eq!(read["portal"]["brand"].as_str(), Some("Mama Asha"));
    for key in malipo::config::Config::keys() {
        let (_, name) = key.split_once('.').unwrap();
        assert!(printed.contains(name), "{key}");
    }
}

#[test]
fn malipo_config_refuses_what_serve_refuses() {
    let refused = run(&["config"], &[("MALIPO__ZENOPAY__MODE", "hush")]);

    assert_eq!(code(&refused), Some(2));
    assert!(text(&refused.stderr).contains("`zenopay.mode`"));
}

/// Without `--json` a line each, with what to do.
#[test]
fn each_finding_is_a_line_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/shop.db?mode=rwc", folder.path().display());

    let settings = [("MALIPO__DATABASE__URL", url.as_str())];
    assert_eq!(code(&run(&["migrate"], &settings)), Some(0));

    let output = run(&["check"], &settings);

    let printed = text(&output.stdout);
    assert_eq!(code(&output), Some(0), "{printed}");
    for line in printed.lines() {
        let word = line.split(' ').next().unwrap();
        assert!(["ok", "warn", "FAIL", "skip"].contains(&word), "{line}");
    }
    let line = printed
        .lines()
        .find(|line| line.starts_with("skip  webhook"));
    assert!(line.unwrap().contains("no server runs"), "{printed}");
}

/// As with a wrong `database.url`, or without the server's own settings.
#[test]
fn a_database_that_does_not_exist_is_found_and_not_made() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("misspelt.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());

    let checked = check(&[("MALIPO__DATABASE__URL", &url)]);

    checked.assert("database", "failed", "does not exist");
    assert_eq!(checked.code, Some(1));
    assert!(!file.exists());
}

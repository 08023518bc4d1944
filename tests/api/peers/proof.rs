//! No webhook is believed without proof.

use std::fs;

use malipo::config::{Config, ConfigError};
use tempfile::TempDir;

use crate::harness::{Answer, KEY, Kind, SaleCounts, TestApp, body_of};

on_both_databases! {
    without_a_key_no_webhook_is_believed,
}

async fn without_a_key_no_webhook_is_believed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let body = || body_of(&order.id, "COMPLETED");
    let half_of_it = order.webhook_url[..order.webhook_url.len() - 1].to_owned();

    for (case, url, key) in [
        ("no key", app.portal("/webhook/zenopay"), None),
        ("an empty key", app.portal("/webhook/zenopay"), Some("")),
        ("a wrong key", app.portal("/webhook/zenopay"), Some("wrong")),
        (
            "a longer key",
            app.portal("/webhook/zenopay"),
            Some("sandbox-key2"),
        ),
        (
            "the token of another order",
            other.webhook_url.clone(),
            None,
        ),
        ("half a token", half_of_it, None),
        (
            "no token",
            app.portal(&format!("/webhook/zenopay/{}.", order.id)),
            None,
        ),
        (
            "our token, and a wrong key",
            order.webhook_url.clone(),
            Some("wrong"),
        ),
        (
            "the right key, and a wrong token",
            other.webhook_url.clone(),
            Some(KEY),
        ),
    ] {
        let mut post = app.http.post(url).body(body());
        if let Some(key) = key {
            post = post.header("x-api-key", key);
        }
        let answer = Answer::of(post.send().await.unwrap()).await;

        let refused = (401, "webhook_not_authentic".to_owned());
        assert_eq!(answer.verdict(), refused, "{case}");
    }

    assert_eq!(app.status(&order).await["payment_status"], "PENDING");
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
    let journalled = "SELECT COUNT(*) FROM webhook_deliveries";
    assert_eq!(app.database.count(journalled).await, 0);
}

/// Parses a `config.toml` with this text.
fn read(toml: &str) -> Result<Config, ConfigError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, toml).unwrap();
    Config::read(Some(&path))
}

#[test]
fn without_a_key_live_mode_does_not_start() {
    let live = |zenopay: &str| {
        format!(
            "[server]\npublic_url = \"https://wifi.example\"\n[zenopay]\nmode = \"live\"\n{zenopay}"
        )
    };

    for none in ["", "api_key = \"\"", "api_key = \"  \""] {
        let refusal = read(&live(none)).unwrap_err().to_string();
        assert!(
            refusal.contains("`zenopay.api_key`"),
            "{none:?}: {refusal:?}"
        );
    }
    let config = read(&live("api_key = \"a-real-key\"")).unwrap();

    assert!(!format!("{config:?}").contains("a-real-key"));
}

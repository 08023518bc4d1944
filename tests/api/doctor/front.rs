//! The running server, its public address and its key.

use std::iter;
use std::net::TcpListener;

use super::{Shop, check};
use crate::harness::front_proxy::answering;
use crate::harness::{Answer, KEY, Kind, TestApp, TestDatabase, http_client};

on_both_databases! {
    a_healthy_server_passes_and_nothing_is_left_behind,
    a_key_with_a_typo_is_found,
    another_servers_public_address_is_found,
    a_nonce_is_looked_up_only_in_a_place_of_strangers,
}

const LIVE: [(&str, &str); 3] = [
    ("MALIPO__ZENOPAY__MODE", "live"),
    ("MALIPO__ZENOPAY__API_KEY", KEY),
    ("MALIPO__ZENOPAY__BASE_URL", "http://127.0.0.1:1"),
];

const PUBLIC: (&str, &str) = ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.invalid");

async fn a_healthy_server_passes_and_nothing_is_left_behind(kind: Kind) {
    let shop = Shop::open(kind).await;
    let url = shop.process.base.as_str();

    let checked = check(&shop.settings(&[("MALIPO__SERVER__PUBLIC_URL", url)]));

    for name in [
        "config",
        "secrets",
        "files",
        "database",
        "clock",
        "outbox",
        "zenopay",
        "server",
        "public_url",
        "webhook",
        "webhook_path",
        "trusted_proxies",
        "forwarded_for",
        "sms",
    ] {
        assert_eq!(checked.status(name), "ok", "{}", checked.printed);
    }
    assert_eq!(checked.code, Some(0), "{}", checked.printed);
    for table in ["webhook_deliveries", "payments", "radcheck", "doctor_calls"] {
        let rows = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(shop.database.count(&rows).await, 0, "{table}");
    }
    let metrics = http_client().get(format!("{url}/metrics")).send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("malipo_webhooks_total{outcome=\"unknown_order\"} 0"),
        "{metrics}"
    );
}

async fn a_key_with_a_typo_is_found(kind: Kind) {
    let shop = Shop::open_with(kind, &[("MALIPO__ZENOPAY__API_KEY", "the-right-key")]).await;
    let with_key = |key| check(&shop.settings(&[("MALIPO__ZENOPAY__API_KEY", key)]));

    let right = with_key("the-right-key");
    let wrong = with_key("the-rihgt-key");

    right.assert("webhook", "ok", "accepts zenopay.api_key");
    wrong.assert("webhook", "failed", "refuses zenopay.api_key");
    assert_eq!(wrong.code, Some(1));
    assert!(!wrong.printed.contains("rihgt"), "{}", wrong.printed);
}

/// A flood of invented nonces reads the database no more often than a flood of webhooks without proof.
async fn a_nonce_is_looked_up_only_in_a_place_of_strangers(kind: Kind) {
    let app = TestApp::start(kind).await;
    let store = app.store_beside().await;
    let nonce = uuid::Uuid::new_v4().to_string();
    store.announce_call(&nonce).await.unwrap();
    let deliver = async || {
        let request = app.unproven("{").header("x-api-key", KEY);
        let request = request.header("malipo-check", &nonce);
        Answer::of(request.send().await.unwrap()).await.verdict()
    };
    let recognised = (404, "order_not_found".to_owned());

    assert_eq!(deliver().await, recognised);
    let places: Vec<_> = iter::from_fn(|| app.app.api.orders.enter_unverified()).collect();
    let without_place = deliver().await;
    drop(places);

    assert_eq!(without_place, (400, "malformed_webhook".to_owned()));
    assert_eq!(deliver().await, recognised);
    store.close().await;
}

#[actix_web::test]
async fn a_key_that_zenopay_does_not_know_is_found() {
    let shop = Shop::open(Kind::Sqlite).await;
    let base = answering(401);
    let more = [("MALIPO__ZENOPAY__BASE_URL", base.as_str())];

    let checked = check(&shop.settings(&[&LIVE[..2], &more[..], &[PUBLIC][..]].concat()));

    checked.assert("zenopay", "failed", "refuses zenopay.api_key");
    assert!(!checked.printed.contains(KEY), "{}", checked.printed);
}

async fn another_servers_public_address_is_found(kind: Kind) {
    let (ours, other) = (Shop::open(kind).await, Shop::open(kind).await);
    let url = other.process.base.as_str();

    let checked = check(&ours.settings(&[("MALIPO__SERVER__PUBLIC_URL", url)]));

    checked.assert("public_url", "failed", "another server answers");
    assert_eq!(checked.code, Some(1));
}

/// As of a host's parking page, or of a proxy that redirects.
#[actix_web::test]
async fn a_page_at_the_public_address_that_is_not_malipo_is_found() {
    let shop = Shop::open(Kind::Sqlite).await;
    for status in [200, 301, 404, 502] {
        let url = answering(status);

        let checked = check(&shop.settings(&[("MALIPO__SERVER__PUBLIC_URL", &url)]));

        checked.assert("public_url", "failed", &format!("HTTP {status}"));
    }
}

#[actix_web::test]
async fn a_public_address_that_cannot_be_reached_from_here_is_a_warning_with_a_command() {
    let shop = Shop::open(Kind::Sqlite).await;
    let url = nobody_listens();

    let checked = check(&shop.settings(&[("MALIPO__SERVER__PUBLIC_URL", &url)]));

    checked.assert(
        "public_url",
        "warning",
        &format!("curl -i {url}/health/ready"),
    );
    assert_eq!(checked.code, Some(0), "{}", checked.printed);
}

#[actix_web::test]
async fn a_public_name_that_does_not_exist_is_found() {
    let shop = Shop::open(Kind::Sqlite).await;

    let checked = check(&shop.settings(&[&LIVE[..], &[PUBLIC][..]].concat()));

    checked.assert("public_url", "failed", "wifi.invalid does not resolve");
}

#[actix_web::test]
async fn what_needs_a_running_server_is_skipped_without_one() {
    let database = TestDatabase::create(Kind::Sqlite).await;
    let (bind, url) = (nobody_listens(), nobody_listens());
    let settings = [
        ("MALIPO__DATABASE__URL", database.url.as_str()),
        ("MALIPO__SERVER__BIND", bind.trim_start_matches("http://")),
        ("MALIPO__SERVER__PUBLIC_URL", url.as_str()),
    ];

    let checked = super::check_with(&[], &settings);

    for name in ["server", "public_url", "webhook", "poll", "trusted_proxies"] {
        assert_eq!(checked.status(name), "skipped", "{}", checked.text(name));
    }
    assert_eq!(checked.code, Some(0), "{}", checked.printed);
}

#[actix_web::test]
async fn in_live_mode_the_public_address_is_https_and_not_this_machine() {
    let shop = Shop::open(Kind::Sqlite).await;
    for url in ["http://wifi.example", "https://127.0.0.1:8443"] {
        let public = [("MALIPO__SERVER__PUBLIC_URL", url)];

        let checked = check(&shop.settings(&[&LIVE[..], &public[..]].concat()));

        checked.assert("config", "failed", "`server.public_url`");
        assert_eq!(checked.code, Some(2));
    }
}

#[actix_web::test]
async fn live_mode_without_sms_radius_and_login_hosts_is_reported() {
    let shop = Shop::open(Kind::Sqlite).await;

    let checked = check(&shop.settings(&[&LIVE[..], &[PUBLIC][..]].concat()));

    checked.assert("sms", "warning", "`log` sends nothing");
    checked.assert("radius", "warning", "radius.server is not set");
    checked.assert("login_hosts", "warning", "portal.login_hosts is empty");
    checked.assert("zenopay", "failed", "cannot be reached");
}

/// A nonce that the doctor has not announced changes neither answer nor duration.
#[actix_web::test]
async fn a_strangers_nonce_has_no_effect() {
    let shop = Shop::open(Kind::Sqlite).await;
    let base = &shop.process.base;
    let nonce = "3c7a1c1e-6a53-4b0e-8f3e-2b1f6f5b6a01";
    let get = async |path: String| {
        let began = std::time::Instant::now();
        let answer = http_client()
            .get(format!("{base}{path}"))
            .send()
            .await
            .unwrap();
        let status = answer.status().as_u16();
        assert!(began.elapsed().as_secs() < 5, "{path} was held");
        (status, answer.text().await.unwrap())
    };

    let plain = get("/health/ready".to_owned()).await;
    assert_eq!(get(format!("/health/ready?nonce={nonce}")).await, plain);
    let status = "/api/v1/customer-portal/payment/status";
    assert_eq!(
        get(format!("{status}/{nonce}?wait=30&since=1")).await.0,
        404
    );
    assert_eq!(get(format!("/order/{nonce}?wait=30&since=1")).await.0, 404);
    let webhook = format!("{base}/api/v1/customer-portal/webhook/zenopay");
    let webhook = http_client().post(webhook).header("x-api-key", KEY);
    let answer = webhook
        .header("malipo-check", nonce)
        .body("{}")
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 400, "handled as any other");
    let kept = "SELECT COUNT(*) FROM webhook_deliveries";
    assert_eq!(shop.database.count(kept).await, 1);
}

/// An address where nothing listens.
fn nobody_listens() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

//! TLS without a proxy.

use std::path::{Path, PathBuf};
use std::process::Command;

use malipo::domain::people::Secret;
use tempfile::TempDir;

use crate::doctor::check;
use crate::harness::process::run;
use crate::harness::{Kind, TestApp, http_client};

/// A self-signed certificate for localhost and for the public name.
struct SelfMade {
    folder: TempDir,
}

impl SelfMade {
    fn make() -> Self {
        let folder = TempDir::new().unwrap();
        let minimal = folder.path().join("openssl.cnf");
        std::fs::write(
            &minimal,
            "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=localhost\n\
             [ext]\nsubjectAltName=DNS:localhost,DNS:wifi.example\n",
        )
        .unwrap();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .arg("-config")
            .arg(&minimal)
            .arg("-keyout")
            .arg(folder.path().join("key.pem"))
            .arg("-out")
            .arg(folder.path().join("cert.pem"))
            .output()
            .expect("openssl, which comes with ca-certificates");
        assert!(made.status.success(), "{made:?}");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

async fn serve_with(made: &SelfMade) -> TestApp {
    TestApp::start_with(Kind::Sqlite, |config| {
        config.zenopay.mode = malipo::config::Mode::Live;
        config.zenopay.api_key = Some(Secret::new("a-key-of-live-mode"));
        config.zenopay.base_url = "http://127.0.0.1:9".parse().unwrap();
        config.server.public_url = Some("https://wifi.example".parse().unwrap());
        config.server.tls_cert = Some(made.path("cert.pem"));
        config.server.tls_key = Some(made.path("key.pem"));
    })
    .await
}

#[actix_web::test]
async fn with_a_certificate_the_server_speaks_tls_and_nothing_else() {
    let made = SelfMade::make();
    let app = serve_with(&made).await;
    let url = format!("https://localhost:{}/health/ready", app.app.address.port());
    let ours = reqwest::Certificate::from_pem(&read(&made.path("cert.pem"))).unwrap();
    let knows_us = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([ours])
        .build()
        .unwrap();

    let answer = knows_us.get(&url).send().await.unwrap();
    let stranger = http_client().get(&url).send().await;
    let plain = app.http.get(app.url("/health/ready")).send().await;

    assert_eq!(answer.status(), 200);
    let hsts = answer.headers().get("strict-transport-security").unwrap();
    assert_eq!(hsts, "max-age=31536000");
    assert!(stranger.is_err(), "an unknown certificate was accepted");
    assert!(plain.is_err(), "{plain:?}");
}

#[test]
fn an_unusable_certificate_is_reported_in_one_sentence_that_names_the_key() {
    let made = SelfMade::make();
    let (cert, key) = (made.path("cert.pem"), made.path("key.pem"));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let live = [
        ("MALIPO__ZENOPAY__MODE", "live"),
        ("MALIPO__ZENOPAY__API_KEY", "a-key-of-live-mode"),
        ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.example"),
        ("MALIPO__SERVER__BIND", "127.0.0.1:0"),
    ];
    let both = |cert, key| {
        vec![
            ("MALIPO__SERVER__TLS_CERT", cert),
            ("MALIPO__SERVER__TLS_KEY", key),
        ]
    };
    for (settings, names) in [
        (vec![("MALIPO__SERVER__TLS_CERT", cert)], "server.tls_key"),
        (vec![("MALIPO__SERVER__TLS_KEY", key)], "server.tls_cert"),
        (both("/nowhere.pem", key), "server.tls_cert"),
        (both(cert, "/nowhere.pem"), "server.tls_key"),
        (both(cert, cert), "server.tls_key"),
    ] {
        let output = run(&["serve"], &[&live[..], &settings[..]].concat());
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();

        assert_eq!(output.status.code(), Some(2), "{settings:?}: {printed}");
        assert!(
            printed.contains(&format!("`{names}`")),
            "{settings:?}: {printed}"
        );
    }
    let sandbox = run(&["serve"], &both(cert, key));
    let printed = String::from_utf8_lossy(&sandbox.stderr).into_owned();
    assert_eq!(sandbox.status.code(), Some(2), "{printed}");
    assert!(printed.contains("`server.tls_cert`"), "{printed}");
}

#[actix_web::test]
async fn malipo_check_names_a_certificate_that_is_not_trusted() {
    let app = serve_with(&SelfMade::make()).await;
    let base = format!("https://localhost:{}", app.app.address.port());
    let url = app.database.url.clone();

    let checked = tokio::task::spawn_blocking(move || {
        check(&[
            ("MALIPO__DATABASE__URL", &url),
            ("MALIPO__ZENOPAY__MODE", "live"),
            ("MALIPO__ZENOPAY__API_KEY", "a-key-of-live-mode"),
            ("MALIPO__ZENOPAY__BASE_URL", &base),
            ("MALIPO__SERVER__PUBLIC_URL", "https://wifi.example"),
        ])
    });

    let checked = checked.await.unwrap();
    checked.assert("zenopay", "failed", "peer certificate");
}

#[actix_web::test]
async fn malipo_check_fails_where_no_phone_trusts_the_public_certificate() {
    let app = serve_with(&SelfMade::make()).await;
    let base = format!("https://localhost:{}", app.app.address.port());
    let url = app.database.url.clone();

    let checked = tokio::task::spawn_blocking(move || {
        check(&[
            ("MALIPO__DATABASE__URL", &url),
            ("MALIPO__SERVER__PUBLIC_URL", &base),
        ])
    });

    let checked = checked.await.unwrap();
    checked.assert("public_url", "failed", "certificate");
}

//! What a stranger writes into an address leads nowhere else, and is not on our page.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::harness::{Kind, TestApp};
use crate::pages::page;

on_both_databases! {
    no_link_of_a_page_leads_to_a_host_in_its_own_path,
    a_page_shows_no_text_of_its_address,
}

/// Opens a page by a path that no HTTP library sends as it is.
async fn open(app: &TestApp, path: &str) -> String {
    let mut connection = TcpStream::connect(app.app.address).await.unwrap();
    let head = "Host: wifi.test\r\nAccept: text/html\r\nAccept-Language: en\r\nConnection: close";
    let request = format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Where the links and forms of a page lead, and its refresh.
fn targets(page: &str) -> Vec<String> {
    let after = |mark: &'static str| {
        let parts = page.split(mark).skip(1);
        parts.map(|part| part.split('"').next().unwrap().replace("&#38;", "&"))
    };
    let links = after("href=\"").chain(after("action=\""));
    links.chain(after("url=")).collect()
}

async fn no_link_of_a_page_leads_to_a_host_in_its_own_path(kind: Kind) {
    let app = TestApp::start(kind).await;
    let paths = [
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "/\\/evil.example/",
        "//user@evil.example/",
        "//evil.example:80/%2e%2e",
        "/%5Cevil.example/",
        "/%2Fevil.example/",
        "/%09/evil.example/",
        "//evil.example/?lang=sw",
    ];
    let base: Url = "https://wifi.test/".parse().unwrap();
    let assert_own = |path: &str, page: &str| {
        let targets = targets(page);
        let has_language = targets.iter().any(|link| link.contains("lang="));
        assert!(page.contains(" 400 ") || has_language, "{path}: {page}");
        for target in targets {
            let led = base.join(&target).unwrap();
            assert_eq!(led.host_str(), Some("wifi.test"), "{path}: {target}");
        }
    };

    for path in paths {
        assert_own(path, &open(&app, path).await);
    }
    // A page that loads itself again.
    app.app.api.draining.cancel();
    for path in paths {
        let page = open(&app, path).await;
        assert!(page.contains(" 400 ") || page.contains(" 503 "), "{page}");
        assert_own(path, &page);
    }
}

async fn a_page_shows_no_text_of_its_address(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let names = [
        "error",
        "refused",
        "package",
        "let-go",
        "mac",
        "ip",
        "identity",
        "login",
        "link-login-only",
        "dst",
        "link-orig",
        "chap",
        "chap-id",
        "lang",
        "since",
        "wait",
        "next",
        "done",
        "notice",
    ];
    for path in [
        "/",
        "/voucher",
        "/paid",
        "/operator/login",
        &format!("/order/{}", order.id),
    ] {
        let plain = page(&app, path).await;
        for name in names {
            for text in [
                "call-0700-000-000",
                "http%3A%2F%2Fcall-0700-000-000.example%2Flogin",
            ] {
                let shown = page(&app, &format!("{path}?{name}={text}")).await;

                assert_eq!(shown.status, plain.status, "{path} {name}");
                assert!(
                    !shown.text.contains("call-0700"),
                    "{path} {name}: {}",
                    shown.text
                );
                let reason = shown.text.contains("did not let you in");
                assert!(!reason, "{path} {name}: {}", shown.text);
            }
        }
    }
}

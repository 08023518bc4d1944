//! What comes over the wire: which answers are compressed, for whom, and how large the first view is.

use std::io::Read;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Kind, TOKEN, TestApp};

on_both_databases! {
    a_fresh_phone_loads_the_shop_in_less_than_nine_kilobytes,
    pages_and_api_are_compressed_for_a_client_that_accepts_it,
    small_answers_and_streams_are_sent_as_they_are,
    a_long_poll_is_compressed_when_it_ends,
    a_page_with_a_session_is_compressed_only_for_its_own_site,
}

/// An answer as it comes over the wire.
struct Wire {
    head: String,
    body: Vec<u8>,
}

impl Wire {
    async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let mut connection = TcpStream::connect(app.app.address).await.unwrap();
        connection
            .write_all((request + "\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        let body = answer.split_off(end);
        let head = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200 "), "{path}: {head}");
        Self { head, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn coding(&self) -> Option<&str> {
        self.header("content-encoding")
    }

    fn text(&self) -> String {
        let mut text = String::new();
        match self.coding() {
            Some("gzip") => {
                let mut decoder = flate2::read::GzDecoder::new(&self.body[..]);
                decoder.read_to_string(&mut text).unwrap();
            }
            Some("br") => {
                let mut decoder = brotli::Decompressor::new(&self.body[..], 4_096);
                decoder.read_to_string(&mut text).unwrap();
            }
            Some(other) => panic!("{other} was not asked for"),
            None => text = String::from_utf8(self.body.clone()).unwrap(),
        }
        text
    }

    fn size(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

async fn a_fresh_phone_loads_the_shop_in_less_than_nine_kilobytes(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.support_phone = Some("0712 000 111".to_owned());
    })
    .await;

    // Phones accept brotli by HTTPS only.
    for coding in ["gzip", "br"] {
        let accepts = [("accept-encoding", coding), ("accept-language", "sw")];
        let shop = Wire::get(&app, "/", &accepts).await;
        let text = shop.text();
        let assets: Vec<&str> = text
            .split('"')
            .filter(|part| part.starts_with("/assets/"))
            .collect();
        assert_eq!(assets.len(), 3, "style, script and icon: {text}");
        let mut size = shop.size();
        for url in assets {
            let asset = Wire::get(&app, url, &accepts).await;
            assert_eq!(asset.coding(), Some(coding), "{url}");
            size += asset.size();
        }

        assert!(size < 9_000, "{size} bytes by {coding}");
    }
}

async fn pages_and_api_are_compressed_for_a_client_that_accepts_it(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let order = format!("/order/{}", order.id);
    let packages = "/api/v1/customer-portal/packages";
    let openapi = "/openapi.json";
    for path in ["/", &order, packages, openapi] {
        let plain = Wire::get(&app, path, &[]).await;
        assert_eq!(plain.coding(), None, "{path}");
        for (accepted, coding) in [
            ("gzip", "gzip"),
            ("br", "br"),
            ("gzip, deflate, br", "br"),
            ("gzip, deflate, br, zstd", "br"),
            ("br;q=0.5, gzip;q=0.8", "gzip"),
            ("br;q=0, gzip", "gzip"),
        ] {
            let answer = Wire::get(&app, path, &[("accept-encoding", accepted)]).await;

            assert_eq!(answer.coding(), Some(coding), "{path}: {accepted}");
            assert!(answer.body.len() < plain.body.len(), "{path}: {accepted}");
            assert_eq!(answer.text().len(), plain.body.len(), "{path}: {accepted}");
        }
        for refused in ["identity", "gzip;q=0, br;q=0", "zstd", "nonsense;q=x", ""] {
            let answer = Wire::get(&app, path, &[("accept-encoding", refused)]).await;
            assert_eq!(answer.coding(), None, "{path}: {refused}");
        }
        let vary = plain.header("vary").unwrap();
        assert!(vary.contains("accept-encoding"), "{path}: {vary}");
        if [order.as_str(), "/"].contains(&path) {
            assert!(vary.contains("accept-language"), "{path}: {vary}");
        }
    }
}

#[actix_web::test]
async fn the_script_of_the_documentation_is_compressed() {
    let app = TestApp::start(Kind::Sqlite).await;
    let path = "/docs/swagger-ui-bundle.js";
    let plain = Wire::get(&app, path, &[]).await;

    for _ in 0..2 {
        let answer = Wire::get(&app, path, &[("accept-encoding", "gzip")]).await;

        assert_eq!(answer.coding(), Some("gzip"));
        assert!(answer.body.len() < plain.body.len() / 2);
        assert!(answer.text() == plain.text(), "the same script");
    }
    let vary = plain.header("vary").unwrap();
    assert_eq!(vary.matches("accept-encoding").count(), 1, "{vary}");
}

async fn small_answers_and_streams_are_sent_as_they_are(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let ready = Wire::get(&app, "/health/ready", &[("accept-encoding", "gzip")]).await;
    let vary = ready.header("vary").unwrap_or_default();
    assert!(ready.coding().is_none() && !vary.contains("accept-encoding"));

    let guests = app.portal(&format!("/payment/status/{}/events", order.id));
    let operators = app.url("/api/v1/operator/events");
    for url in [guests, operators] {
        let request = app.http.get(&url).bearer_auth(TOKEN);
        let request = request.header("accept-encoding", "gzip, br");
        let mut stream = request.send().await.unwrap();
        assert!(!stream.headers().contains_key("content-encoding"), "{url}");
        // It comes at once; a compressor would keep it back.
        let first = stream.chunk().await.unwrap().unwrap();
        let first = String::from_utf8_lossy(&first);
        assert!(first.contains("data: {"), "{first}");
    }
}

async fn a_long_poll_is_compressed_when_it_ends(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let path = format!("/order/{}?since=1&wait=30", order.id);
    let poll = Wire::get(&app, &path, &[("accept-encoding", "gzip")]);

    let (answer, ()) = tokio::join!(poll, async {
        app.until_parked(1).await;
        app.deliver_word(&order, "COMPLETED").await;
    });

    assert_eq!(answer.coding(), Some("gzip"));
    let document = app.status(&order).await;
    assert!(
        answer
            .text()
            .contains(document["voucher_code"].as_str().unwrap())
    );
}

async fn a_page_with_a_session_is_compressed_only_for_its_own_site(kind: Kind) {
    let app = TestApp::start(kind).await;
    let accepts = ("accept-encoding", "gzip");
    let session = ("cookie", "a=b; malipo_session=anything");
    for (site, is_compressed) in [
        (None, false),
        (Some("cross-site"), false),
        (Some("same-site"), false),
        (Some("same-origin"), true),
        (Some("none"), true),
    ] {
        let site: Vec<_> = site
            .map(|site| ("sec-fetch-site", site))
            .into_iter()
            .collect();
        let with_session = [&site[..], &[accepts, session]].concat();

        let page = Wire::get(&app, "/operator/login", &with_session).await;
        let without = Wire::get(&app, "/operator/login", &[&site[..], &[accepts]].concat()).await;

        assert_eq!(page.coding().is_some(), is_compressed, "{site:?}");
        assert_eq!(without.coding(), Some("gzip"), "{site:?}");
    }
}

//! Mistakes in what stands in front of the server: proxies that are not trusted, and URLs and headers
//! that arrive in another form than they were given.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::harness::{Answer, KEY, Kind, SaleCounts, TOKEN, TestApp, TestOrder, body_of};
use crate::reconciling::{LogLines, metric};

on_both_databases! {
    a_webhook_is_received_whatever_the_slashes_in_its_path,
    a_key_that_is_sent_several_times_proves_a_webhook_if_each_copy_is_right,
}

const UNROUTED: &str = "malipo_unrouted_webhooks_total";
const UNTRUSTED: &str = "malipo_untrusted_forwarded_for_total";

async fn banner(app: &TestApp) -> String {
    app.get_with("/operator/words", TOKEN).await.text
}

async fn forwarded(app: &TestApp, path: &str) {
    let request = app.http.get(app.url(path));
    let request = request.header("x-forwarded-for", "198.51.100.1");
    request.send().await.unwrap();
}

async fn post(app: &TestApp, path: &str) -> Answer {
    let request = app.http.post(app.url(path)).body("{}");
    Answer::of(request.send().await.unwrap()).await
}

/// Paths that are the same as `path`.
fn spellings(path: &str) -> [String; 5] {
    [
        format!("{path}/"),
        format!("{path}///"),
        format!("/{path}"),
        path.replace("/webhook/", "//webhook//"),
        path.replace('/', "//") + "//",
    ]
}

async fn a_webhook_is_received_whatever_the_slashes_in_its_path(kind: Kind) {
    let app = TestApp::start(kind).await;
    let general = "/api/v1/customer-portal/webhook/zenopay";
    for number in 0..5 {
        let by_key = app.buy().await;
        let url = app.url(&spellings(general)[number]);
        assert_sold(&app, &by_key, &url, &[KEY]).await;

        let by_token = app.buy().await;
        let own = by_token.webhook_url.strip_prefix(&app.url("")).unwrap();
        let url = app.url(&spellings(own)[number]) + "?from=zenopay";
        assert_sold(&app, &by_token, &url, &[]).await;
    }
    for path in spellings(general) {
        let request = app.http.request(Method::PUT, app.url(&path));
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some("POST"), "{path}");
    }
    // Other paths have one spelling.
    let other = app.get(&app.url("/api/v1/customer-portal/packages/")).await;
    assert_eq!(other.status, 404);
    assert_eq!(metric(&app, UNROUTED).await, 0.0);
}

async fn send(app: &TestApp, order: &TestOrder, url: &str, keys: &[&str]) -> Answer {
    let mut headers = HeaderMap::new();
    for key in keys {
        headers.append("x-api-key", HeaderValue::from_str(key).unwrap());
    }
    let request = app.http.post(url).headers(headers);
    let request = request.body(body_of(&order.id, "COMPLETED"));
    Answer::of(request.send().await.unwrap()).await
}

async fn assert_sold(app: &TestApp, order: &TestOrder, url: &str, keys: &[&str]) {
    let answer = send(app, order, url, keys).await;

    let case = format!("{url} {keys:?}");
    assert_eq!(answer.verdict(), (200, "completed".into()), "{case}");
    assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{case}");
}

async fn a_key_that_is_sent_several_times_proves_a_webhook_if_each_copy_is_right(kind: Kind) {
    let app = TestApp::start(kind).await;
    let general = app.portal("/webhook/zenopay");
    let twice = format!("{KEY}, {KEY}");
    for keys in [
        &[KEY, KEY][..],
        &[&twice],
        &["", KEY],
        &[KEY, " "],
        &[&twice, KEY],
    ] {
        assert_sold(&app, &app.buy().await, &general, keys).await;
    }
    let order = app.buy().await;
    assert_sold(&app, &order, &order.webhook_url, &["", ""]).await;

    let order = app.buy().await;
    let one_is_wrong = format!("{KEY},guess");
    for keys in [&[KEY, "guess"][..], &["guess", KEY], &[&one_is_wrong]] {
        for url in [&general, &order.webhook_url] {
            let answer = send(&app, &order, url, keys).await;
            let refused = (401, "webhook_not_authentic".into());
            assert_eq!(answer.verdict(), refused, "{url} {keys:?}");
        }
    }
    assert_eq!(app.sale_of(&order).await, SaleCounts::NONE);
}

#[actix_web::test]
async fn a_proxy_that_is_not_trusted_is_logged_once_counted_and_shown() {
    let log = LogLines::record("warn");
    let app = TestApp::start(Kind::Sqlite).await;
    assert!(banner(&app).await.contains("All is well"));

    for path in ["/", "/health/live", "/nowhere"] {
        forwarded(&app, path).await;
    }

    assert_eq!(metric(&app, UNTRUSTED).await, 3.0);
    assert_eq!(log.count("X-Forwarded-For does not count"), 1);
    assert_eq!(log.count("peer=127.0.0.1"), 1, "{}", log.text());
    let banner = banner(&app).await;
    let sentence = "X-Forwarded-For from 127.0.0.1";
    assert!(banner.contains(sentence), "{banner}");
    assert!(banner.contains("server.trusted_proxies"), "{banner}");
    // What a client writes itself is not repeated.
    assert!(!log.text().contains("198.51.100.1"), "{}", log.text());
}

#[actix_web::test]
async fn a_trusted_proxy_and_a_client_without_a_proxy_are_not_reported() {
    let log = LogLines::record("warn");
    let app = TestApp::start_with(Kind::Sqlite, |config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;

    forwarded(&app, "/").await;
    app.get(&app.url("/")).await;

    assert_eq!(metric(&app, UNTRUSTED).await, 0.0);
    assert_eq!(log.count("X-Forwarded-For"), 0);
    assert!(banner(&app).await.contains("All is well"));
}

#[actix_web::test]
async fn a_webhook_to_a_path_that_does_not_exist_is_counted_logged_and_shown() {
    let log = LogLines::record("warn");
    let app = TestApp::start(Kind::Sqlite).await;
    let secret = "0123456789abcdef";
    let portal = "/api/v1/customer-portal";

    for path in [
        format!("{portal}/webhook/zenopai/{secret}"),
        format!("{portal}/webhook"),
        format!("{portal}/webhook/zenopay/{secret}/{secret}"),
        // The base was lost, or was given twice.
        format!("/webhook/zenopay/{secret}"),
        format!("/shop{portal}//Webhook/zenopay"),
    ] {
        let answer = post(&app, &path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let elsewhere = post(&app, "/nowhere").await;
    let read = app.get(&app.portal("/webhook/zenopai")).await;
    let refused = post(&app, &format!("{portal}/webhook/zenopay")).await;

    assert_eq!(
        (elsewhere.status, read.status, refused.status),
        (404, 404, 401)
    );
    assert_eq!(metric(&app, UNROUTED).await, 5.0);
    assert_eq!(log.count("a webhook came to a path that does not exist"), 1);
    let path = "path=\"/api/v1/customer-portal/webhook/-/-\"";
    assert!(log.text().contains(path), "{}", log.text());
    assert!(!log.text().contains(secret), "{}", log.text());
    let banner = banner(&app).await;
    let sentence = "A webhook came to an address that does not exist";
    assert!(banner.contains(sentence), "{banner}");
}

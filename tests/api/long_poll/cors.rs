//! Which origins may read the portal's answers.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Kind, TestApp, fresh_phone};

on_both_databases! {
    an_allowed_origin_may_read_and_buy,
    any_other_origin_may_not,
    without_a_list_no_other_origin_may,
}

const PORTAL: &str = "https://wifi.example.co.tz";

async fn an_allowed_origin_may_read_and_buy(kind: Kind) {
    let app = start(kind, &[PORTAL, "http://10.5.50.1"]).await;
    let order = app.buy().await;

    let path = format!("/payment/status/{}?wait=0.1", order.id);
    let read = ask(&app, Method::GET, &path, PORTAL, None).await;
    // An answer with `Retry-After`, which the page may read only if it is exposed.
    let body = json!({"packageId": "daily", "phoneNumber": order.phone});
    let refused = ask(&app, Method::POST, "/payment", PORTAL, Some(&body)).await;
    let other = ask(&app, Method::GET, "/packages", "http://10.5.50.1", None).await;
    let preflight = preflight(&app, PORTAL).await;

    refused.assert_problem(409, "prompt_open");
    for answer in [&read, &refused] {
        assert_eq!(answer.header("access-control-allow-origin"), Some(PORTAL));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.eq_ignore_ascii_case("retry-after"), "{exposed}");
        assert!(
            answer
                .header("vary")
                .unwrap()
                .to_ascii_lowercase()
                .contains("origin")
        );
    }
    assert_eq!(
        other.header("access-control-allow-origin"),
        Some("http://10.5.50.1")
    );
    assert_eq!(preflight.status, 200);
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        Some(PORTAL)
    );
    let methods = preflight.header("access-control-allow-methods").unwrap();
    assert!(methods.contains("POST"), "{methods}");
    let headers = preflight
        .header("access-control-allow-headers")
        .unwrap()
        .to_ascii_lowercase();
    let allowed: Vec<_> = headers.split(',').map(str::trim).collect();
    for header in [
        "idempotency-key",
        "content-type",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
    ] {
        assert!(allowed.contains(&header), "{header} in {headers}");
    }
    for answer in [read, refused, other, preflight] {
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

async fn any_other_origin_may_not(kind: Kind) {
    let app = start(kind, &[PORTAL]).await;

    for origin in [
        "https://evil.example",
        "https://wifi.example.co.tz.evil.example",
        "http://wifi.example.co.tz",
        "https://wifi.example.co.tz:8443",
        "null",
    ] {
        assert_no_leave(&app, origin).await;
    }
}

async fn without_a_list_no_other_origin_may(kind: Kind) {
    let app = TestApp::start(kind).await;

    assert_no_leave(&app, PORTAL).await;
    // Pages of our own origin and clients other than browsers are served as usual.
    let answer = app.get(&app.portal("/packages")).await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, None)
    );
}

async fn assert_no_leave(app: &TestApp, origin: &str) {
    let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
    for answer in [
        ask(app, Method::GET, "/packages", origin, None).await,
        ask(app, Method::POST, "/payment", origin, Some(&body)).await,
        preflight(app, origin).await,
    ] {
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            None,
            "{origin}"
        );
    }
}

async fn start(kind: Kind, origins: &[&str]) -> TestApp {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    TestApp::start_with(kind, |config| config.portal.allowed_origins = origins).await
}

async fn ask(
    app: &TestApp,
    method: Method,
    path: &str,
    origin: &str,
    body: Option<&serde_json::Value>,
) -> Answer {
    let mut request = app
        .http
        .request(method, app.portal(path))
        .header("origin", origin);
    if let Some(body) = body {
        request = request.json(body);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// The request that a browser sends before a purchase from another origin.
async fn preflight(app: &TestApp, origin: &str) -> Answer {
    let request = app
        .http
        .request(Method::OPTIONS, app.portal("/payment"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,idempotency-key,traceparent,tracestate,baggage,sentry-trace",
        );
    Answer::of(request.send().await.unwrap()).await
}

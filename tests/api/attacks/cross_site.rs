//! Another site makes a browser send a write: it is refused on every route, and reads and our own forms are
//! not.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Kind, TestApp, fresh_phone};
use crate::pages::submit;

on_both_databases! {
    no_route_accepts_a_write_that_another_site_has_sent,
    an_old_browser_that_says_nothing_of_the_site_buys,
    a_portal_on_another_site_buys_only_if_it_is_in_the_list,
}

const OURS: &str = "https://portal.example";
const FOREIGN: [&[(&str, &str)]; 4] = [
    &[("sec-fetch-site", "cross-site"), ("origin", "null")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "https://evil.example")],
    &[("origin", "http://127.0.0.1")],
];

/// The paths of the forms of pages, as they are written where the routes are.
fn forms() -> Vec<String> {
    let pages = include_str!("../../../src/http/mod.rs");
    let console = include_str!("../../../src/http/console/mod.rs");
    let of = |source: &str, base: &str, post: &str| -> Vec<String> {
        let routes = source.split(".route(\"").skip(1);
        let forms = routes.filter(|route| route.contains(post));
        let path = |route: &str| route.split('"').next().unwrap().to_owned();
        forms.map(|route| base.to_owned() + &path(route)).collect()
    };
    let mut all = of(pages, "", "page(web::post()");
    all.extend(of(console, "/operator", "web::post()"));
    for known in [
        "/buy",
        "/v/{token}/reissue",
        "/operator/login",
        "/sandbox/phone",
    ] {
        assert!(all.iter().any(|form| form == known), "{known}: {all:?}");
    }
    all
}

/// Every route that writes: of the API, by its document, and of the pages.
async fn writes(app: &TestApp) -> Vec<(Method, String)> {
    let document = app.get(&app.url("/openapi.json")).await.json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            if ![Method::GET, Method::HEAD].contains(&method) {
                all.push((method, path.clone()));
            }
        }
    }
    assert!(all.len() > 10, "{all:?}");
    all.extend(forms().into_iter().map(|path| (Method::POST, path)));
    for (_, path) in &mut all {
        let parts = path.split('/');
        let filled = parts.map(|part| if part.starts_with('{') { "x" } else { part });
        *path = filled.collect::<Vec<_>>().join("/");
    }
    all
}

async fn send(app: &TestApp, method: &Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.http.request(method.clone(), app.url(path)).body("{}");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

fn is_refused(answer: &Answer) -> bool {
    answer.status == 403 && answer.text.contains("another site")
}

async fn no_route_accepts_a_write_that_another_site_has_sent(kind: Kind) {
    let app = start(kind).await;
    let same = app.base.clone();
    let own: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", "null")],
        &[("origin", same.as_str())],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
        &[("sec-fetch-site", "none")],
    ];
    let listed = [("sec-fetch-site", "cross-site"), ("origin", OURS)];

    for (method, path) in writes(&app).await {
        let is_webhook = path.contains("/webhook/zenopay");
        for headers in FOREIGN {
            let answer = send(&app, &method, &path, headers).await;
            if is_webhook {
                answer.assert_problem(401, "webhook_not_authentic");
            } else {
                assert!(
                    is_refused(&answer),
                    "{method} {path} {headers:?}: {answer:?}"
                );
                answer.assert_problem(403, "forbidden");
            }
        }
        for headers in own {
            let answer = send(&app, &method, &path, headers).await;
            // A form without a key of its own could be another site's.
            let has_key = path.starts_with("/operator/") && path != "/operator/login";
            if !is_webhook && !has_key && headers == [("origin", "null")] {
                answer.assert_problem(403, "forbidden");
                continue;
            }
            assert!(
                !is_refused(&answer),
                "{method} {path} {headers:?}: {answer:?}"
            );
        }
        let is_for_staff = ["/operator", "/api/v1/operator", "/sandbox"]
            .iter()
            .any(|base| path.starts_with(base));
        let answer = send(&app, &method, &path, &listed).await;
        assert_eq!(
            is_refused(&answer),
            is_for_staff,
            "{method} {path}: {answer:?}"
        );
    }
    // A link from a router, an SMS or another site opens any page.
    for path in ["/", "/voucher", "/buy", "/operator/login", "/health/live"] {
        let answer = send(&app, &Method::GET, path, FOREIGN[0]).await;
        assert!(answer.status < 400, "{path}: {answer:?}");
    }
    assert_eq!(orders(&app).await, 0);
}

async fn an_old_browser_that_says_nothing_of_the_site_buys(kind: Kind) {
    let app = start(kind).await;
    let fields = |phone| {
        [
            ("package", "daily:2000"),
            ("phone", phone),
            ("key", "a-key-of-a-form"),
        ]
    };

    let bought = submit(&app, "/buy", &fields("0712345678")).await;
    // Without the form's key there is no purchase.
    let phone = fresh_phone();
    let keyless = submit(&app, "/buy", &fields(&phone)[..2]).await;

    assert_eq!(bought.status, 303, "{}", bought.text);
    assert_eq!(keyless.status, 422, "{}", keyless.text);
    assert_eq!(orders(&app).await, 1);
}

async fn a_portal_on_another_site_buys_only_if_it_is_in_the_list(kind: Kind) {
    let app = start(kind).await;
    let buy = async |origin: &str| {
        let body = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let request = app.http.post(app.portal("/payment")).json(&body);
        let request = request.header("sec-fetch-site", "cross-site");
        Answer::of(request.header("origin", origin).send().await.unwrap()).await
    };

    let listed = buy(OURS).await;
    let other = buy("https://evil.example").await;

    assert_eq!(listed.status, 201, "{}", listed.text);
    assert_eq!(listed.header("access-control-allow-origin"), Some(OURS));
    other.assert_problem(403, "forbidden");
    assert_eq!(orders(&app).await, 1);
}

async fn start(kind: Kind) -> TestApp {
    TestApp::start_with(kind, |config| {
        config.portal.allowed_origins = vec![OURS.to_owned()];
    })
    .await
}

async fn orders(app: &TestApp) -> i64 {
    app.database.count("SELECT COUNT(*) FROM payments").await
}

//! Headers, languages, assets, and which requests are answered with a page.

use std::collections::BTreeMap;

use malipo::config::Mode;
use malipo::domain::people::Secret;
use reqwest::Method;

use super::{BROWSER, page};
use crate::harness::{Answer, Kind, TOKEN, TestApp};
use crate::privacy::walk::ROUTES;

on_both_databases! {
    a_page_loads_from_this_server_only_and_is_never_shown_from_a_cache,
    assets_are_cached_for_ever_and_those_of_other_releases_are_not_served,
    browsers_get_pages_and_programs_get_problems,
    a_chosen_language_overrides_the_browsers,
    the_help_number_is_on_every_page,
    a_live_shop_has_no_test_phone,
    a_head_of_a_page_is_answered_as_a_get_without_the_body,
    a_method_that_a_page_does_not_have_is_answered_405_with_those_that_it_has,
}

async fn a_page_loads_from_this_server_only_and_is_never_shown_from_a_cache(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    for path in [
        "/",
        &format!("/order/{}", order.id),
        "/order/none",
        "/voucher",
        "/sandbox",
        "/none",
    ] {
        let answer = page(&app, path).await;

        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        // "Back" shows the form of the shop again, with its key; a visit loads it anew.
        let cached = match path {
            "/" => "private, no-cache",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), Some(cached), "{path}");
        assert_eq!(
            answer.header("referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
        for inline in ["<style", "style=", "<script>", " onclick=", " onload="] {
            assert!(!answer.text.contains(inline), "{path} has {inline}");
        }
    }
}

async fn assets_are_cached_for_ever_and_those_of_other_releases_are_not_served(kind: Kind) {
    let app = TestApp::start(kind).await;
    let shop = page(&app, "/").await.text;
    let urls: Vec<&str> = shop
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
        .collect();

    assert_eq!(urls.len(), 3, "{urls:?}");
    for url in urls {
        let asset = app.get(&app.url(url)).await;
        assert_eq!(asset.status, 200, "{url}");
        assert!(
            asset.header("cache-control").unwrap().contains("immutable"),
            "{url}"
        );
    }
    let old = app
        .get(&app.url("/assets/style.0000000000000000.css"))
        .await;
    old.assert_problem(404, "not_found");
}

async fn browsers_get_pages_and_programs_get_problems(kind: Kind) {
    let app = TestApp::start(kind).await;

    let person = page(&app, "/nothing-here").await;
    let machine = app.get(&app.url("/nothing-here")).await;
    let api = page(&app, "/api/v1/customer-portal/nothing-here").await;

    assert_eq!(person.status, 404);
    assert!(
        person.text.contains("There is no such page"),
        "{}",
        person.text
    );
    machine.assert_problem(404, "not_found");
    api.assert_problem(404, "not_found");
}

async fn a_chosen_language_overrides_the_browsers(kind: Kind) {
    let app = TestApp::start(kind).await;

    let wished = page(&app, "/").await;
    let tapped = page(&app, "/?lang=sw").await;

    assert!(
        wished.text.contains("<html lang=\"en\">"),
        "{}",
        wished.text
    );
    assert!(
        tapped.text.contains("<html lang=\"sw\">"),
        "{}",
        tapped.text
    );
    assert!(
        tapped.text.contains("action=\"/buy?lang=sw\""),
        "kept: {}",
        tapped.text
    );
}

async fn the_help_number_is_on_every_page(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.portal.support_phone = Some("+255 712 000-111".to_owned());
    })
    .await;
    let order = app.buy().await;

    for path in ["/", &format!("/order/{}", order.id), "/order/none", "/none"] {
        let answer = page(&app, path).await;
        assert!(answer.text.contains("href=\"tel:+255712000111\""), "{path}");
    }
}

async fn a_live_shop_has_no_test_phone(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.zenopay.mode = Mode::Live;
        config.zenopay.api_key = Some(Secret::new("a-key-of-the-tests"));
        config.zenopay.base_url = "http://127.0.0.1:9".parse().unwrap();
    })
    .await;

    let shop = page(&app, "/").await;
    let handset = page(&app, "/sandbox").await;
    let request = app
        .http
        .post(app.url("/sandbox/phone"))
        .header("accept", BROWSER);
    let switched = Answer::of(request.send().await.unwrap()).await;

    assert_eq!(shop.status, 200);
    assert!(!shop.text.contains("sandbox"), "{}", shop.text);
    assert_eq!((handset.status, switched.status), (404, 404));
}

async fn a_head_of_a_page_is_answered_as_a_get_without_the_body(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let shop = page(&app, "/").await.text;
    let asset = shop.split('"').find(|part| part.starts_with("/assets/"));
    let order = format!("/order/{}", order.id);
    for path in [
        "/",
        &order,
        "/order/none",
        "/paid",
        "/v/none",
        "/none",
        "/operator/login",
        "/sandbox",
        "/docs/index.html",
        "/health/live",
        asset.unwrap(),
    ] {
        let ask = async |method: Method| {
            let request = app.http.request(method, app.url(path));
            let request = request.header("accept", BROWSER);
            Answer::of(request.send().await.unwrap()).await
        };

        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);

        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path}"
        );
        for name in ["content-type", "content-length", "cache-control"] {
            // A shop's page has a new key each time, of the same length.
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    for path in ["/api/v1/customer-portal/packages", "/metrics"] {
        let head = app.http.head(app.url(path)).send().await.unwrap();
        assert_eq!(head.status(), 405, "{path}");
        assert_eq!(head.headers()["allow"], "GET", "{path}");
    }
}

async fn a_method_that_a_page_does_not_have_is_answered_405_with_those_that_it_has(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut pages: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for &(method, _, template) in ROUTES {
        let (path, _) = template.split_once('?').unwrap_or((template, ""));
        let is_page = ["/api/", "/health/", "/metrics", "/openapi.json"]
            .iter()
            .all(|other| !path.starts_with(other));
        if is_page {
            let methods = pages.entry(path.replace(['{', '}'], "")).or_default();
            methods.push(method);
        }
    }
    pages.insert("/sandbox".to_owned(), vec!["GET"]);
    pages.insert("/sandbox/phone".to_owned(), vec!["POST"]);
    pages.insert("/sandbox/phone/x".to_owned(), vec!["POST"]);
    assert!(pages.len() > 30, "{pages:?}");

    for (path, methods) in &pages {
        let mut expected = Vec::new();
        for (method, names) in [("GET", "GET, HEAD"), ("POST", "POST")] {
            expected.extend(methods.contains(&method).then_some(names));
        }
        let mut refused = vec![Method::PUT, Method::DELETE, Method::PATCH];
        refused.extend((!methods.contains(&"GET")).then_some(Method::GET));
        refused.extend((!methods.contains(&"POST")).then_some(Method::POST));
        for method in refused {
            let request = app.http.request(method.clone(), app.url(path));
            let answer = request.bearer_auth(TOKEN).send().await.unwrap();

            let allow = answer.headers().get("allow").map(|it| it.to_str().unwrap());
            let seen = (answer.status().as_u16(), allow);
            let expected = expected.join(", ");
            assert_eq!(seen, (405, Some(expected.as_str())), "{method} {path}");
        }
    }
    let nowhere = app.http.put(app.url("/nowhere")).send().await.unwrap();
    assert_eq!(nowhere.status(), 404);
}

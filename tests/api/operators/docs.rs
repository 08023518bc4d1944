//! The documentation page, which must work without Internet access.

use crate::harness::{Kind, TestApp};

on_both_databases! {
    the_documentation_needs_no_other_host,
}

async fn the_documentation_needs_no_other_host(kind: Kind) {
    let app = TestApp::start(kind).await;

    let front = app.get(&app.url("/docs")).await;
    let page = app.get(&app.url("/docs/")).await;

    assert_eq!(
        (front.status, &front.text),
        (200, &page.text),
        "one leads to the other"
    );
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let policy = page.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self';",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    let assets = attributes(&page.text, "src").chain(attributes(&page.text, "href"));
    let assets: Vec<_> = assets.collect();
    assert!(
        assets.iter().any(|name| name.ends_with(".js")),
        "{assets:?}"
    );
    assert!(
        assets.iter().any(|name| name.ends_with(".css")),
        "{assets:?}"
    );
    for asset in &assets {
        assert!(!asset.contains("//"), "{asset} is somewhere else");
        let answer = app
            .get(&app.url(&format!("/docs/{}", asset.trim_start_matches("./"))))
            .await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(!answer.text.is_empty(), "{asset}");
        if asset.ends_with(".css") {
            assert_loads_nothing(asset, &answer.text);
        }
        if asset.contains("initializer") {
            assert_sends_nothing_elsewhere(&answer.text);
        }
    }
    assert!(
        assets.iter().any(|name| name.contains("initializer")),
        "{assets:?}"
    );
    assert_loads_nothing("the page", &page.text);
}

/// Asserts that a browser loads nothing from another host.
fn assert_loads_nothing(name: &str, text: &str) {
    for loads in [
        "url(http",
        "url(//",
        "url('http",
        "url(\"http",
        "@import",
        "src=\"http",
        "src=\"//",
    ] {
        assert!(!text.contains(loads), "{name} has {loads}");
    }
}

/// The page shows our own document. By default it would also send it to validator.swagger.io and
/// show the answer as an image.
fn assert_sends_nothing_elsewhere(initializer: &str) {
    assert!(initializer.contains("/openapi.json"), "{initializer}");
    assert!(!initializer.contains("petstore"), "{initializer}");
    assert!(
        !initializer.contains("http:") && !initializer.contains("https:"),
        "{initializer}"
    );
    let squeezed: String = initializer.split_whitespace().collect();
    assert!(
        squeezed.contains("\"validatorUrl\":\"none\""),
        "{initializer}"
    );
}

/// The values of an HTML attribute.
fn attributes<'a>(html: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let opening = format!(" {name}=\"");
    html.match_indices(&opening)
        .map(|(at, found)| &html[at + found.len()..])
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value)
        .collect::<Vec<_>>()
        .into_iter()
}

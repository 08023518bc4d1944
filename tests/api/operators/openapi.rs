//! The OpenAPI document: everything that is served, and nothing else.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, KEY, Kind, TOKEN, TestApp, TestOrder};

on_both_databases! {
    the_document_describes_every_route_that_is_served,
    every_described_route_is_served,
    the_document_is_valid_and_its_references_resolve,
}

/// Every route, listed by hand.
const ROUTES: &[(&str, &str)] = &[
    ("get", "/api/v1/customer-portal/packages"),
    ("post", "/api/v1/customer-portal/payment"),
    ("post", "/api/v1/customer-portal/payment/resend"),
    ("get", "/api/v1/customer-portal/payment/status/{order_id}"),
    (
        "get",
        "/api/v1/customer-portal/payment/status/{order_id}/events",
    ),
    ("get", "/api/v1/customer-portal/voucher/{code}"),
    ("get", "/api/v1/customer-portal/captive"),
    ("post", "/api/v1/customer-portal/webhook/zenopay"),
    ("post", "/api/v1/customer-portal/webhook/zenopay/{token}"),
    ("post", "/api/v1/operator/customers/erase"),
    ("get", "/api/v1/operator/actors"),
    ("get", "/api/v1/operator/actors/{order_id}"),
    ("get", "/api/v1/operator/events"),
    ("get", "/api/v1/operator/orders"),
    ("get", "/api/v1/operator/orders/{order_id}"),
    ("get", "/api/v1/operator/webhooks"),
    ("get", "/api/v1/operator/webhooks/{id}"),
    ("get", "/api/v1/operator/nas"),
    ("post", "/api/v1/operator/nas"),
    ("delete", "/api/v1/operator/nas/{id}"),
    ("get", "/api/v1/operator/routers"),
    ("post", "/api/v1/operator/routers"),
    ("patch", "/api/v1/operator/routers/{name}"),
    ("delete", "/api/v1/operator/routers/{name}"),
    ("get", "/api/v1/operator/sessions"),
    ("post", "/api/v1/operator/sessions/{id}/disconnect"),
    ("post", "/api/v1/operator/webhooks/{id}/replay"),
    ("post", "/api/v1/operator/orders/{order_id}/reconcile"),
    ("post", "/api/v1/operator/orders/{order_id}/release"),
    ("post", "/api/v1/operator/orders/{order_id}/refund"),
    ("post", "/api/v1/operator/orders/{order_id}/reissue"),
    ("post", "/api/v1/operator/vouchers/batches"),
    ("get", "/api/v1/operator/vouchers/batches/{id}"),
    ("post", "/api/v1/operator/vouchers/batches/{id}/revoke"),
    ("get", "/api/v1/operator/vouchers/{code}"),
    ("post", "/api/v1/operator/vouchers/{code}/revoke"),
    ("post", "/api/v1/operator/sms/{id}/resend"),
    ("get", "/api/v1/operator/outbox/hold"),
    ("post", "/api/v1/operator/outbox/hold/release"),
    ("get", "/api/v1/operator/reports/daily"),
    ("get", "/health/live"),
    ("get", "/health/ready"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("post", "/sandbox/api/payments/mobile_money_tanzania"),
    ("get", "/sandbox/api/payments/order-status"),
    ("get", "/sandbox/payments"),
    ("post", "/sandbox/payments/{order_id}/decide"),
    ("post", "/sandbox/payments/{order_id}/approve"),
    ("post", "/sandbox/payments/{order_id}/decline"),
    ("get", "/sandbox/behaviour"),
    ("put", "/sandbox/behaviour"),
    ("post", "/sandbox/behaviour"),
];

async fn the_document_describes_every_route_that_is_served(kind: Kind) {
    let app = start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "PENDING").await;

    let described = described(&app).await;

    for (method, path) in ROUTES.iter().copied() {
        assert_served(&app, &order, method, path).await;
        let route = (method.to_owned(), path.to_owned());
        assert!(
            described.contains(&route),
            "{method} {path} is not described"
        );
    }
}

async fn every_described_route_is_served(kind: Kind) {
    let app = start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "PENDING").await;

    for (method, path) in described(&app).await {
        assert_served(&app, &order, &method, &path).await;
        let known = ROUTES.contains(&(method.as_str(), path.as_str()));
        assert!(known, "{method} {path} is new: add it to ROUTES");
    }
}

async fn the_document_is_valid_and_its_references_resolve(kind: Kind) {
    let app = TestApp::start(kind).await;

    let answer = app.get(&app.url("/openapi.json")).await;

    let document = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let version = document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "{version}");
    assert_eq!(document["info"]["title"], "malipo");
    let scheme = document["components"]["securitySchemes"]["operator"].clone();
    assert_eq!(
        (&scheme["type"], &scheme["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    for (_, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{path}"
        );
        let is_operators = path.starts_with("/api/v1/operator");
        assert_eq!(operation["security"].is_array(), is_operators, "{path}");
    }
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

/// A server with every route: RFC 8908 is served on site only.
async fn start(kind: Kind) -> TestApp {
    TestApp::start_with(kind, |config| config.portal.on_site = true).await
}

async fn described(app: &TestApp) -> BTreeSet<(String, String)> {
    let document = app.get(&app.url("/openapi.json")).await.json();
    operations(&document)
        .map(|(method, path, _)| (method.clone(), path.clone()))
        .collect()
}

/// Method, path and description of each operation.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        let operations = item
            .iter()
            .filter(|(_, value)| value["responses"].is_object());
        operations.map(move |(method, operation)| (method, path, operation))
    })
}

/// Asserts that the answer is neither an unknown path nor an unknown method.
async fn assert_served(app: &TestApp, order: &TestOrder, method: &str, path: &str) {
    let method: Method = method.to_uppercase().parse().unwrap();
    let token = order.webhook_url.rsplit_once('/').unwrap().1;
    let target = path
        .replace("{order_id}", &order.id)
        .replace("{token}", token)
        .replace(
            "{id}",
            &app.database
                .count("SELECT MIN(id) FROM webhook_deliveries")
                .await
                .to_string(),
        );
    let mut request = app
        .http
        .request(method.clone(), app.url(&target))
        .bearer_auth(TOKEN)
        .header("x-api-key", KEY);
    if method != Method::GET {
        request = request.json(&json!({}));
    }
    let mut response = request.send().await.unwrap();
    // An event stream does not end, so only its head is read.
    if response
        .headers()
        .get("content-type")
        .is_some_and(|it| it == "text/event-stream")
    {
        response.chunk().await.unwrap();
        return;
    }
    let answer = Answer::of(response).await;
    assert_ne!(answer.status, 405, "{method} {path}");
    let is_problem = answer.header("content-type") == Some("application/problem+json");
    if answer.status == 404 && is_problem {
        let known = match path {
            "/api/v1/customer-portal/voucher/{code}" => "voucher_not_found",
            "/api/v1/operator/vouchers/{code}" => "voucher_not_found",
            "/api/v1/operator/vouchers/{code}/revoke" => "voucher_not_found",
            "/api/v1/operator/vouchers/batches/{id}" => "not_found",
            "/api/v1/operator/vouchers/batches/{id}/revoke" => "not_found",
            "/api/v1/operator/sms/{id}/resend" => "not_found",
            "/api/v1/operator/routers/{name}" => "not_found",
            "/api/v1/operator/sessions/{id}/disconnect" => "not_found",
            _ => "order_not_found",
        };
        assert_eq!(answer.code(), known, "{method} {path}");
    } else {
        assert_ne!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
}

fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            into.extend(
                members
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            members
                .values()
                .for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|value| collect_references(value, into)),
        _ => {}
    }
}

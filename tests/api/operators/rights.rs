//! The table of rights: no token, a wrong token, a viewer and an admin, on every route.

use std::collections::BTreeSet;

use malipo::domain::people::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Kind, TOKEN, TestApp, TestOrder};

on_both_databases! {
    every_route_admits_the_roles_that_the_table_names,
}

const BASE: &str = "/api/v1/operator";

/// Every route below [`BASE`] and the lowest role that may use it.
#[rustfmt::skip] // A table is read by its columns.
const RIGHTS: &[(&str, &str, Role)] = &[
    ("post", "/customers/erase", Role::Admin),
    ("get", "/actors", Role::Viewer),
    ("get", "/actors/{order_id}", Role::Viewer),
    ("get", "/events", Role::Viewer),
    ("get", "/orders", Role::Viewer),
    ("get", "/orders/{order_id}", Role::Viewer),
    ("get", "/webhooks", Role::Viewer),
    ("get", "/webhooks/{id}", Role::Viewer),
    ("get", "/nas", Role::Viewer),
    ("post", "/nas", Role::Admin),
    ("delete", "/nas/{id}", Role::Admin),
    ("get", "/routers", Role::Viewer),
    ("post", "/routers", Role::Admin),
    ("patch", "/routers/{name}", Role::Admin),
    ("delete", "/routers/{name}", Role::Admin),
    ("get", "/sessions", Role::Viewer),
    ("post", "/sessions/{id}/disconnect", Role::Admin),
    ("post", "/webhooks/{id}/replay", Role::Admin),
    ("post", "/orders/{order_id}/reconcile", Role::Admin),
    ("post", "/orders/{order_id}/release", Role::Admin),
    ("post", "/orders/{order_id}/reissue", Role::Admin),
    ("post", "/orders/{order_id}/refund", Role::Admin),
    ("post", "/vouchers/batches", Role::Admin),
    ("get", "/vouchers/batches/{id}", Role::Viewer),
    ("post", "/vouchers/batches/{id}/revoke", Role::Admin),
    ("get", "/vouchers/{code}", Role::Viewer),
    ("post", "/vouchers/{code}/revoke", Role::Admin),
    ("post", "/sms/{id}/resend", Role::Admin),
    ("get", "/outbox/hold", Role::Viewer),
    ("post", "/outbox/hold/release", Role::Admin),
    ("get", "/reports/daily", Role::Viewer),
];

async fn every_route_admits_the_roles_that_the_table_names(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let batch = json!({"package": "daily", "count": 1});
    let batch = app
        .http
        .post(app.url(&format!("{BASE}/vouchers/batches")))
        .json(&batch);
    let batch = Answer::of(batch.bearer_auth(TOKEN).send().await.unwrap()).await;
    assert_eq!(batch.json()["batch"], 1, "{}", batch.text);
    let viewer = app.add_operator("vera", Role::Viewer).await;
    let admin = app.add_operator("asha", Role::Admin).await;

    // Each admin removes one of these, and ends the session.
    let router =
        "INSERT INTO nas (nasname, shortname, secret) VALUES ('127.8.7.9', 'bar', 'secret-of-bar')";
    let session = "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress) \
         VALUES ('s1', 'u1', 'nobody', '127.0.0.1')";
    app.database.execute(session).await;

    // A route without a row fails, and so does a row without a route.
    let listed: BTreeSet<_> = RIGHTS
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), format!("{BASE}{path}")))
        .collect();
    assert_eq!(listed, described(&app).await);

    for (method, path, may) in RIGHTS {
        let target = real(&app, &order, path).await;
        app.database.execute("DELETE FROM nas").await;
        let ask = async |token: Option<&str>| {
            app.database.execute(router).await;
            let answer = status_and_code(&app, method, &target, token).await;
            app.database.execute("DELETE FROM nas").await;
            answer
        };
        let cell = format!("{method} {path}");

        let unauthorized = (401, "unauthorized".to_owned());
        assert_eq!(ask(None).await, unauthorized, "no token: {cell}");
        assert_eq!(ask(Some("wrong")).await, unauthorized, "wrong: {cell}");
        let by_viewer = ask(Some(&viewer)).await;
        match may {
            Role::Viewer => assert_in(&by_viewer, &format!("viewer: {cell}")),
            Role::Admin => assert_eq!(by_viewer, (403, "forbidden".to_owned()), "viewer: {cell}"),
        }
        assert_in(&ask(Some(&admin)).await, &format!("admin: {cell}"));
        assert_in(&ask(Some(TOKEN)).await, &format!("bootstrap: {cell}"));
    }
}

/// Asserts that the request was neither rejected for its role nor answered 404 as an unknown path;
/// its other errors do not matter here.
#[track_caller]
fn assert_in(answer: &(u16, String), cell: &str) {
    assert!(
        ![401, 403, 405, 500].contains(&answer.0),
        "{cell}: {answer:?}"
    );
    assert_ne!(*answer, (404, "not_found".to_owned()), "{cell}");
}

async fn described(app: &TestApp) -> BTreeSet<(String, String)> {
    let document = app.get(&app.url("/openapi.json")).await.json();
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .filter(|(path, _)| path.starts_with(BASE))
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations
                .filter(|(_, value)| value["responses"].is_object())
                .map(|(method, _)| (method.clone(), path.clone()))
        })
        .collect()
}

/// The path with names of existing objects.
async fn real(app: &TestApp, order: &TestOrder, path: &str) -> String {
    let delivery = app
        .database
        .count("SELECT MIN(id) FROM webhook_deliveries")
        .await;
    let code = app.database.text("SELECT MIN(code) FROM vouchers").await;
    format!("{BASE}{path}")
        .replace("/batches/{id}", "/batches/1")
        .replace("{order_id}", &order.id)
        .replace("/sessions/{id}", "/sessions/1")
        .replace("{name}", "bar")
        .replace("{id}", &delivery.to_string())
        .replace("{code}", &code.unwrap())
}

async fn status_and_code(
    app: &TestApp,
    method: &str,
    path: &str,
    token: Option<&str>,
) -> (u16, String) {
    let method: Method = method.to_uppercase().parse().unwrap();
    let mut request = app.http.request(method.clone(), app.url(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if method != Method::GET {
        request = request.json(&json!({}));
    }
    let response = request.send().await.unwrap();
    let streams = response
        .headers()
        .get("content-type")
        .is_some_and(|it| it == "text/event-stream");
    if streams {
        return (response.status().as_u16(), String::new());
    }
    let answer = Answer::of(response).await;
    let document: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let code = document["code"].as_str().unwrap_or_default();
    (answer.status, code.to_owned())
}

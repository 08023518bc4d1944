//! Routers in the table `nas`.

use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};

use super::with_voucher;
use crate::harness::freeradius::FreeRadius;
use crate::harness::process::run;
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestDatabase};

on_both_databases! {
    a_router_in_the_table_is_served_without_a_restart,
    an_operator_adds_and_removes_routers,
    an_invalid_router_is_refused_with_the_reason,
    the_command_line_adds_and_removes_routers,
    an_operator_changes_a_router_by_its_name,
    the_audit_log_says_which_values_of_a_router_have_changed,
    routers_at_one_address_share_a_secret_and_have_an_identifier_each,
}

async fn a_router_in_the_table_is_served_without_a_restart(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let added = add(
        &app,
        &json!({"address": "127.0.0.7", "name": "bar", "secret": "seven-seven"}),
    )
    .await;
    assert_eq!(added.status, 201, "{}", added.text);

    let reply = login_from(&radius, "127.0.0.7", "seven-seven", &code).await;
    assert_eq!(reply, "Access-Accept");

    let reply = login_from(&radius, "127.0.0.8", "seven-seven", &code).await;
    assert_eq!(reply, "", "a stranger is not even answered");
}

async fn an_operator_adds_and_removes_routers(kind: Kind) {
    let app = TestApp::start_with(kind, |config| {
        config.radius.server = Some("192.0.2.10:1812".parse().unwrap());
        config.radius.secret = Some(malipo::domain::people::Secret::new("unused"));
        config.radius.proofs_per_min = 0;
    })
    .await;

    let added = add(
        &app,
        &json!({"address": "10.0.0.1", "name": "bar", "coa_port": 1700}),
    )
    .await;
    assert_eq!(added.status, 201, "{}", added.text);
    let added = added.json();
    let secret = app.database.text("SELECT secret FROM nas").await.unwrap();
    assert_eq!(secret.len(), 32);
    let script = added["mikrotik"].as_str().unwrap();
    assert!(
        script.contains(&format!("address=192.0.2.10 secret=\"{secret}\" ")),
        "{script}"
    );
    assert!(script.contains("port=1700"), "{script}");

    let again = add(&app, &json!({"address": "10.0.0.1", "name": "other"})).await;
    again.assert_problem(409, "invalid_transition");

    let listed = app.get_as_operator("/api/v1/operator/nas").await;
    assert!(!listed.text.contains(&secret));
    let id = added["router"]["id"].clone();
    let expected = json!({"routers": [
        {"id": id, "address": "10.0.0.1", "name": "bar", "identifier": null,
            "type": "mikrotik", "coa_port": 1700, "require_message_auth": false}
    ]});
    assert_eq!(listed.json(), expected);

    let path = format!("/api/v1/operator/nas/{id}");
    let remove = async || {
        let request = app.http.delete(app.url(&path)).bearer_auth(TOKEN);
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(remove().await.status, 204);
    assert_eq!(
        remove().await.status,
        204,
        "removing it again is answered alike"
    );
    let log = "SELECT operator || ' ' || action || ' ' || subject FROM audit_events ORDER BY id";
    let expected = [
        "bootstrap nas_add router 10.0.0.1",
        "bootstrap nas_remove router 10.0.0.1",
    ];
    assert_eq!(app.database.texts(log).await, expected);
}

async fn the_audit_log_says_which_values_of_a_router_have_changed(kind: Kind) {
    let app = TestApp::start(kind).await;
    let new = json!({"address": "10.0.0.1", "name": "bar", "secret": "first-secret"});
    assert_eq!(add(&app, &new).await.status, 201);
    for change in [
        json!({"secret": "second-secret", "require_message_auth": true, "coa_port": 1700}),
        json!({"address": "10.0.0.2", "type": "opennds", "identifier": "ShopNDS"}),
        json!({"name": "beach"}),
        json!({}),
    ] {
        let name = if app
            .database
            .count("SELECT COUNT(*) FROM nas WHERE shortname = 'bar'")
            .await
            == 1
        {
            "bar"
        } else {
            "beach"
        };
        let changed = send(&app, Method::PATCH, &format!("/routers/{name}"), &change).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }

    let log =
        "SELECT COALESCE(detail, '-') FROM audit_events WHERE action = 'nas_change' ORDER BY id";
    let expected = [
        "changed: secret, coa_port, require_message_auth",
        "changed: address, identifier, type",
        "changed: name",
        "-",
    ];
    assert_eq!(app.database.texts(log).await, expected);
}

async fn an_invalid_router_is_refused_with_the_reason(kind: Kind) {
    let app = TestApp::start(kind).await;
    for body in [
        json!({"address": "10.0.0.0/33", "name": "bar"}),
        json!({"address": "10.0.0.1", "name": "bar", "type": "fridge"}),
        json!({"address": "10.0.0.1", "name": "bar", "identifier": "a'b"}),
        json!({"address": "10.0.0.1", "name": "a'b"}),
        json!({"address": "10.0.0.1", "name": "bar", "secret": "short"}),
        json!({"address": "10.0.0.1", "name": "bar", "coa_port": 0}),
    ] {
        add(&app, &body)
            .await
            .assert_problem(422, "invalid_request");
    }
    add(&app, &json!({"name": "bar"}))
        .await
        .assert_problem(400, "invalid_request");
    assert_eq!(app.database.count("SELECT COUNT(*) FROM nas").await, 0);
}

async fn the_command_line_adds_and_removes_routers(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let nas = |arguments: &[&str]| -> (Option<i32>, String) {
        let arguments: Vec<_> = ["nas"].iter().chain(arguments).copied().collect();
        let Output {
            status,
            stdout,
            stderr,
        } = run(&arguments, &[("MALIPO__DATABASE__URL", &database.url)]);
        let text = String::from_utf8([stdout, stderr].concat()).unwrap();
        (status.code(), text)
    };

    let (code, text) = nas(&["add", "10.0.0.1", "--name", "bar", "--coa-port", "1700"]);
    assert_eq!(code, Some(0), "{text}");
    let secret = database.text("SELECT secret FROM nas").await.unwrap();
    assert!(
        text.contains(&format!(
            "address=ADDRESS-OF-FREERADIUS secret=\"{secret}\" "
        )),
        "{text}"
    );
    let (code, text) = nas(&["add", "10.0.0.1", "--name", "bar"]);
    assert_eq!(code, Some(1), "{text}");
    let signing = [
        "add",
        "10.0.0.2",
        "--name",
        "pool",
        "--require-message-auth",
    ];
    assert_eq!(nas(&signing).0, Some(0));
    let (code, text) = nas(&["list"]);
    assert_eq!(code, Some(0), "{text}");
    let marks: Vec<_> = text
        .lines()
        .map(|line| line.contains("signed only"))
        .collect();
    assert_eq!(marks, [false, false, true], "{text}");
    let required = "SELECT require_ma FROM nas ORDER BY id";
    assert_eq!(database.texts(required).await, ["auto", "yes"]);
    assert!(
        text.contains("10.0.0.1") && text.contains("1700") && !text.contains(&secret),
        "{text}"
    );
    assert_eq!(nas(&["remove", "10.0.0.1"]).0, Some(0));
    assert_eq!(nas(&["remove", "10.0.0.2"]).0, Some(0));
    assert_eq!(nas(&["remove", "10.0.0.1"]).0, Some(1));
    assert_eq!(database.count("SELECT COUNT(*) FROM nas").await, 0);
}

/// Sends a write to the operators' API.
async fn send(app: &TestApp, method: Method, path: &str, body: &Value) -> Answer {
    let url = app.url(&format!("/api/v1/operator{path}"));
    let request = app.http.request(method, url).bearer_auth(TOKEN).json(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn an_operator_changes_a_router_by_its_name(kind: Kind) {
    let app = TestApp::start(kind).await;
    let new =
        json!({"address": "10.0.0.0/24", "name": "bar", "type": "other", "secret": "bar-bar-bar"});
    let added = send(&app, Method::POST, "/routers", &new).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let other = json!({"address": "10.0.9.9", "name": "kiosk"});
    assert_eq!(
        send(&app, Method::POST, "/routers", &other).await.status,
        201
    );
    let taken = json!({"address": "10.0.8.8", "name": "kiosk"});
    let taken = send(&app, Method::POST, "/routers", &taken).await;
    taken.assert_problem(409, "invalid_transition");

    let change = json!({"name": "beach", "identifier": "MikroTik", "require_message_auth": true});
    let changed = send(&app, Method::PATCH, "/routers/bar", &change).await;

    assert_eq!(changed.status, 200, "{}", changed.text);
    let id = &added.json()["router"]["id"];
    let expected = json!({
        "id": id, "address": "10.0.0.0/24", "name": "beach", "identifier": "MikroTik",
        "type": "other", "coa_port": 3_799, "require_message_auth": true});
    assert_eq!(changed.json(), expected);
    let row = "SELECT secret || ' ' || require_ma || ' ' || range_first || '-' || range_last \
         FROM nas WHERE shortname = 'beach'";
    let row = app.database.text(row).await;
    assert_eq!(row.as_deref(), Some("bar-bar-bar yes 0a000000-0a0000ff"));
    for (change, status, code) in [
        (json!({"name": "kiosk"}), 409, "invalid_transition"),
        (
            json!({"address": "10.0.9.9", "identifier": ""}),
            409,
            "invalid_transition",
        ),
        (json!({"secret": "short"}), 422, "invalid_request"),
        (json!({"type": "fridge"}), 422, "invalid_request"),
    ] {
        let refused = send(&app, Method::PATCH, "/routers/beach", &change).await;
        refused.assert_problem(status, code);
    }
    let one = json!({"address": "10.0.0.7"});
    assert_eq!(
        send(&app, Method::PATCH, "/routers/beach", &one)
            .await
            .status,
        200
    );
    let ranges = "SELECT COUNT(*) FROM nas WHERE range_first IS NOT NULL";
    assert_eq!(
        app.database.count(ranges).await,
        0,
        "one address is no network"
    );
    let details =
        "SELECT COALESCE(detail, '-') FROM audit_events WHERE action = 'nas_change' ORDER BY id";
    let details = app.database.texts(details).await;
    assert_eq!(details[details.len() - 1], "changed: address");
    remove_all(&app).await;
    let log = "SELECT action FROM audit_events ORDER BY id";
    let expected = [
        "nas_add",
        "nas_add",
        "nas_change",
        "nas_change",
        "nas_remove",
        "nas_remove",
    ];
    assert_eq!(app.database.texts(log).await, expected);
}

/// Removes both routers by their names, once each.
async fn remove_all(app: &TestApp) {
    let gone = send(app, Method::PATCH, "/routers/bar", &json!({})).await;
    gone.assert_problem(404, "not_found");
    for (name, status) in [("beach", 204), ("beach", 404), ("kiosk", 204)] {
        let path = format!("/routers/{name}");
        assert_eq!(
            send(app, Method::DELETE, &path, &json!({})).await.status,
            status
        );
    }
    assert_eq!(app.database.count("SELECT COUNT(*) FROM nas").await, 0);
}

async fn routers_at_one_address_share_a_secret_and_have_an_identifier_each(kind: Kind) {
    let app = TestApp::start(kind).await;
    let router = async |name: &str, more: Value| {
        let mut body = json!({"address": "10.0.0.1", "name": name});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        send(&app, Method::POST, "/routers", &body).await
    };
    assert_eq!(
        router("bar", json!({"identifier": "one"})).await.status,
        201
    );

    let again = router("pool", json!({"identifier": "one"})).await;
    again.assert_problem(409, "invalid_transition");
    let other_secret = json!({"identifier": "two", "secret": "another-secret"});
    let other_secret = router("pool", other_secret).await;
    other_secret.assert_problem(409, "invalid_transition");
    assert_eq!(
        router("pool", json!({"identifier": "two"})).await.status,
        201
    );

    let elsewhere = json!({"address": "10.0.0.9", "name": "far", "identifier": "three",
        "secret": "secret-of-far"});
    let elsewhere = send(&app, Method::POST, "/routers", &elsewhere).await;
    assert_eq!(elsewhere.status, 201);
    let moved = json!({"address": "10.0.0.1"});
    let moved = send(&app, Method::PATCH, "/routers/far", &moved).await;
    moved.assert_problem(409, "invalid_transition");

    let secrets = "SELECT COUNT(DISTINCT secret) FROM nas WHERE nasname = '10.0.0.1'";
    assert_eq!(app.database.count(secrets).await, 1);
    let change = json!({"secret": "another-secret"});
    assert_eq!(
        send(&app, Method::PATCH, "/routers/bar", &change)
            .await
            .status,
        200
    );
    let changed = "SELECT COUNT(*) FROM nas WHERE secret = 'another-secret'";
    assert_eq!(
        app.database.count(changed).await,
        2,
        "both have the new one"
    );
}

pub async fn add(app: &TestApp, body: &Value) -> Answer {
    let url = app.url("/api/v1/operator/nas");
    let request = app.http.post(url).bearer_auth(TOKEN).json(body);
    Answer::of(request.send().await.unwrap()).await
}

/// The answer to a log-in from a router at this address.
async fn login_from(radius: &FreeRadius, address: &str, secret: &str, code: &str) -> String {
    let request = [
        ("Packet-Src-IP-Address", address),
        ("User-Name", code),
        ("User-Password", code),
    ];
    radius.ask("auth", secret, &request).await.code
}

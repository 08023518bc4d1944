//! Routers in the table `nas`.

use std::process::Output;

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
        {"id": id, "address": "10.0.0.1", "name": "bar", "coa_port": 1700,
            "require_message_auth": false}
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

async fn an_invalid_router_is_refused_with_the_reason(kind: Kind) {
    let app = TestApp::start(kind).await;
    for body in [
        json!({"address": "10.0.0.0/24", "name": "bar"}),
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
    assert_eq!(code, Some(0));
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

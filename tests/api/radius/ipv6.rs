//! Routers that ask over IPv6.

use serde_json::json;

use super::routers::add;
use super::{refund, sell};
use crate::harness::freeradius::{FreeRadius, SECRET, radclient};
use crate::harness::process::run;
use crate::harness::radius_packet::{RawRequest, Signed};
use crate::harness::router::{self, Manner, TestRouter, attribute};
use crate::harness::{Kind, TestApp, TestDatabase};

on_both_databases! {
    a_router_over_ipv6_is_served_and_its_sessions_are_ended_there,
    an_ipv6_router_is_refused_where_freeradius_listens_on_ipv4_alone,
}

const ACCEPT: u8 = 2;

/// Runs `malipo nas` where FreeRADIUS is at this port.
fn nas(database: &TestDatabase, port: u16, arguments: &[&str]) -> (Option<i32>, String) {
    let arguments: Vec<_> = ["nas"].iter().chain(arguments).copied().collect();
    let server = format!("127.0.0.1:{port}");
    let settings = [
        ("MALIPO__DATABASE__URL", database.url.as_str()),
        ("MALIPO__RADIUS__SERVER", &server),
        ("MALIPO__RADIUS__SECRET", SECRET),
    ];
    let output = run(&arguments, &settings);
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

async fn a_router_over_ipv6_is_served_and_its_sessions_are_ended_there(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start_on_ipv6(&app.database).await;
    let (order, code) = sell(&app, "daily").await;
    let router = TestRouter::start_at("::1", Manner::Acknowledges).await;
    let coa_port = router.address.port().to_string();
    let (address, secret) = ("0:0:0::0:1", router::SECRET);
    let new = ["--name", "six", "--secret", secret, "--coa-port", &coa_port];

    let arguments = [["add", address].as_slice(), &new].concat();
    let (status, text) = nas(&app.database, radius.auth_port, &arguments);

    assert_eq!(status, Some(0), "{text}");
    let stored = app.database.text("SELECT nasname FROM nas").await;
    assert_eq!(stored.as_deref(), Some("::1"));
    let request = RawRequest::login(Signed::Yes, secret, &code, &[]);
    let reply = request.send_from("::1", radius.auth_port).await;
    assert_eq!(reply.code, ACCEPT, "{:?}", reply.message);
    let session = [
        ("Acct-Status-Type", "Start"),
        ("User-Name", &code),
        ("Acct-Session-Id", "s1"),
        ("NAS-IPv6-Address", "::1"),
        ("Framed-IP-Address", "10.5.50.7"),
    ];
    let accounting = format!("[::1]:{}", radius.acct_port);
    let reported = radclient(&accounting, "acct", secret, &session).await;
    assert_eq!(reported.code, "Accounting-Response");

    refund(&app, &order).await;

    let ended = "SELECT COUNT(*) FROM order_events WHERE kind = 'disconnected'";
    app.database.wait_for_count(ended, 1).await;
    let requests = router.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(attribute(&requests[0], 44).as_deref(), Some(&b"s1"[..]));
    let octets = std::net::Ipv6Addr::LOCALHOST.octets();
    assert_eq!(attribute(&requests[0], 95).as_deref(), Some(&octets[..]));
    let (status, text) = nas(&app.database, radius.auth_port, &["remove", "::0001"]);
    assert_eq!(status, Some(0), "{text}");
}

async fn an_ipv6_router_is_refused_where_freeradius_listens_on_ipv4_alone(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;

    let arguments = ["add", "fd00::7", "--name", "six"];
    let (status, text) = nas(&app.database, radius.auth_port, &arguments);

    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("listen_ipv6 = \"yes\""), "{text}");
    // The server of this test knows no FreeRADIUS.
    let body = json!({"address": "fd00::7", "name": "six"});
    add(&app, &body)
        .await
        .assert_problem(422, "invalid_request");
    assert_eq!(app.database.count("SELECT COUNT(*) FROM nas").await, 0);
}

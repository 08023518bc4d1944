//! Routers without an address of their own: in a network, or anywhere. And what is known of each router.

use serde_json::json;

use super::routers::add;
use super::{refund, sell, with_voucher};
use crate::harness::freeradius::FreeRadius;
use crate::harness::router::{Manner, SECRET, TestRouter};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    the_smallest_network_that_has_the_address_counts,
    a_disconnect_goes_to_the_source_in_the_network_and_not_where_the_packet_says,
    the_console_knows_when_each_router_was_last_heard,
    a_guest_is_let_in_although_the_router_cannot_be_recorded,
}

async fn register(app: &TestApp, address: &str, name: &str, port: u16) {
    let secret = format!("secret-of-{name}");
    let body = json!({"address": address, "name": name, "secret": secret, "coa_port": port});
    let added = add(app, &body).await;
    assert_eq!(added.status, 201, "{}", added.text);
}

/// The answer to a log-in from this address with the secret of a router.
async fn login(radius: &FreeRadius, source: &str, router: &str, code: &str) -> String {
    let request = [
        ("Packet-Src-IP-Address", source),
        ("NAS-Identifier", "MikroTik"),
        ("User-Name", code),
        ("User-Password", code),
        ("Calling-Station-Id", "AA:01"),
    ];
    let secret = format!("secret-of-{router}");
    radius.ask("auth", &secret, &request).await.code
}

async fn the_smallest_network_that_has_the_address_counts(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "monthly").await;
    register(&app, "any", "anywhere", 3_799).await;
    register(&app, "127.8.0.0/16", "town", 3_799).await;
    register(&app, "127.8.7.0/24", "street", 3_799).await;
    register(&app, "127.8.7.7", "house", 3_799).await;
    // The order of the rows does not matter.
    register(&app, "127.0.0.0/8", "country", 3_799).await;

    for (source, router) in [
        ("127.8.7.7", "house"),
        ("127.8.7.8", "street"),
        ("127.8.7.255", "street"),
        ("127.8.8.0", "town"),
        ("127.9.0.0", "country"),
    ] {
        let answer = login(&radius, source, router, &code).await;
        assert_eq!(answer, "Access-Accept", "{source} is {router}");
    }
    app.database
        .execute("DELETE FROM nas WHERE shortname = 'country'")
        .await;
    let answer = login(&radius, "127.10.0.1", "anywhere", &code).await;
    assert_eq!(answer, "Access-Accept");
}

async fn a_disconnect_goes_to_the_source_in_the_network_and_not_where_the_packet_says(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let (order, code) = sell(&app, "daily").await;
    let router = TestRouter::start_at("127.8.7.9", Manner::Acknowledges).await;
    let port = router.address.port();
    // The address in the packet is registered too, and listens at the same port.
    let named = std::net::UdpSocket::bind(("127.8.9.9", port)).unwrap();
    for (address, name) in [("127.8.7.0/24", "street"), ("127.8.9.9", "other")] {
        let row = json!({"address": address, "name": name, "secret": SECRET, "coa_port": port});
        assert_eq!(add(&app, &row).await.status, 201);
    }
    let session = [
        ("Packet-Src-IP-Address", "127.8.7.9"),
        ("NAS-IP-Address", "127.8.9.9"),
        ("Acct-Status-Type", "Start"),
        ("User-Name", &code),
        ("Acct-Session-Id", "s1"),
        ("Calling-Station-Id", "AA:01"),
    ];
    let reported = radius.ask("acct", SECRET, &session).await;
    assert_eq!(reported.code, "Accounting-Response");

    refund(&app, &order).await;

    let ended = "SELECT COUNT(*) FROM order_events WHERE kind = 'disconnected'";
    app.database.wait_for_count(ended, 1).await;
    assert_eq!(router.requests().len(), 1);
    named.set_nonblocking(true).unwrap();
    let strayed = named.recv(&mut [0; 100]);
    assert!(strayed.is_err(), "the address in the packet got a request");
    let result = "SELECT n.shortname || ' ' || s.disconnect_result FROM router_status s \
         JOIN nas n ON n.id = s.router_id WHERE s.disconnect_result IS NOT NULL";
    assert_eq!(app.database.texts(result).await, ["street acknowledged"]);
}

/// A router's name, and which of its times are set.
const KNOWN: &str = "SELECT n.shortname || ':' \
     || CASE WHEN s.accepted_at IS NULL THEN '' ELSE ' accepted' END \
     || CASE WHEN s.rejected_at IS NULL THEN '' ELSE ' rejected' END \
     || CASE WHEN s.signed_at IS NULL THEN '' ELSE ' signed' END \
     || CASE WHEN s.unsigned_at IS NULL THEN '' ELSE ' unsigned' END \
     || CASE WHEN s.accounted_at IS NULL THEN '' ELSE ' accounted' END \
     FROM router_status s JOIN nas n ON n.id = s.router_id ORDER BY 1";

async fn the_console_knows_when_each_router_was_last_heard(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "monthly").await;
    for (name, identifier) in [("bar", "one"), ("pool", "two")] {
        let row = json!({"address": "127.8.7.9", "name": name, "identifier": identifier,
            "secret": "secret-of-bar"});
        assert_eq!(add(&app, &row).await.status, 201);
    }
    register(&app, "127.8.7.10", "quiet", 3_799).await;
    let ask = async |kind: &str, more: &[(&str, &str)]| {
        let request = [&[("Packet-Src-IP-Address", "127.8.7.9")][..], more].concat();
        radius.ask(kind, "secret-of-bar", &request).await.code
    };

    let right = [("User-Name", code.as_str()), ("User-Password", &code)];
    let bar = [("NAS-Identifier", "one"), ("Message-Authenticator", "0x00")];
    assert_eq!(
        ask("auth", &[&bar[..], &right].concat()).await,
        "Access-Accept"
    );
    let wrong = [
        ("NAS-Identifier", "two"),
        ("User-Name", "WRONGWRX"),
        ("User-Password", "x"),
    ];
    assert_eq!(ask("auth", &wrong).await, "Access-Reject");
    let start = [
        ("NAS-Identifier", "one"),
        ("NAS-IP-Address", "192.168.88.1"),
        ("Acct-Status-Type", "Start"),
        ("Acct-Session-Id", "s1"),
        ("User-Name", &code),
    ];
    assert_eq!(ask("acct", &start).await, "Accounting-Response");

    let known = app.database.texts(KNOWN).await;
    let expected = ["bar: accepted signed accounted", "pool: rejected unsigned"];
    assert_eq!(known, expected);
    let store = app.store_beside().await;
    let states = store.router_states().await.unwrap();
    let sessions: Vec<_> = states
        .iter()
        .map(|(router, status)| (router.name.as_str(), status.sessions))
        .collect();
    assert_eq!(sessions, [("bar", 1), ("pool", 0), ("quiet", 0)]);
}

/// For example because FreeRADIUS's user lacks the right.
async fn a_guest_is_let_in_although_the_router_cannot_be_recorded(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "monthly").await;
    register(&app, "127.8.7.9", "bar", 3_799).await;
    app.database.execute("DROP TABLE router_status").await;

    let answer = login(&radius, "127.8.7.9", "bar", &code).await;

    assert_eq!(answer, "Access-Accept");
}

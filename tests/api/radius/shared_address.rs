//! Many routers have the NAS-IP-Address 192.168.88.1. They are distinguished by the address that their
//! packets come from, and behind one address by the name that they give themselves.

use serde_json::json;

use super::{age_sessions, refund, routers, sell};
use crate::harness::freeradius::FreeRadius;
use crate::harness::router::{Manner, SECRET, TestRouter, attribute};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    an_accounting_on_closes_the_sessions_of_that_router_alone,
    an_accounting_on_closes_sessions_of_an_earlier_version,
    two_routers_with_equal_session_ids_count_apart,
    a_router_whose_address_changes_keeps_its_sessions,
    a_registered_router_ends_no_session_of_another,
    a_router_ends_no_session_of_another_in_a_network_and_keeps_its_own,
    a_refund_reaches_the_router_at_the_registered_address,
    a_refund_reaches_the_router_of_that_name_behind_one_address,
}

const LAN: &str = "192.168.88.1";
const OPEN: &str = "SELECT callingstationid FROM radacct WHERE acctstoptime IS NULL ORDER BY 1";
const OCTETS: &str =
    "SELECT CAST(COALESCE(SUM(acctinputoctets), 0) AS bigint) FROM radacct WHERE packetsource = ";

/// A router, by the source of its packets and its name.
#[derive(Clone, Copy)]
struct Nas(&'static str, &'static str);

impl Nas {
    async fn account(self, radius: &FreeRadius, packet: &[(&str, &str)]) {
        let Self(source, name) = self;
        let router = [
            ("Packet-Src-IP-Address", source),
            ("NAS-IP-Address", LAN),
            ("NAS-Identifier", name),
        ];
        let packet = [&router[..], packet].concat();
        let reply = radius.ask("acct", SECRET, &packet).await;
        assert_eq!(reply.code, "Accounting-Response", "{packet:?}");
    }

    async fn start(self, radius: &FreeRadius, code: &str, session: &str, device: &str) {
        let packet = [
            ("Acct-Status-Type", "Start"),
            ("User-Name", code),
            ("Acct-Session-Id", session),
            ("Calling-Station-Id", device),
        ];
        self.account(radius, &packet).await;
    }

    async fn report(
        self,
        radius: &FreeRadius,
        code: &str,
        device: &str,
        (secs, octets): (&str, &str),
    ) {
        let packet = [
            ("Acct-Status-Type", "Interim-Update"),
            ("User-Name", code),
            ("Acct-Session-Id", "80000001"),
            ("Calling-Station-Id", device),
            ("Acct-Session-Time", secs),
            ("Acct-Input-Octets", octets),
        ];
        self.account(radius, &packet).await;
    }

    async fn restart(self, radius: &FreeRadius) {
        let packet = [
            ("Acct-Status-Type", "Accounting-On"),
            ("Acct-Session-Id", "0"),
        ];
        self.account(radius, &packet).await;
    }
}

async fn register(app: &TestApp, address: &str, name: &str, port: u16) {
    let sql = format!(
        "INSERT INTO nas (nasname, shortname, secret, ports) VALUES ('{address}', '{name}', '{SECRET}', {port})"
    );
    app.database.execute(&sql).await;
}

/// A shop with routers at 127.0.0.2 and 127.0.0.3.
async fn with_routers(kind: Kind) -> (TestApp, FreeRadius, String) {
    let (app, radius, code) = super::with_voucher(kind, "monthly").await;
    register(&app, "127.0.0.2", "bar", 3_799).await;
    register(&app, "127.0.0.3", "kiosk", 3_799).await;
    (app, radius, code)
}

async fn an_accounting_on_closes_the_sessions_of_that_router_alone(kind: Kind) {
    let (app, radius, code) = with_routers(kind).await;
    let (bar, other) = (Nas("127.0.0.2", "MikroTik"), Nas("127.0.0.2", "garden"));
    let kiosk = Nas("127.0.0.3", "MikroTik");
    bar.start(&radius, &code, "80000001", "AA:01").await;
    other.start(&radius, &code, "80000001", "AA:02").await;
    kiosk.start(&radius, &code, "80000001", "AA:03").await;

    bar.restart(&radius).await;

    assert_eq!(app.database.texts(OPEN).await, ["AA:02", "AA:03"]);
    kiosk.restart(&radius).await;
    assert_eq!(app.database.texts(OPEN).await, ["AA:02"]);
}

async fn an_accounting_on_closes_sessions_of_an_earlier_version(kind: Kind) {
    let (app, radius, code) = with_routers(kind).await;
    let bar = Nas("127.0.0.2", "MikroTik");
    bar.start(&radius, &code, "80000001", "AA:01").await;
    let earlier = "UPDATE radacct SET packetsource = NULL, nasidentifier = NULL";
    assert_eq!(app.database.execute(earlier).await, 1);
    age_sessions(&app, 300).await;
    bar.report(&radius, &code, "AA:01", ("300", "70")).await;
    assert_eq!(app.database.count("SELECT COUNT(*) FROM radacct").await, 1);
    assert_eq!(app.database.execute(earlier).await, 1);

    bar.restart(&radius).await;

    assert_eq!(app.database.texts(OPEN).await, Vec::<String>::new());
}

async fn two_routers_with_equal_session_ids_count_apart(kind: Kind) {
    let (app, radius, code) = with_routers(kind).await;
    let (bar, kiosk) = (Nas("127.0.0.2", "MikroTik"), Nas("127.0.0.3", "MikroTik"));
    // One phone walks from the bar to the kiosk, whose router has the same id for it.
    bar.start(&radius, &code, "80000001", "AA:01").await;
    age_sessions(&app, 300).await;
    bar.report(&radius, &code, "AA:01", ("300", "70")).await;
    kiosk.start(&radius, &code, "80000001", "AA:01").await;
    age_sessions(&app, 300).await;

    kiosk.report(&radius, &code, "AA:01", ("300", "5")).await;
    bar.report(&radius, &code, "AA:01", ("600", "80")).await;

    let octets = async |source: &str| app.database.count(&format!("{OCTETS}'{source}'")).await;
    assert_eq!(octets("127.0.0.2").await, 80);
    assert_eq!(octets("127.0.0.3").await, 5);
}

async fn a_router_whose_address_changes_keeps_its_sessions(kind: Kind) {
    let (app, radius, code) = with_routers(kind).await;
    Nas("127.0.0.2", "bar")
        .start(&radius, &code, "80000001", "AA:01")
        .await;
    age_sessions(&app, 300).await;

    let follow = "UPDATE nas SET nasname = '127.0.0.4' WHERE nasname = '127.0.0.2'";
    assert_eq!(app.database.execute(follow).await, 1);
    let moved = Nas("127.0.0.4", "bar");
    moved.report(&radius, &code, "AA:01", ("300", "70")).await;

    assert_eq!(app.database.count("SELECT COUNT(*) FROM radacct").await, 1);
    assert_eq!(
        app.database.count(&format!("{OCTETS}'127.0.0.4'")).await,
        70
    );
    moved.restart(&radius).await;
    assert_eq!(app.database.texts(OPEN).await, Vec::<String>::new());
}

async fn a_registered_router_ends_no_session_of_another(kind: Kind) {
    let (app, radius, code) = with_routers(kind).await;
    let (bar, kiosk) = (Nas("127.0.0.2", "MikroTik"), Nas("127.0.0.3", "MikroTik"));
    bar.start(&radius, &code, "80000001", "AA:01").await;
    age_sessions(&app, 300).await;

    kiosk.report(&radius, &code, "AA:01", ("300", "5")).await;
    let stop = [
        ("Acct-Status-Type", "Stop"),
        ("User-Name", &*code),
        ("Acct-Session-Id", "80000001"),
        ("Calling-Station-Id", "AA:01"),
        ("Acct-Session-Time", "301"),
    ];
    kiosk.account(&radius, &stop).await;

    let open = "SELECT packetsource FROM radacct WHERE acctstoptime IS NULL";
    assert_eq!(app.database.texts(open).await, ["127.0.0.2"]);
}

/// The number of Disconnect-Requests that each of the routers gets after a refund.
async fn a_router_ends_no_session_of_another_in_a_network_and_keeps_its_own(kind: Kind) {
    let (app, radius, code) = with_routers(kind).await;
    for (network, name) in [
        ("127.8.7.0/24", "street"),
        ("127.9.0.0/16", "town"),
        ("any", "home"),
    ] {
        let body = json!({"address": network, "name": name, "secret": SECRET});
        let added = routers::add(&app, &body).await;
        assert_eq!(added.status, 201, "{}", added.text);
    }
    // Of an address of its own, of two networks, and of none.
    let sources = ["127.0.0.3", "127.8.7.5", "127.9.0.1", "127.10.0.1"];
    let open = "SELECT packetsource FROM radacct WHERE acctstoptime IS NULL";
    let stop = [
        ("Acct-Status-Type", "Stop"),
        ("User-Name", &*code),
        ("Acct-Session-Id", "80000001"),
        ("Calling-Station-Id", "AA:01"),
        ("Acct-Session-Time", "301"),
    ];

    for owner in sources {
        app.database.execute("DELETE FROM radacct").await;
        let router = Nas(owner, "MikroTik");
        router.start(&radius, &code, "80000001", "AA:01").await;
        age_sessions(&app, 300).await;
        for other in sources.into_iter().filter(|other| *other != owner) {
            let other = Nas(other, "MikroTik");
            other.report(&radius, &code, "AA:01", ("300", "5")).await;
            other.account(&radius, &stop).await;
        }
        assert_eq!(app.database.texts(open).await, [owner]);
    }
    for [before, after] in [["127.8.7.5", "127.8.7.6"], ["127.10.0.1", "127.11.0.1"]] {
        app.database.execute("DELETE FROM radacct").await;
        let router = Nas(before, "MikroTik");
        router.start(&radius, &code, "80000001", "AA:01").await;
        age_sessions(&app, 300).await;
        let moved = Nas(after, "MikroTik");
        moved.report(&radius, &code, "AA:01", ("300", "70")).await;
        assert_eq!(app.database.texts(open).await, [after]);
    }
}

async fn refunded(
    kind: Kind,
    at: [&'static str; 2],
    names: [&'static str; 2],
    said: [&'static str; 2],
) -> [usize; 2] {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let mut routers = Vec::new();
    for (address, name) in at.into_iter().zip(names) {
        let router = TestRouter::start_at(address, Manner::Acknowledges).await;
        register(&app, address, name, router.address.port()).await;
        routers.push(router);
    }
    // What a packet says is no address: this row is of another router.
    register(&app, LAN, "lan", 1).await;
    let (order, code) = sell(&app, "daily").await;
    let (_, other) = sell(&app, "daily").await;
    Nas(at[0], said[0])
        .start(&radius, &code, "80000001", "AA:01")
        .await;
    Nas(at[1], said[1])
        .start(&radius, &other, "80000001", "AA:02")
        .await;

    refund(&app, &order).await;

    let ended =
        "SELECT COUNT(*) FROM outbox_messages WHERE state = 'sent' AND result = 'acknowledged'";
    app.database.wait_for_count(ended, 1).await;
    for request in routers.iter().flat_map(TestRouter::requests) {
        assert_eq!(attribute(&request, 1).as_deref(), Some(code.as_bytes()));
        assert_eq!(attribute(&request, 4), Some(vec![192, 168, 88, 1]));
    }
    [routers[0].requests().len(), routers[1].requests().len()]
}

async fn a_refund_reaches_the_router_at_the_registered_address(kind: Kind) {
    let at = ["127.0.0.2", "127.0.0.3"];

    let requests = refunded(kind, at, ["bar", "kiosk"], ["MikroTik", "MikroTik"]).await;

    assert_eq!(requests, [1, 0]);
}

async fn a_refund_reaches_the_router_of_that_name_behind_one_address(kind: Kind) {
    let at = ["127.0.0.2", "127.0.0.2"];

    let requests = refunded(kind, at, ["bar", "kiosk"], ["bar", "kiosk"]).await;

    assert_eq!(requests, [1, 0]);
}

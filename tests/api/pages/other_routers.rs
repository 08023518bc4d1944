//! Routers other than MikroTik's: openNDS, for which the portal asks FreeRADIUS, and the pages by which
//! devices find out whether they are on-line.

use super::browser::Browser;
use super::voucher::sold;
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::{Answer, Kind, TOKEN, TestApp, TestDatabase};
use crate::owner_link::true_code;
use malipo::actors::Command;
use malipo::domain::access::{DeviceMac, VoucherCode};
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::{Personal, Secret};
use malipo::store::TrustedSession;

on_both_databases! {
    a_voucher_at_opennds_counts_its_devices_although_none_is_reported,
    phones_that_come_to_opennds_at_once_are_one_device_too_many,
    a_session_at_opennds_counts_no_longer_when_its_code_is_closed,
    no_router_frees_a_device_place_at_opennds,
    a_voucher_is_not_let_in_at_opennds_without_freeradius,
    the_pages_of_devices_lead_to_the_shop_where_the_server_is_on_site,
    the_pages_of_devices_do_not_exist_elsewhere,
}

const OPEN: &str = "SELECT COUNT(*) FROM radacct WHERE acctstoptime IS NULL";

/// A link of a page for a guest at openNDS, with this device.
fn connect(device: &str) -> String {
    format!(
        "/connect?mac={device}&login=http%3A%2F%2F10.2.0.1%3A2050%2Fopennds_auth%2F&hid={}&cip=10.2.0.9&nas=Pwani",
        "ab".repeat(32)
    )
}

/// A shop that asks the FreeRADIUS at this port.
async fn start(database: TestDatabase, port: u16) -> TestApp {
    TestApp::start_on(database, |config| {
        config.portal.login_hosts = vec!["10.2.0.1:2050".to_owned()];
        config.portal.fas_key = Some(Secret::new("0123456789abcdef"));
        config.radius.server = Some(([127, 0, 0, 1], port).into());
        config.radius.secret = Some(Secret::new(SECRET));
        config.radius.proofs_per_min = 0;
    })
    .await
}

fn is_let_in(answer: &Answer) -> bool {
    answer.status == 200
        && answer
            .text
            .contains("http://10.2.0.1:2050/opennds_auth/?tok=")
}

async fn a_voucher_at_opennds_counts_its_devices_although_none_is_reported(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = start(database, radius.auth_port).await;
    let (order, code) = sold(&app, "daily").await;
    let (first, second) = (connect("aabbcc000001"), connect("aabbcc000002"));
    let mut browser = Browser::default();

    assert!(is_let_in(&browser.post(&app, &first, &code).await));
    assert!(is_let_in(&browser.post(&app, &first, &code).await), "again");
    let refused = browser.post(&app, &second, &code).await;
    assert!(!is_let_in(&refused));
    assert!(
        refused.text.contains("Other phones use this voucher now"),
        "{}",
        refused.text
    );

    let sessions = "SELECT COUNT(*) FROM radacct WHERE acctstoptime IS NULL";
    app.database.wait_for_count(sessions, 1).await;
    let strange = browser.post(&app, &connect(""), &code).await;
    assert!(!is_let_in(&strange), "a guest without a device");
    let unknown = browser.post(&app, &first, "AAAABBBB").await;
    assert_eq!(unknown.status, 404);
    // It is FreeRADIUS that decides.
    app.database.execute("DELETE FROM radcheck").await;
    assert!(!is_let_in(&browser.post(&app, &first, &code).await));
    // Nothing can be sent to openNDS, so no Disconnect-Request is queued, and nobody is let in again.
    let refund = Evidence::Operator(OrderAct::Refund, Personal::new("asked"));
    let orders = &app.app.api.orders;
    let refunded = orders
        .handle(order.id.parse().unwrap(), Command::of(refund))
        .await;
    refunded.unwrap();
    assert!(!is_let_in(&browser.post(&app, &first, &code).await));
    app.database
        .wait_for_count("SELECT COUNT(*) FROM outbox_messages", 0)
        .await;
}

async fn phones_that_come_to_opennds_at_once_are_one_device_too_many(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (_, code) = sold(&app, "daily").await;
    let store = &app.app.api.store;
    let opened = (1..=6).map(|phone| {
        store.open_trusted_session(TrustedSession {
            code: VoucherCode::from_stored(code.clone()),
            device: DeviceMac::read(&format!("aabbcc00000{phone}")).unwrap(),
            address: None,
            router: "Pwani".to_owned(),
            seconds: 0,
        })
    });

    let opened = futures_util::future::join_all(opened).await;

    let let_in = opened
        .into_iter()
        .filter(|it| it.as_ref().unwrap().is_some());
    assert_eq!(let_in.count(), 1);
    assert_eq!(app.database.count(OPEN).await, 1);
}

async fn a_session_at_opennds_counts_no_longer_when_its_code_is_closed(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = start(database, radius.auth_port).await;
    let (order, code) = sold(&app, "daily").await;
    let mut browser = Browser::default();
    assert!(is_let_in(
        &browser.post(&app, &connect("aabbcc000001"), &code).await
    ));
    assert_eq!(app.database.count(OPEN).await, 1);

    let url = app.url(&format!("/api/v1/operator/orders/{}/reissue", order.id));
    let body = serde_json::json!({"reason": "stolen code"});
    let request = app.http.post(url).bearer_auth(TOKEN).json(&body);
    assert!(request.send().await.unwrap().status().is_success());

    assert_eq!(app.database.count(OPEN).await, 0);
    let new = true_code(&app, &order).await;
    assert_ne!(new, code);
    let answer = browser.post(&app, &connect("aabbcc000002"), &new).await;
    assert!(is_let_in(&answer), "{}", answer.text);
}

async fn no_router_frees_a_device_place_at_opennds(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = start(database, radius.auth_port).await;
    let (_, code) = sold(&app, "daily").await;
    let mut browser = Browser::default();
    let (first, second) = (connect("aabbcc000001"), connect("aabbcc000002"));
    assert!(is_let_in(&browser.post(&app, &first, &code).await));

    // What such a row says of its router.
    let router = [("NAS-IP-Address", "0.0.0.0"), ("NAS-Identifier", "Pwani")];
    for packet in [
        vec![("Acct-Status-Type", "Accounting-On")],
        vec![("Acct-Status-Type", "Accounting-Off")],
        vec![("Acct-Status-Type", "Stop"), ("User-Name", &code)],
        vec![
            ("Acct-Status-Type", "Interim-Update"),
            ("User-Name", &code),
            ("Calling-Station-Id", "AA:BB:CC:00:00:01"),
            ("Acct-Output-Octets", "77"),
        ],
        vec![
            ("Acct-Status-Type", "Stop"),
            ("User-Name", &code),
            ("Calling-Station-Id", "AA:BB:CC:00:00:01"),
        ],
    ] {
        radius.account(&[&router[..], &packet].concat()).await;
    }

    let kept = "SELECT COUNT(*) FROM radacct WHERE packetsource IS NULL AND acctstoptime IS NULL \
         AND acctoutputoctets = 0";
    assert_eq!(app.database.count(kept).await, 1);
    assert!(!is_let_in(&browser.post(&app, &second, &code).await));
}

async fn a_voucher_is_not_let_in_at_opennds_without_freeradius(kind: Kind) {
    let app = start(TestDatabase::create(kind).await, 1).await;
    let (_, code) = sold(&app, "daily").await;

    let answer = Browser::default()
        .post(&app, &connect("aabbcc000001"), &code)
        .await;

    assert!(!is_let_in(&answer));
    let why = "The Wi-Fi cannot check vouchers just now";
    assert!(answer.text.contains(why), "{}", answer.text);
}

const PROBES: [&str; 4] = [
    "/generate_204",
    "/hotspot-detect.html",
    "/connecttest.txt",
    "/success.txt",
];

async fn the_pages_of_devices_lead_to_the_shop_where_the_server_is_on_site(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.on_site = true).await;
    for path in PROBES {
        let answer = Browser::default().get(&app, path).await;

        assert_eq!(answer.status, 302, "{path}");
        assert_eq!(answer.header("location"), Some(&*format!("{}/", app.base)));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

async fn the_pages_of_devices_do_not_exist_elsewhere(kind: Kind) {
    let app = TestApp::start(kind).await;
    for path in PROBES {
        let answer = Browser::default().get(&app, path).await;

        assert_eq!(answer.status, 404, "{path}");
    }
}

//! Vouchers at a real FreeRADIUS, with the configuration that is shipped in `deploy/freeradius`:
//! the answers that a router gets when a guest logs in.

use malipo::actors::Command;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;

use crate::harness::freeradius::FreeRadius;
use crate::harness::{Answer, Kind, TestApp, TestOrder};
use crate::owner_link::{press, true_code};

mod access;
mod accounting;
mod check;
mod devices;
mod disconnects;
mod down;
mod goes_on;
mod guesses;
mod ipv6;
mod limits;
mod message_auth;
mod networks;
mod new_code;
mod no_accounting;
mod no_new_code;
mod odd_reports;
mod reboots;
mod router_command;
mod routers;
mod shared_address;
mod signatures;
mod spelling;
mod sweep;
mod voucher_tests;
mod vouchers;

/// The router's address in every session of these tests.
const ROUTER: &str = "10.9.9.9";

/// A server, a FreeRADIUS on the same database, and a sold voucher's code.
async fn with_voucher(kind: Kind, package: &str) -> (TestApp, FreeRadius, String) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let (_, code) = sell(&app, package).await;
    (app, radius, code)
}

/// Sells one voucher; returns the order and the code.
async fn sell(app: &TestApp, package: &str) -> (TestOrder, String) {
    let order = app.buy_package(package).await;
    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    let code = code_of(app, &order).await;
    (order, code)
}

async fn code_of(app: &TestApp, order: &TestOrder) -> String {
    true_code(app, order).await
}

/// Refunds the order as an admin.
async fn refund(app: &TestApp, order: &TestOrder) {
    let refund = Evidence::Operator(OrderAct::Refund, Personal::new("slow"));
    let order_id = order.id.parse().unwrap();
    app.app
        .api
        .orders
        .handle(order_id, Command::of(refund))
        .await
        .unwrap();
}

/// Sends one accounting packet of a session.
async fn send_accounting(
    radius: &FreeRadius,
    what: &str,
    code: &str,
    session: &str,
    more: &[(&str, &str)],
) {
    let mut packet = vec![
        ("Acct-Status-Type", what),
        ("User-Name", code),
        ("Acct-Session-Id", session),
        ("NAS-IP-Address", ROUTER),
        ("Framed-IP-Address", "10.5.50.7"),
        ("Calling-Station-Id", "AA:00:00:00:00:01"),
    ];
    packet.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    packet.extend(more);
    radius.account(&packet).await;
}

/// The owner, who saw the order at this version, confirms the replacement of the code.
async fn ask_for_new_code(app: &TestApp, order: &TestOrder, seen: i64) -> Answer {
    press(app, order, seen).await
}

/// Moves a session's last update, and its beginning, into the past.
async fn age_sessions(app: &TestApp, secs: u32) {
    let sql = match app.database.kind {
        Kind::Sqlite => format!(
            "UPDATE radacct SET acctstarttime = acctstarttime - {secs}, acctupdatetime = acctupdatetime - {secs}"
        ),
        Kind::Postgres => format!(
            "UPDATE radacct SET acctstarttime = acctstarttime - interval '{secs} seconds', acctupdatetime = acctupdatetime - interval '{secs} seconds'"
        ),
    };
    assert!(app.database.execute(&sql).await > 0);
}

//! A router that lets guests in and never accounts.

use super::down::{WELL, metric, until_banner_says};
use super::voucher_tests::asks;
use super::{age_sessions, sell, send_accounting, with_voucher};
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::process::run;
use crate::harness::{Kind, TestApp, TestDatabase};
use crate::printed::print;

on_both_databases! {
    the_first_accept_starts_the_time_from_the_first_login,
    a_test_of_our_own_starts_nothing,
    a_guest_is_let_in_although_the_accept_cannot_be_written,
    a_router_that_never_accounts_is_named_until_it_does,
    a_printed_voucher_is_sold_on_the_day_of_its_first_accept,
}

const ACCEPTS: &str = "SELECT COUNT(*) FROM radacct WHERE acctterminatecause = 'Accept'";

async fn the_first_accept_starts_the_time_from_the_first_login(kind: Kind) {
    const MONTH: u64 = 30 * 86_400;
    let (app, radius, code) = with_voucher(kind, "student").await;
    radius.login(&code, "AA:01").await.assert_accepted();

    age_sessions(&app, 86_400).await;
    let second = radius.login(&code, "AA:02").await;
    second.assert_accepted();

    assert_eq!(app.database.count(ACCEPTS).await, 1, "the first one only");
    let left = second.number("Session-Timeout").unwrap();
    assert!((MONTH - 86_700..=MONTH - 86_400).contains(&left), "{left}");
    let voucher = app.get(&app.portal(&format!("/voucher/{code}"))).await;
    let voucher = voucher.json();
    assert_eq!(voucher["state"], "active", "{voucher}");
    assert_eq!(voucher["devices_online"], 0, "{voucher}");
    // The session begins later than the accept.
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 29 * 86_400).await;
    let third = radius.login(&code, "AA:00:00:00:00:01").await;
    third.assert_rejected();
    let message = third.get("Reply-Message");
    assert_eq!(message, Some("The time of this voucher is over"));
}

async fn a_test_of_our_own_starts_nothing(kind: Kind) {
    let database = TestDatabase::create(kind).await;
    let radius = FreeRadius::start(&database).await;
    let app = TestApp::start_on(database, asks(radius.auth_port, SECRET)).await;

    sell(&app, "student").await;

    let tested = "SELECT COUNT(*) FROM order_events WHERE kind IN ('tested', 'not_let_in')";
    app.database.wait_for_count(tested, 1).await;
    assert!(radius.log().contains("Sent Access-Accept"));
    assert_eq!(app.database.count(ACCEPTS).await, 0);
}

/// For example without the right to write, or with a full disk.
async fn a_guest_is_let_in_although_the_accept_cannot_be_written(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "student").await;
    let refusal = match kind {
        Kind::Sqlite => vec![
            "CREATE TRIGGER refusal BEFORE INSERT ON radacct BEGIN SELECT RAISE(ABORT, 'no'); END",
        ],
        Kind::Postgres => vec![
            "CREATE FUNCTION refusal() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END'",
            "CREATE TRIGGER refusal BEFORE INSERT ON radacct FOR EACH ROW EXECUTE FUNCTION refusal()",
        ],
    };
    for statement in refusal {
        app.database.execute(statement).await;
    }

    radius.login(&code, "AA:01").await.assert_accepted();

    assert_eq!(app.database.count(ACCEPTS).await, 0);
}

async fn a_router_that_never_accounts_is_named_until_it_does(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let row =
        "INSERT INTO nas (nasname, shortname, secret) VALUES ('127.0.0.2', 'bar', 'the-secret')";
    app.database.execute(row).await;
    let accounting = || {
        let output = run(&["check"], &[("MALIPO__DATABASE__URL", &app.database.url)]);
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.contains("accounting"));
        line.unwrap_or_default().to_owned()
    };
    // Vouchers that are sold or printed, and a router that is new, are no fault.
    assert!(accounting().starts_with("warn"), "{}", accounting());
    let from_bar = [
        ("Packet-Src-IP-Address", "127.0.0.2"),
        ("NAS-Identifier", "MikroTik"),
        ("User-Name", &code),
        ("User-Password", &code),
        ("Calling-Station-Id", "AA:01"),
    ];
    let reply = radius.ask("auth", "the-secret", &from_bar).await;
    reply.assert_accepted();
    // The report of its session may be on the way.
    let looks = "SELECT COUNT(*) FROM radacct";
    assert_eq!(app.database.count(looks).await, 1);
    assert!(accounting().starts_with("warn"), "{}", accounting());

    age_sessions(&app, 16 * 60).await;

    until_banner_says(
        &app,
        "No accounting from bar (MikroTik), which lets guests in",
    )
    .await;
    let sample = "malipo_radius_unaccounted_vouchers{router=\"bar (MikroTik)\"}";
    assert_eq!(metric(&app, sample).await, 1.0);
    let line = accounting();
    assert!(
        line.starts_with("FAIL") && line.contains("bar (MikroTik)"),
        "{line}"
    );

    // A session of another code shows that it accounts.
    let start = [
        ("Packet-Src-IP-Address", "127.0.0.2"),
        ("NAS-Identifier", "MikroTik"),
        ("NAS-IP-Address", super::ROUTER),
        ("Acct-Status-Type", "Start"),
        ("Acct-Session-Id", "s1"),
        ("User-Name", "K7QMX2PA"),
    ];
    let reply = radius.ask("acct", "the-secret", &start).await;
    assert_eq!(reply.code, "Accounting-Response");
    until_banner_says(&app, WELL).await;
    assert!(accounting().starts_with("ok"), "{}", accounting());
    let text = app.get(&app.url("/metrics")).await.text;
    assert!(!text.contains(sample), "forgotten");
}

async fn a_printed_voucher_is_sold_on_the_day_of_its_first_accept(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let codes = print(&app, "daily", "2").await;
    let sales = async || {
        let report = app.get_as_operator("/api/v1/operator/reports/daily").await;
        report.json()["totals"]["cash_sales"]["count"].clone()
    };
    assert_eq!(sales().await, 0);

    radius.login(&codes[0], "AA:01").await.assert_accepted();
    send_accounting(&radius, "Start", &codes[0], "s1", &[]).await;

    assert_eq!(sales().await, 1);
    age_sessions(&app, 2 * 86_400).await;
    send_accounting(&radius, "Start", &codes[0], "s2", &[]).await;
    assert_eq!(sales().await, 0, "it was sold two days ago");
}

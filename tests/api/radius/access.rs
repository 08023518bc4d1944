//! Which log-ins FreeRADIUS accepts, and until when.

use chrono::Utc;

use super::{code_of, refund, sell, with_voucher};
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_voucher_works_right_after_the_webhook_is_answered,
    a_login_by_chap_works_as_routers_use_it_by_default,
    a_stranger_is_refused,
    a_voucher_whose_time_is_over_is_refused,
    the_end_is_the_same_whatever_the_time_zone_of_freeradius,
    a_refunded_voucher_is_refused,
    a_voucher_keeps_the_speed_it_was_sold_with,
    sessions_and_vouchers_survive_a_restart_of_freeradius,
}

async fn a_voucher_works_right_after_the_webhook_is_answered(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let order = app.buy().await;

    let answer = app.deliver_word(&order, "COMPLETED").await;
    assert_eq!(answer.status, 200);
    let code = code_of(&app, &order).await;
    let reply = radius.login(&code, "AA:01").await;

    reply.assert_accepted();
    let expected = [
        ("Mikrotik-Rate-Limit", "2048k/5120k"),
        ("WISPr-Bandwidth-Max-Up", "2048000"),
        ("WISPr-Bandwidth-Max-Down", "5120000"),
        ("Acct-Interim-Interval", "300"),
        ("Idle-Timeout", "900"),
    ];
    for (name, value) in expected {
        let found: Vec<_> = reply
            .attributes
            .iter()
            .filter(|(it, _)| it == name)
            .collect();
        assert_eq!(found.len(), 1, "{name} once: {:?}", reply.attributes);
        assert_eq!(found[0].1, value, "{name}");
    }
    let left = reply.number("Session-Timeout").unwrap();
    assert!(
        (86_000..=86_400).contains(&left),
        "a day, and no more: {left}"
    );
}

async fn a_login_by_chap_works_as_routers_use_it_by_default(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "daily").await;

    let request = [("User-Name", code.as_str()), ("CHAP-Password", &code)];
    radius.ask("auth", SECRET, &request).await.assert_accepted();
    let request = [("User-Name", code.as_str()), ("CHAP-Password", "WRONG")];
    radius.ask("auth", SECRET, &request).await.assert_rejected();
}

async fn a_stranger_is_refused(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "daily").await;

    radius.login("K7QMX2PZ", "AA:01").await.assert_rejected();
    let wrong = [("User-Name", code.as_str()), ("User-Password", "K7QMX2PZ")];
    radius.ask("auth", SECRET, &wrong).await.assert_rejected();
    let injected = "x' OR '1'='1";
    radius.login(injected, "AA:01").await.assert_rejected();
}

async fn a_voucher_whose_time_is_over_is_refused(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    radius.login(&code, "AA:01").await.assert_accepted();

    set_expiration(&app, &code, -1).await;
    let reply = radius.login(&code, "AA:01").await;

    reply.assert_rejected();
    let message = reply.get("Reply-Message");
    assert_eq!(message, Some("The time of this voucher is over"));
}

async fn the_end_is_the_same_whatever_the_time_zone_of_freeradius(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (_, code) = sell(&app, "daily").await;
    set_expiration(&app, &code, 3_600).await;

    // POSIX signs: UTC+14 and UTC-11.
    for zone in ["XXX-14", "XXX11"] {
        let radius = FreeRadius::start_in_zone(&app.database, zone).await;
        let reply = radius.login(&code, "AA:01").await;
        reply.assert_accepted();
        let left = reply.number("Session-Timeout").unwrap();
        assert!((3_300..=3_600).contains(&left), "{left} in {zone}");
    }
}

async fn a_refunded_voucher_is_refused(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let (order, code) = sell(&app, "daily").await;
    radius.login(&code, "AA:01").await.assert_accepted();

    refund(&app, &order).await;

    radius.login(&code, "AA:01").await.assert_rejected();
}

async fn a_voucher_keeps_the_speed_it_was_sold_with(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;

    let slower = "UPDATE radgroupreply SET value = '1k/1k' WHERE groupname = 'daily' AND attribute = 'Mikrotik-Rate-Limit'";
    assert_eq!(app.database.execute(slower).await, 1);

    let reply = radius.login(&code, "AA:01").await;
    assert_eq!(reply.get("Mikrotik-Rate-Limit"), Some("2048k/5120k"));
}

async fn sessions_and_vouchers_survive_a_restart_of_freeradius(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    radius.login(&code, "AA:01").await.assert_accepted();
    super::send_accounting(&radius, "Start", &code, "s1", &[]).await;

    drop(radius);
    let radius = FreeRadius::start(&app.database).await;

    let (_, sold_meanwhile) = sell(&app, "daily").await;
    radius
        .login(&sold_meanwhile, "AA:02")
        .await
        .assert_accepted();
    let second_device = radius.login(&code, "AA:00:00:00:00:02").await;
    second_device.assert_rejected();
}

/// Moves the end of a voucher by this time, as if days had passed.
async fn set_expiration(app: &TestApp, code: &str, secs: i64) {
    let at = Utc::now().timestamp() + secs;
    let sql = format!(
        "UPDATE radcheck SET value = '{at}' WHERE username = '{code}' AND attribute = 'Expiration'"
    );
    assert_eq!(app.database.execute(&sql).await, 1);
}

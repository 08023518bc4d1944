//! Limits on devices and data, and time from the first login.

use super::{age_sessions, send_accounting, with_voucher};
use crate::harness::Kind;

on_both_databases! {
    a_second_device_is_refused_and_the_first_may_come_back,
    a_package_for_two_devices_admits_two,
    time_from_the_first_login_begins_at_that_login,
    a_routers_own_clock_does_not_count,
    an_owner_may_shorten_sessions_so_that_guests_log_in_again_sooner,
    the_router_receives_the_remaining_data_as_its_limit,
}

async fn a_second_device_is_refused_and_the_first_may_come_back(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;

    let second = radius.login(&code, "AA:00:00:00:00:02").await;
    second.assert_rejected();
    let first = radius.login(&code, "AA:00:00:00:00:01").await;
    first.assert_accepted();

    send_accounting(&radius, "Stop", &code, "s1", &[("Acct-Session-Time", "60")]).await;
    let second = radius.login(&code, "AA:00:00:00:00:02").await;
    second.assert_accepted();
}

async fn a_package_for_two_devices_admits_two(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "monthly").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    radius.login(&code, "AA:02").await.assert_accepted();

    send_accounting(
        &radius,
        "Start",
        &code,
        "s2",
        &[("Calling-Station-Id", "AA:02")],
    )
    .await;

    radius.login(&code, "AA:03").await.assert_rejected();
}

async fn time_from_the_first_login_begins_at_that_login(kind: Kind) {
    const MONTH: u64 = 30 * 86_400;
    let (app, radius, code) = with_voucher(kind, "student").await;
    let unused = radius.login(&code, "AA:01").await;
    assert_eq!(unused.number("Session-Timeout"), Some(MONTH));

    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    send_accounting(&radius, "Stop", &code, "s1", &[("Acct-Session-Time", "60")]).await;
    age_sessions(&app, 86_400).await;
    let next_day = radius.login(&code, "AA:01").await;
    let left = next_day.number("Session-Timeout").unwrap();
    assert!((MONTH - 86_700..=MONTH - 86_400).contains(&left), "{left}");

    age_sessions(&app, 29 * 86_400).await;
    let after_a_month = radius.login(&code, "AA:01").await;
    after_a_month.assert_rejected();
    let message = after_a_month.get("Reply-Message");
    assert_eq!(message, Some("The time of this voucher is over"));
}

async fn a_routers_own_clock_does_not_count(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "student").await;

    // A router without a battery, after a power cut.
    let in_1970 = [("Event-Timestamp", "Jan  1 1970 00:02:00 UTC")];
    send_accounting(&radius, "Start", &code, "s1", &in_1970).await;

    let reply = radius.login(&code, "AA:00:00:00:00:01").await;
    reply.assert_accepted();
    assert!(reply.number("Session-Timeout").unwrap() > 29 * 86_400);
    radius.login(&code, "AA:02").await.assert_rejected();
}

/// Where no Disconnect-Request reaches the router, this is how soon a refund takes effect.
async fn an_owner_may_shorten_sessions_so_that_guests_log_in_again_sooner(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "student").await;
    let hourly = "INSERT INTO radgroupreply (groupname, attribute, op, value) VALUES ('student', 'Session-Timeout', '=', '3600')";
    app.database.execute(hourly).await;
    let reply = radius.login(&code, "AA:01").await;
    assert_eq!(reply.number("Session-Timeout"), Some(3_600));

    // A session never exceeds the voucher's own end.
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    send_accounting(&radius, "Stop", &code, "s1", &[("Acct-Session-Time", "60")]).await;
    age_sessions(&app, 30 * 86_400 - 600).await;
    let left = radius.login(&code, "AA:01").await;
    assert!(left.number("Session-Timeout").unwrap() <= 600);
}

async fn the_router_receives_the_remaining_data_as_its_limit(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "student").await;
    // 20 GiB are five times 2^32.
    let unused = radius.login(&code, "AA:01").await;
    assert_eq!(unused.number("Mikrotik-Total-Limit"), Some(0));
    assert_eq!(unused.number("Mikrotik-Total-Limit-Gigawords"), Some(5));
    // FreeRADIUS's dictionary has no ChilliSpot-Max-Total-Gigawords.
    assert_eq!(unused.number("ChilliSpot-Max-Total-Octets"), Some(0));
    assert_eq!(unused.get("Attr-26.14559.23"), Some("0x00000005"));

    let used = [
        ("Acct-Session-Time", "60"),
        ("Acct-Input-Octets", "1000"),
        ("Acct-Output-Octets", "500"),
        ("Acct-Output-Gigawords", "3"),
    ];
    send_accounting(&radius, "Stop", &code, "s1", &used).await;
    let reply = radius.login(&code, "AA:01").await;
    let left = u64::from(u32::MAX) + 1 - 1_500;
    assert_eq!(reply.number("Mikrotik-Total-Limit"), Some(left));
    assert_eq!(reply.number("Mikrotik-Total-Limit-Gigawords"), Some(1));
    assert_eq!(reply.number("ChilliSpot-Max-Total-Octets"), Some(left));
    assert_eq!(reply.get("Attr-26.14559.23"), Some("0x00000001"));

    let rest = [("Acct-Session-Time", "60"), ("Acct-Input-Gigawords", "2")];
    send_accounting(&radius, "Stop", &code, "s2", &rest).await;
    let empty = radius.login(&code, "AA:01").await;
    empty.assert_rejected();
    let message = empty.get("Reply-Message");
    assert_eq!(message, Some("The data of this voucher is used up"));
}

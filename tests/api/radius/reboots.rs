//! Routers that restart count their session ids and octets from the beginning. What a guest has used
//! never falls, and is never counted twice.

use super::{age_sessions, send_accounting, with_voucher};
use crate::harness::freeradius::FreeRadius;
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_start_with_a_known_session_id_is_a_new_session,
    a_start_after_a_stop_with_the_same_session_id_is_a_new_session,
    a_start_right_after_an_accounting_on_is_a_new_session,
    a_repeated_start_is_the_same_session,
    another_device_with_a_known_session_id_has_its_own_session,
    a_router_that_restarts_without_a_start_begins_a_new_session,
    octets_that_wrap_without_gigawords_go_on,
    late_packets_change_nothing,
    a_report_without_a_start_begins_with_its_session,
    a_session_that_goes_on_after_an_accounting_on_is_open_again,
    an_accounting_on_without_sessions_is_answered,
}

pub(super) const OPEN: &str = "SELECT COUNT(*) FROM radacct WHERE acctstoptime IS NULL";
pub(super) const ALL: &str =
    "SELECT COUNT(*) FROM radacct WHERE COALESCE(acctterminatecause, '') <> 'Accept'";
pub(super) const OCTETS: &str =
    "SELECT CAST(SUM(acctinputoctets + acctoutputoctets) AS bigint) FROM radacct";
const SECOND: &str = "AA:00:00:00:00:02";

/// A report of a session: its seconds, and octets up and down.
pub(super) async fn report(
    (radius, code): (&FreeRadius, &str),
    what: &str,
    session: &str,
    (secs, up, down): (u32, u32, u32),
) {
    let [secs, up, down] = [secs, up, down].map(|number| number.to_string());
    let counters = [
        ("Acct-Session-Time", secs.as_str()),
        ("Acct-Input-Octets", &up),
        ("Acct-Output-Octets", &down),
    ];
    send_accounting(radius, what, code, session, &counters).await;
}

/// How long ago the first session began, in seconds.
async fn first_login_ago(app: &TestApp) -> i64 {
    let ago = match app.database.kind {
        Kind::Sqlite => "CAST(strftime('%s', 'now') AS integer) - MIN(acctstarttime)",
        Kind::Postgres => "CAST(EXTRACT(EPOCH FROM now() - MIN(acctstarttime)) AS bigint)",
    };
    app.database
        .count(&format!("SELECT {ago} FROM radacct"))
        .await
}

async fn a_start_with_a_known_session_id_is_a_new_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "student").await;
    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    age_sessions(&app, 3_600).await;
    report(
        (&radius, &code),
        "Interim-Update",
        "80000001",
        (3_600, 100, 1_000),
    )
    .await;
    age_sessions(&app, 600).await;

    send_accounting(&radius, "Start", &code, "80000001", &[]).await;

    assert_eq!(app.database.count(ALL).await, 2);
    assert_eq!(app.database.count(OPEN).await, 1, "the other one is over");
    assert_eq!(app.database.count(OCTETS).await, 1_100);
    assert!(first_login_ago(&app).await >= 4_200);
    radius.login(&code, SECOND).await.assert_rejected();
    age_sessions(&app, 300).await;
    report((&radius, &code), "Interim-Update", "80000001", (300, 7, 0)).await;
    report((&radius, &code), "Stop", "80000001", (301, 8, 0)).await;
    assert_eq!(app.database.count(ALL).await, 2);
    assert_eq!(app.database.count(OCTETS).await, 1_108);
    let back = radius.login(&code, SECOND).await;
    back.assert_accepted();
    let left = back.number("Session-Timeout").unwrap();
    assert!(left <= 30 * 86_400 - 4_500, "{left}");
}

async fn a_start_after_a_stop_with_the_same_session_id_is_a_new_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    age_sessions(&app, 300).await;
    report((&radius, &code), "Stop", "80000001", (300, 100, 1_000)).await;

    send_accounting(&radius, "Start", &code, "80000001", &[]).await;

    assert_eq!(app.database.count(OPEN).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 1_100);
    radius.login(&code, SECOND).await.assert_rejected();
}

async fn a_start_right_after_an_accounting_on_is_a_new_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    accounting_on(&radius).await;
    assert_eq!(app.database.count(OPEN).await, 0);

    send_accounting(&radius, "Start", &code, "80000001", &[]).await;

    assert_eq!(app.database.count(OPEN).await, 1);
    radius.login(&code, SECOND).await.assert_rejected();
}

async fn accounting_on(radius: &FreeRadius) {
    let restarted = [
        ("Acct-Status-Type", "Accounting-On"),
        ("NAS-IP-Address", super::ROUTER),
        ("Acct-Session-Id", "0"),
    ];
    radius.account(&restarted).await;
}

/// The router had no answer, and sends the Start again: at once, a minute later, and after the first
/// report.
async fn a_repeated_start_is_the_same_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    age_sessions(&app, 60).await;

    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    report(
        (&radius, &code),
        "Interim-Update",
        "80000001",
        (60, 100, 1_000),
    )
    .await;
    let delayed = [("Acct-Delay-Time", "60")];
    send_accounting(&radius, "Start", &code, "80000001", &delayed).await;

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OPEN).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 1_100);
    assert!(first_login_ago(&app).await >= 60);
}

async fn another_device_with_a_known_session_id_has_its_own_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "monthly").await;
    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    report(
        (&radius, &code),
        "Interim-Update",
        "80000001",
        (1, 100, 1_000),
    )
    .await;

    let other = [("Calling-Station-Id", SECOND)];
    send_accounting(&radius, "Start", &code, "80000001", &other).await;

    assert_eq!(app.database.count(OPEN).await, 2);
    assert_eq!(app.database.count(OCTETS).await, 1_100);
    radius
        .login(&code, "AA:00:00:00:00:03")
        .await
        .assert_rejected();
}

async fn a_router_that_restarts_without_a_start_begins_a_new_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "80000001", &[]).await;
    age_sessions(&app, 3_600).await;
    report(
        (&radius, &code),
        "Interim-Update",
        "80000001",
        (3_600, 500, 5_000),
    )
    .await;

    // It counts less than before its restart; then more, and has told of it.
    for (secs, octets, sum) in [(300, 100, 5_600), (4_000, 9_000, 14_600)] {
        age_sessions(&app, 400).await;
        if secs == 4_000 {
            accounting_on(&radius).await;
            age_sessions(&app, 3_700).await;
        }
        report(
            (&radius, &code),
            "Interim-Update",
            "80000001",
            (secs, octets, 0),
        )
        .await;

        assert_eq!(app.database.count(OCTETS).await, sum, "{secs}");
        assert_eq!(app.database.count(OPEN).await, 1, "{secs}");
    }
    // The copies of a packet belong to one session.
    report(
        (&radius, &code),
        "Interim-Update",
        "80000001",
        (4_000, 9_000, 0),
    )
    .await;
    assert_eq!(app.database.count(OCTETS).await, 14_600);
}

async fn octets_that_wrap_without_gigawords_go_on(kind: Kind) {
    const WRAP: i64 = 1 << 32;
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    for (secs, up, down, sum) in [
        (300, 4_200_000_000, 5, 4_200_000_005),
        (600, 10, 6, WRAP + 16),
        // A copy, and a packet that comes late.
        (600, 10, 6, WRAP + 16),
        (300, 4_200_000_000, 5, WRAP + 16),
        (900, 4_000_000_000, 7, WRAP + 4_000_000_007),
        (1_200, 20, 8, 2 * WRAP + 28),
        // Less, but not by a wrap: a router that errs.
        (1_500, 10, 8, 2 * WRAP + 28),
    ] {
        if secs != 300 || up == 4_200_000_000 && sum < WRAP {
            age_sessions(&app, 300).await;
        }
        report((&radius, &code), "Interim-Update", "s1", (secs, up, down)).await;

        assert_eq!(app.database.count(OCTETS).await, sum, "{secs} s, {up}");
    }
    assert_eq!(app.database.count(ALL).await, 1);
    let giga = [
        ("Acct-Session-Time", "1800"),
        ("Acct-Input-Gigawords", "3"),
        ("Acct-Input-Octets", "1"),
    ];
    age_sessions(&app, 300).await;
    send_accounting(&radius, "Stop", &code, "s1", &giga).await;
    assert_eq!(app.database.count(OCTETS).await, 3 * WRAP + 9);
}

async fn late_packets_change_nothing(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 300).await;
    report((&radius, &code), "Interim-Update", "s1", (300, 100, 1_000)).await;
    report((&radius, &code), "Stop", "s1", (310, 110, 1_100)).await;

    report((&radius, &code), "Interim-Update", "s1", (300, 100, 1_000)).await;
    report((&radius, &code), "Stop", "s1", (310, 110, 1_100)).await;
    let delayed = [("Acct-Delay-Time", "310")];
    send_accounting(&radius, "Start", &code, "s1", &delayed).await;

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OPEN).await, 0);
    assert_eq!(app.database.count(OCTETS).await, 1_210);
    radius.login(&code, SECOND).await.assert_accepted();
}

async fn a_report_without_a_start_begins_with_its_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "student").await;

    report((&radius, &code), "Interim-Update", "s1", (500, 100, 1_000)).await;
    report((&radius, &code), "Interim-Update", "s1", (501, 101, 1_000)).await;

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OPEN).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 1_101);
    let ago = first_login_ago(&app).await;
    assert!((500..600).contains(&ago), "{ago}");
    report((&radius, &code), "Stop", "s2", (700, 1, 1)).await;
    assert_eq!(app.database.count(ALL).await, 2);
    assert_eq!(app.database.count(OPEN).await, 1);
}

/// Another router restarted that calls itself alike, or the router lost only its memory of us.
async fn a_session_that_goes_on_after_an_accounting_on_is_open_again(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 300).await;
    report((&radius, &code), "Interim-Update", "s1", (300, 100, 1_000)).await;
    accounting_on(&radius).await;
    assert_eq!(app.database.count(OPEN).await, 0);

    report((&radius, &code), "Interim-Update", "s1", (305, 110, 1_100)).await;

    assert_eq!(app.database.count(OPEN).await, 1);
    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 1_210);
}

/// Otherwise the router sends it again and again.
async fn an_accounting_on_without_sessions_is_answered(kind: Kind) {
    let (_app, radius, _) = with_voucher(kind, "daily").await;

    accounting_on(&radius).await;
}

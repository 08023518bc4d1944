//! Reports of routers with a wrong clock, with a delay that they do not tell, or without a duration: they
//! neither end a voucher early nor count a session twice.

use super::reboots::{ALL, OCTETS, OPEN, report};
use super::{age_sessions, send_accounting, with_voucher};
use crate::harness::Kind;

on_both_databases! {
    a_report_with_a_wrong_duration_does_not_begin_before_the_first_login,
    a_first_report_that_comes_late_belongs_to_its_session,
    a_session_whose_duration_stays_zero_is_one_session,
    counters_that_no_router_can_have_break_no_page,
    a_copy_of_a_stop_counts_once_however_late_it_comes,
    a_server_clock_that_jumps_between_two_reports_starts_no_session,
}

const PHONE: &str = "AA:00:00:00:00:01";

async fn a_report_with_a_wrong_duration_does_not_begin_before_the_first_login(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "student").await;
    radius.login(&code, PHONE).await.assert_accepted();

    let delayed = [("Acct-Delay-Time", "90000000")];
    send_accounting(&radius, "Start", &code, "s1", &delayed).await;
    report((&radius, &code), "Stop", "s1", (9, 1, 1)).await;
    report((&radius, &code), "Interim-Update", "s2", (90_000_000, 1, 1)).await;
    report((&radius, &code), "Stop", "s2", (90_000_001, 1, 1)).await;

    let back = radius.login(&code, PHONE).await;
    back.assert_accepted();
    let left = back.number("Session-Timeout").unwrap();
    assert!(left > 30 * 86_400 - 600, "{left}");
}

async fn counters_that_no_router_can_have_break_no_page(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let most = [
        ("Acct-Session-Time", "10"),
        ("Acct-Input-Gigawords", "2147483647"),
        ("Acct-Output-Gigawords", "2147483647"),
    ];
    send_accounting(&radius, "Interim-Update", &code, "s1", &most).await;
    assert!(app.database.count(OCTETS).await < 1 << 54);

    // A row of an earlier version.
    let all = "UPDATE radacct SET acctinputoctets = 9223372036854775807, acctoutputoctets = 9223372036854775807";
    assert_eq!(app.database.execute(all).await, 1);

    let sessions = app.get_as_operator("/api/v1/operator/sessions").await;
    assert_eq!(sessions.status, 200, "{}", sessions.text);
    let voucher = app.get(&app.portal(&format!("/voucher/{code}"))).await;
    assert_eq!(voucher.status, 200, "{}", voucher.text);
}

async fn a_first_report_that_comes_late_belongs_to_its_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;

    age_sessions(&app, 400).await;
    report((&radius, &code), "Interim-Update", "s1", (300, 100, 900)).await;
    age_sessions(&app, 300).await;
    report((&radius, &code), "Interim-Update", "s1", (600, 200, 1_800)).await;

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OPEN).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 2_000);
}

async fn a_session_whose_duration_stays_zero_is_one_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;

    for octets in [1_000, 2_000, 3_000] {
        age_sessions(&app, 300).await;
        report((&radius, &code), "Interim-Update", "s1", (0, octets, 0)).await;
    }

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 3_000);
}

async fn a_copy_of_a_stop_counts_once_however_late_it_comes(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 300).await;
    report((&radius, &code), "Stop", "s1", (300, 100, 900)).await;

    age_sessions(&app, 500).await;
    report((&radius, &code), "Stop", "s1", (300, 100, 900)).await;

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 1_000);
}

async fn a_server_clock_that_jumps_between_two_reports_starts_no_session(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 300).await;
    report((&radius, &code), "Interim-Update", "s1", (300, 100, 900)).await;

    // Two hours forward, and five minutes pass.
    age_sessions(&app, 7_500).await;
    report((&radius, &code), "Interim-Update", "s1", (600, 200, 1_800)).await;

    assert_eq!(app.database.count(ALL).await, 1);
    assert_eq!(app.database.count(OCTETS).await, 2_000);
}

/// SQLite has no statistics here, as at an owner's: it must not prefer the index of all sessions of a
/// router, which are many, to that of a voucher's.
#[actix_web::test]
async fn the_session_of_a_report_is_found_by_its_voucher() {
    let (app, radius, code) = with_voucher(Kind::Sqlite, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;

    let log = radius.log();
    let query = log
        .split("SELECT COALESCE((SELECT CASE")
        .nth(1)
        .and_then(|rest| rest.split("'none')").next())
        .expect("the query is logged");
    let query = format!("SELECT COALESCE((SELECT CASE{query}'none')");

    let plan = format!("EXPLAIN QUERY PLAN {query}");
    let steps = app.database.plan(&plan).await;
    assert!(
        steps.contains("USING INDEX username (username=?)"),
        "{steps}\n{query}"
    );
}

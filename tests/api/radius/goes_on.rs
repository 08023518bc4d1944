//! Sessions that do not end when they should: data that is used up, reports that come after a router's answer,
//! and a router that makes others wait.

use super::disconnects::OnLine;
use super::{ROUTER, refund, sell, send_accounting};
use crate::harness::freeradius::FreeRadius;
use crate::harness::router::{Manner, SECRET, TestRouter};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    data_that_is_used_up_ends_all_sessions_of_the_voucher,
    a_session_that_goes_on_after_the_routers_answer_is_ended_again,
    a_router_that_reports_sessions_without_end_delays_no_other,
}

const GIB: u64 = 1 << 30;

/// Reports a session at the router of [`OnLine`] that has moved so much.
async fn report(radius: &FreeRadius, code: &str, session: &str, secs: u32, octets: u64) {
    let (gigawords, octets) = ((octets >> 32).to_string(), (octets % (1 << 32)).to_string());
    let secs = secs.to_string();
    let device = format!("AA:00:00:00:01:{session}");
    let counters = [
        ("NAS-IP-Address", "127.0.0.1"),
        ("Acct-Session-Time", secs.as_str()),
        ("Acct-Output-Gigawords", &gigawords),
        ("Acct-Output-Octets", &octets),
        ("Calling-Station-Id", &device),
    ];
    send_accounting(radius, "Interim-Update", code, session, &counters).await;
}

async fn data_that_is_used_up_ends_all_sessions_of_the_voucher(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "student").await;
    let database = &guest.app.database;
    database
        .execute("UPDATE vouchers SET shared_devices = 3")
        .await;
    let (_, other) = sell(&guest.app, "student").await;
    // Both have 20 GiB.
    report(&guest.radius, &other, "01", 60, 19 * GIB).await;
    report(&guest.radius, &guest.code, "02", 60, 12 * GIB).await;
    report(&guest.radius, &guest.code, "03", 60, 8 * GIB).await;

    // The session of `OnLine`, which has moved nothing, is one of the three.
    let ended = "SELECT COUNT(*) FROM outbox_messages WHERE state = 'sent'";
    database.wait_for_count(ended, 3).await;

    let open = "SELECT username FROM radacct WHERE acctstoptime IS NULL";
    assert_eq!(database.texts(open).await, [other]);
}

/// As if the router's answer had come long ago.
async fn age_answers(app: &TestApp) {
    let long_ago = match app.database.kind {
        Kind::Sqlite => "'2026-01-01T00:00:00+00:00'",
        Kind::Postgres => "'2026-01-01Z'",
    };
    let sql = format!("UPDATE outbox_messages SET sent_at = {long_ago}");
    assert_eq!(app.database.execute(&sql).await, 1);
}

async fn a_session_that_goes_on_after_the_routers_answer_is_ended_again(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Refuses(503), "monthly").await;
    let (app, router) = (&guest.app, &guest.router);
    refund(app, &guest.order).await;
    guest.timeline("disconnected").await;

    for (secs, reason, alerts) in [
        ("60", "reported again", 0),
        ("120", "still reported", 1),
        ("180", "reported on and on", 1),
        ("240", "reported on and on", 1),
    ] {
        age_answers(app).await;
        let before = router.received().len();
        let interim = [("NAS-IP-Address", "127.0.0.1"), ("Acct-Session-Time", secs)];
        send_accounting(&guest.radius, "Interim-Update", &guest.code, "s1", &interim).await;

        // The answer is new, and the session is closed with it.
        let again = format!(
            "SELECT COUNT(*) FROM outbox_messages o JOIN radacct a ON o.reference = 'disconnect-' || a.acctuniqueid \
             WHERE o.state = 'sent' AND o.reason = '{reason}' AND a.acctstoptime IS NOT NULL \
             AND o.sent_at > o.created_at"
        );
        app.database.wait_for_count(&again, 1).await;
        assert!(router.received().len() > before, "{reason}");
        let alert =
            "SELECT COUNT(*) FROM order_events WHERE kind = 'session_goes_on' AND level = 'alert'";
        assert_eq!(app.database.count(alert).await, alerts, "{reason}");
    }
    let lines = "SELECT COUNT(*) FROM order_events WHERE kind = 'disconnected'";
    assert_eq!(app.database.count(lines).await, 1);
}

async fn a_router_that_reports_sessions_without_end_delays_no_other(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;
    let database = &guest.app.database;
    let silent = TestRouter::start_at("127.8.7.5", Manner::SaysNothing).await;
    let port = silent.address.port();
    database
        .execute(&format!(
            "INSERT INTO nas (nasname, shortname, secret, ports) VALUES ('127.8.7.5', 'stolen', '{SECRET}', {port})"
        ))
        .await;
    let (long_ago, now) = match kind {
        Kind::Sqlite => ("'2026-01-01T00:00:00+00:00'", "unixepoch()"),
        Kind::Postgres => ("'2026-01-01Z'", "CURRENT_TIMESTAMP"),
    };
    for _ in 0..4 {
        let (_, code) = sell(&guest.app, "daily").await;
        let row = |it| {
            format!(
                "('x{it}', '{code}-{it}', '{code}', '{ROUTER}', '127.8.7.5', 'AA:00:00:00:02:{it}', {now}, {now})"
            )
        };
        let rows: Vec<String> = (10..70).map(row).collect();
        let over = format!(
            "UPDATE vouchers SET expires_at = {long_ago}, shared_devices = 100 WHERE code = '{code}'"
        );
        let flood = format!(
            "INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, packetsource, \
             callingstationid, acctstarttime, acctupdatetime) VALUES {}",
            rows.join(", ")
        );
        for sql in [over, flood] {
            database.execute(&sql).await;
        }
    }
    let queued = "SELECT COUNT(*) FROM outbox_messages";
    database.wait_for_count(queued, 200).await;
    let before = silent.requests().len();

    refund(&guest.app, &guest.order).await;
    guest.timeline("disconnected").await;

    // If it had to wait for them, it would come after all 200.
    let asked = silent.requests().len() - before;
    assert!(asked < 8, "{asked}");
    assert_eq!(database.count(queued).await, 201, "not all are queued");
}

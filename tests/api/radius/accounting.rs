//! The accounting packets of routers.

use super::{age_sessions, sell, send_accounting, with_voucher};
use crate::harness::freeradius::FreeRadius;
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_restarted_router_has_no_sessions,
    a_silent_session_does_not_keep_the_guest_out,
    sales_and_accounting_write_side_by_side,
}

async fn a_restarted_router_has_no_sessions(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    radius.login(&code, "AA:02").await.assert_rejected();

    let restarted = [
        ("Acct-Status-Type", "Accounting-On"),
        ("NAS-IP-Address", super::ROUTER),
        ("Acct-Session-Id", "0"),
    ];
    radius.account(&restarted).await;

    radius.login(&code, "AA:02").await.assert_accepted();
    let open = "SELECT COUNT(*) FROM radacct WHERE acctstoptime IS NULL";
    assert_eq!(app.database.count(open).await, 0);
}

async fn a_silent_session_does_not_keep_the_guest_out(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 600).await;
    radius.login(&code, "AA:02").await.assert_rejected();

    age_sessions(&app, 301).await;

    radius.login(&code, "AA:02").await.assert_accepted();
}

/// On SQLite both write to one file.
async fn sales_and_accounting_write_side_by_side(kind: Kind) {
    const ROUNDS: usize = 60;
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;
    let (_, code) = sell(&app, "monthly").await;

    let selling = async {
        for _ in 0..ROUNDS {
            sell(&app, "daily").await;
        }
    };
    let accounting = async {
        for session in 0..ROUNDS {
            send_accounting(&radius, "Start", &code, &format!("s{session}"), &[]).await;
        }
    };
    tokio::join!(selling, accounting);

    let sessions = "SELECT COUNT(*) FROM radacct";
    assert_eq!(app.database.count(sessions).await, ROUNDS as i64);
    let sold = "SELECT COUNT(*) FROM vouchers";
    assert_eq!(app.database.count(sold).await, ROUNDS as i64 + 1);
}

//! Sessions for which no more accounting arrives.

use super::{age_sessions, send_accounting, with_voucher};
use crate::harness::Kind;

on_both_databases! {
    a_silent_session_is_closed_as_of_its_last_update,
    a_session_that_reports_again_is_open_again,
    an_owner_may_choose_a_longer_accounting_interval,
}

const SILENT: &str = "SELECT COUNT(*) FROM radacct WHERE acctterminatecause = 'Silent' AND acctstoptime = acctupdatetime";
const OPEN: &str = "SELECT COUNT(*) FROM radacct WHERE acctstoptime IS NULL";

async fn a_silent_session_is_closed_as_of_its_last_update(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 901).await;
    send_accounting(&radius, "Start", &code, "s2", &[]).await;

    app.database.wait_for_count(SILENT, 1).await;

    assert_eq!(
        app.database.count(OPEN).await,
        1,
        "the other session stays open"
    );
}

async fn a_session_that_reports_again_is_open_again(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 901).await;
    app.database.wait_for_count(SILENT, 1).await;

    let interim = [("Acct-Session-Time", "950"), ("Acct-Input-Octets", "77")];
    send_accounting(&radius, "Interim-Update", &code, "s1", &interim).await;

    assert_eq!(app.database.count(OPEN).await, 1);
    let moved = "SELECT acctinputoctets FROM radacct";
    assert_eq!(app.database.count(moved).await, 77);
    radius.login(&code, "AA:02").await.assert_rejected();
}

async fn an_owner_may_choose_a_longer_accounting_interval(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let slower = "UPDATE radgroupreply SET value = '600' WHERE attribute = 'Acct-Interim-Interval' AND groupname = 'weekly'";
    app.database.execute(slower).await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;
    age_sessions(&app, 1_750).await;
    send_accounting(&radius, "Start", &code, "s2", &[]).await;

    // At least two sweeps: the first one would have closed this session.
    tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    assert_eq!(app.database.count(OPEN).await, 2);

    age_sessions(&app, 60).await;
    app.database.wait_for_count(SILENT, 1).await;
}

//! What counts as a device of a voucher: one phone in every spelling of its address, and the
//! sessions of codes that were replaced.

use super::disconnects::OnLine;
use super::new_code::replace;
use super::{send_accounting, with_voucher};
use crate::harness::Kind;
use crate::harness::router::Manner;

on_both_databases! {
    one_phone_is_one_device_in_every_spelling,
    an_older_row_counts_in_its_own_spelling,
    what_is_no_mac_address_stays_as_it_is,
    sessions_of_former_codes_count_while_their_router_is_silent,
    a_session_of_a_former_code_stops_counting_when_its_router_has_ended_it,
    a_session_that_a_router_refuses_to_end_still_counts,
    an_ended_session_that_goes_on_counts_again,
    a_device_over_the_limit_is_ended_and_the_first_one_stays,
    no_device_is_added_when_devices_cannot_be_counted,
    one_phone_with_sessions_of_two_codes_is_one_device,
}

const SPELLINGS: [&str; 5] = [
    "AA:BB:CC:00:11:2F",
    "aa-bb-cc-00-11-2f",
    "AABB.CC00.112f",
    "aabbcc00112f",
    "aa:bb:cc:00:11:2f",
];
const OTHER_PHONE: &str = "aa-bb-cc-00-11-30";
/// The phone that is on-line in `OnLine`, as another router may spell it.
const SAME_PHONE: &str = "aa0000000001";

async fn one_phone_is_one_device_in_every_spelling(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;

    for (number, spelling) in SPELLINGS.into_iter().enumerate() {
        let (session, station) = (format!("s{number}"), [("Calling-Station-Id", spelling)]);
        send_accounting(&radius, "Start", &code, &session, &station).await;
        for again in SPELLINGS {
            radius.login(&code, again).await.assert_accepted();
        }
        radius.login(&code, OTHER_PHONE).await.assert_rejected();
    }
    let stored = "SELECT DISTINCT callingstationid FROM radacct";
    assert_eq!(app.database.texts(stored).await, ["AA:BB:CC:00:11:2F"]);
}

async fn an_older_row_counts_in_its_own_spelling(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    send_accounting(&radius, "Start", &code, "s1", &[]).await;

    for spelling in SPELLINGS {
        let older = format!("UPDATE radacct SET callingstationid = '{spelling}'");
        assert_eq!(app.database.execute(&older).await, 1);
        for again in SPELLINGS {
            radius.login(&code, again).await.assert_accepted();
        }
        radius.login(&code, OTHER_PHONE).await.assert_rejected();
    }
}

async fn what_is_no_mac_address_stays_as_it_is(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "monthly").await;
    for (session, station) in [("s1", "10.5.50.7"), ("s2", "aa:bb:cc:00:11:2f:guests")] {
        let station = [("Calling-Station-Id", station)];
        send_accounting(&radius, "Start", &code, session, &station).await;
    }

    let stored = "SELECT callingstationid FROM radacct ORDER BY radacctid";
    let stored = app.database.texts(stored).await;
    assert_eq!(stored, ["10.5.50.7", "aa:bb:cc:00:11:2f:guests"]);
    radius.login(&code, "10.5.50.8").await.assert_rejected();
    radius.login(&code, "10.5.50.7").await.assert_accepted();
}

async fn sessions_of_former_codes_count_while_their_router_is_silent(kind: Kind) {
    let guest = OnLine::start(kind, Manner::SaysNothing, "daily").await;

    for _ in 0..3 {
        let new = replace(&guest.app, &guest.order).await;
        guest
            .radius
            .login(&new, OTHER_PHONE)
            .await
            .assert_rejected();
        // The phone that holds the session is not locked out.
        guest.radius.login(&new, SAME_PHONE).await.assert_accepted();
    }
}

async fn a_session_of_a_former_code_stops_counting_when_its_router_has_ended_it(kind: Kind) {
    for manner in [Manner::Acknowledges, Manner::Refuses(503)] {
        let guest = OnLine::start(kind, manner, "daily").await;
        let new = replace(&guest.app, &guest.order).await;

        guest.timeline("disconnected").await;

        guest
            .radius
            .login(&new, OTHER_PHONE)
            .await
            .assert_accepted();
        let ended = "SELECT COUNT(*) FROM radacct WHERE acctterminatecause = 'Silent'";
        assert_eq!(guest.app.database.count(ended).await, 1);
    }
}

async fn a_session_that_a_router_refuses_to_end_still_counts(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Refuses(501), "daily").await;
    let new = replace(&guest.app, &guest.order).await;

    guest.timeline("disconnect_refused").await;

    guest
        .radius
        .login(&new, OTHER_PHONE)
        .await
        .assert_rejected();
}

async fn an_ended_session_that_goes_on_counts_again(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;
    let new = replace(&guest.app, &guest.order).await;
    guest.timeline("disconnected").await;

    let interim = [("NAS-IP-Address", "127.0.0.1"), ("Acct-Session-Time", "60")];
    send_accounting(&guest.radius, "Interim-Update", &guest.code, "s1", &interim).await;

    guest
        .radius
        .login(&new, OTHER_PHONE)
        .await
        .assert_rejected();
}

async fn a_device_over_the_limit_is_ended_and_the_first_one_stays(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;
    let other = [
        ("NAS-IP-Address", "127.0.0.1"),
        ("Calling-Station-Id", OTHER_PHONE),
    ];

    send_accounting(&guest.radius, "Start", &guest.code, "s2", &other).await;

    guest.timeline("disconnected").await;
    let open = "SELECT acctsessionid FROM radacct WHERE acctstoptime IS NULL";
    assert_eq!(guest.app.database.texts(open).await, ["s1"]);
    assert_eq!(guest.router.requests().len(), 1);
}

async fn no_device_is_added_when_devices_cannot_be_counted(kind: Kind) {
    let guest = OnLine::start(kind, Manner::SaysNothing, "daily").await;
    let other = guest.radius.login(&guest.code, OTHER_PHONE).await;
    other.assert_rejected();
    let away = "ALTER TABLE vouchers RENAME TO vouchers_away";
    guest.app.database.execute(away).await;

    let other = guest.radius.login(&guest.code, OTHER_PHONE).await;

    other.assert_rejected();
}

async fn one_phone_with_sessions_of_two_codes_is_one_device(kind: Kind) {
    // For two devices.
    let guest = OnLine::start(kind, Manner::SaysNothing, "monthly").await;
    let new = replace(&guest.app, &guest.order).await;
    let same = [("Calling-Station-Id", SAME_PHONE)];
    send_accounting(&guest.radius, "Start", &new, "s2", &same).await;

    guest
        .radius
        .login(&new, OTHER_PHONE)
        .await
        .assert_accepted();

    let other = [("Calling-Station-Id", OTHER_PHONE)];
    send_accounting(&guest.radius, "Start", &new, "s3", &other).await;
    guest
        .radius
        .login(&new, "AA:BB:CC:00:11:31")
        .await
        .assert_rejected();
}

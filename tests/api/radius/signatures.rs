//! Signed answers: RouterOS 7.15 and later refuse an answer without Message-Authenticator, because
//! an attacker between router and server could otherwise turn a Reject into an Accept
//! (Blast-RADIUS, CVE-2024-3596).

use malipo::domain::people::Secret;
use malipo::radius::client::{self, Access, RadiusError};
use malipo::radius::packet::AuthenticatorPlace;
use tokio::net::UdpSocket;

use super::{age_sessions, sell, send_accounting, with_voucher};
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::radius_packet::{RawAnswer, RawRequest, Signed, answer};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    an_accept_begins_with_a_message_authenticator,
    a_reject_is_signed_and_has_only_the_reason,
    a_database_that_is_away_is_not_taken_for_a_wrong_code,
    a_status_request_gets_a_signed_answer,
}

const ACCEPT: u8 = 2;
const REJECT: u8 = 3;
/// Requests, with their Proxy-States, that get an answer: one that is unsigned and has a Proxy-State
/// gets none (`message_auth.rs`).
const ANSWERED: [(Signed, &[&str]); 3] = [
    (Signed::Yes, &[]),
    (Signed::Yes, &["one", "two"]),
    (Signed::No, &[]),
];

async fn login(radius: &FreeRadius, code: &str) -> RawAnswer {
    let request = RawRequest::login(Signed::Yes, SECRET, code, &[]);
    request.send(radius.auth_port).await
}

async fn an_accept_begins_with_a_message_authenticator(kind: Kind) {
    let (app, radius, daily) = with_voucher(kind, "daily").await;
    let (_, student) = sell(&app, "student").await;

    for code in [&daily, &student] {
        for (signed, proxies) in ANSWERED {
            let request = RawRequest::login(signed, SECRET, code, proxies);
            let reply = request.send(radius.auth_port).await;
            assert_eq!(reply.code, ACCEPT, "{:?}", reply.message);
            assert_eq!(reply.numbers[0], 80, "{:?}", reply.numbers);
            let count = |number| reply.numbers.iter().filter(|it| **it == number).count();
            assert_eq!((count(80), count(33)), (1, proxies.len()));
            assert!(count(26) > 0, "the speeds: {:?}", reply.numbers);
        }
    }
}

async fn a_reject_is_signed_and_has_only_the_reason(kind: Kind) {
    let (app, radius, wrong) = with_voucher(kind, "daily").await;
    let (_, busy) = sell(&app, "daily").await;
    send_accounting(&radius, "Start", &busy, "s1", &[]).await;
    let (_, used_up) = sell(&app, "student").await;
    let all = [("Acct-Session-Time", "60"), ("Acct-Input-Gigawords", "9")];
    send_accounting(&radius, "Stop", &used_up, "s2", &all).await;
    let (_, over) = sell(&app, "daily").await;
    let past = format!(
        "UPDATE radcheck SET value = '1' WHERE username = '{over}' AND attribute = 'Expiration'"
    );
    app.database.execute(&past).await;

    let reply = RawRequest::wrong_password(SECRET, &wrong)
        .send(radius.auth_port)
        .await;
    assert_rejected(&reply, &[], "This code was not accepted");
    for (code, reason) in [
        ("K7QMX2PZ", "This code was not accepted"),
        ("", "This code was not accepted"),
        (&busy, "You are already logged in - access denied"),
        (&used_up, "The data of this voucher is used up"),
        (&over, "The time of this voucher is over"),
    ] {
        for (signed, proxies) in ANSWERED {
            let request = RawRequest::login(signed, SECRET, code, proxies);
            let reply = request.send(radius.auth_port).await;
            assert_rejected(&reply, proxies, reason);
        }
    }

    // A voucher whose time runs from the first login.
    let (_, student) = sell(&app, "student").await;
    send_accounting(
        &radius,
        "Stop",
        &student,
        "s3",
        &[("Acct-Session-Time", "60")],
    )
    .await;
    age_sessions(&app, 31 * 86_400).await;
    let reply = login(&radius, &student).await;
    assert_rejected(&reply, &[], "The time of this voucher is over");
}

#[track_caller]
fn assert_rejected(reply: &RawAnswer, proxies: &[&str], reason: &str) {
    assert_eq!(reply.code, REJECT, "{reason}");
    let mut wanted = vec![80, 18];
    wanted.extend(proxies.iter().map(|_| 33));
    assert_eq!(reply.numbers, wanted, "{reason}");
    let text = reply.message.as_deref().unwrap_or_default();
    assert_eq!(text.trim(), reason);
}

async fn a_database_that_is_away_is_not_taken_for_a_wrong_code(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let away = "ALTER TABLE radcheck RENAME TO radcheck_away";
    app.database.execute(away).await;

    let reply = login(&radius, &code).await;

    let reason = "Vouchers cannot be checked just now. Please try again in a minute";
    assert_rejected(&reply, &[], reason);
}

async fn a_status_request_gets_a_signed_answer(kind: Kind) {
    let app = TestApp::start(kind).await;
    let radius = FreeRadius::start(&app.database).await;

    let reply = RawRequest::status(SECRET).send(radius.auth_port).await;

    assert_eq!((reply.code, reply.numbers), (ACCEPT, vec![80]));
}

/// How our own client reads an Accept with these attributes; zeros stand for a right
/// Message-Authenticator.
async fn read_accept(
    attributes: &'static [(u8, &'static [u8])],
) -> Result<AuthenticatorPlace, RadiusError> {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut request = [0; 4_096];
        loop {
            let (length, peer) = server.recv_from(&mut request).await.unwrap();
            assert_eq!(request[20], 80, "our own request begins with it too");
            let reply = answer(&request[..length], ACCEPT, attributes, SECRET);
            server.send_to(&reply, peer).await.unwrap();
        }
    });
    let secret = Secret::new(SECRET);
    let asked = client::access(address, &secret, "K7QMX2PA", "K7QMX2PA").await;
    serving.abort();
    asked.map(|answer| {
        assert_eq!(answer.access, Access::Accepted);
        answer.seal
    })
}

#[actix_web::test]
async fn an_accept_that_may_be_forged_is_not_believed() {
    const RIGHT: &[u8] = &[0; 16];
    const WRONG: &[u8] = &[1; 16];
    let (first, later, without, wrong, two) = tokio::join!(
        read_accept(&[(80, RIGHT), (18, b"welcome")]),
        read_accept(&[(18, b"welcome"), (80, RIGHT)]),
        read_accept(&[(18, b"welcome")]),
        read_accept(&[(80, WRONG), (18, b"welcome")]),
        read_accept(&[(18, b"welcome"), (80, WRONG), (80, RIGHT)]),
    );

    assert_eq!(first.unwrap(), AuthenticatorPlace::First);
    assert_eq!(later.unwrap(), AuthenticatorPlace::NotFirst);
    let unsealed = without.unwrap_err();
    assert!(matches!(unsealed, RadiusError::Unsealed(_)), "{unsealed}");
    let text = unsealed.to_string();
    for word in ["Message-Authenticator", "deploy/freeradius"] {
        assert!(text.contains(word), "{text}");
    }
    for forged in [wrong, two] {
        let forged = forged.unwrap_err();
        assert!(matches!(forged, RadiusError::NotAuthentic(_)), "{forged}");
    }
}

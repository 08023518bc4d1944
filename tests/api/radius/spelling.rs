//! What a guest types on the router's login page: in any case, with blanks and dashes, in one field
//! or in two.

use futures_util::future::join_all;

use super::disconnects::OnLine;
use super::{refund, send_accounting, with_voucher};
use crate::harness::freeradius::{FreeRadius, SECRET};
use crate::harness::radius_packet::{RawAnswer, RawRequest};
use crate::harness::router::{Manner, attribute};
use crate::harness::{Kind, TestApp};

on_both_databases! {
    a_code_is_accepted_as_guests_type_it,
    name_and_password_may_be_spelled_differently,
    an_imported_code_is_accepted_in_any_case,
    an_imported_voucher_may_have_a_password_of_its_own,
    a_user_who_exists_as_typed_comes_first,
    a_session_counts_for_its_voucher_however_the_code_was_typed,
    a_session_is_ended_under_the_name_that_its_router_knows,
    a_name_is_not_taken_as_it_is_while_the_database_is_away,
}

pub const ACCEPT: u8 = 2;
pub const REJECT: u8 = 3;
const USER_NAME: u8 = 1;

/// Ways to type a code of ours.
fn spellings(code: &str) -> Vec<String> {
    let (half, rest) = code.split_at(4);
    let lower = code.to_lowercase();
    vec![
        code.to_owned(),
        lower.clone(),
        format!("{half}-{rest}"),
        format!("{} {rest}", half.to_lowercase()),
        format!(" {lower} "),
        format!("{half}\u{a0}{rest}"),
        format!("{half}\u{2011}{rest}"),
        format!("{half}\u{2013}{rest}"),
    ]
}

/// Sends all requests at once, because a refusal takes a second.
pub async fn send_all(radius: &FreeRadius, requests: &[RawRequest]) -> Vec<RawAnswer> {
    join_all(requests.iter().map(|it| it.send(radius.auth_port))).await
}

pub fn pap(user: &str, password: &str) -> RawRequest {
    RawRequest::pap(SECRET, user.as_bytes(), password.as_bytes())
}

pub fn chap(user: &str, password: &str) -> RawRequest {
    RawRequest::chap(SECRET, user.as_bytes(), password.as_bytes())
}

async fn a_code_is_accepted_as_guests_type_it(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "daily").await;

    for typed in spellings(&code) {
        let requests = [pap(&typed, &typed), pap(&typed, ""), chap(&typed, &typed)];
        for answer in send_all(&radius, &requests).await {
            assert_eq!(answer.code, ACCEPT, "{typed:?}: {:?}", answer.message);
            // The router learns the voucher's own name, if it was typed in another way.
            let is_named = answer.numbers.contains(&USER_NAME);
            assert_eq!(is_named, typed != code, "{typed:?}");
            assert_eq!(answer.numbers[0], 80);
        }
    }
    let lower = code.to_lowercase();
    let reply = radius.login(&lower, "AA:01").await;
    assert_eq!(reply.get("User-Name"), Some(code.as_str()));
}

async fn name_and_password_may_be_spelled_differently(kind: Kind) {
    let (_app, radius, code) = with_voucher(kind, "daily").await;
    let lower = code.to_lowercase();
    let dashed = format!("{}-{}", &code[..4], &code[4..]);

    let requests = [
        pap(&code, &lower),
        pap(&lower, &code),
        pap(&dashed, &lower),
        pap(&code, &dashed),
        chap(&lower, &code),
        chap(&code, &lower),
        chap(&dashed, &lower),
    ];
    for (number, answer) in send_all(&radius, &requests).await.iter().enumerate() {
        assert_eq!(answer.code, ACCEPT, "request {number}");
    }
}

/// Gives a voucher another code and another password, as an import does.
async fn import(app: &TestApp, code: &str, imported: &str, password: &str) {
    for (table, column) in [
        ("vouchers", "code"),
        ("radcheck", "username"),
        ("radreply", "username"),
        ("radusergroup", "username"),
    ] {
        let rename =
            format!("UPDATE {table} SET {column} = '{imported}' WHERE {column} = '{code}'");
        assert!(app.database.execute(&rename).await > 0, "{table}");
    }
    let set = format!(
        "UPDATE radcheck SET value = '{password}' WHERE username = '{imported}' AND attribute = 'Cleartext-Password'"
    );
    assert_eq!(app.database.execute(&set).await, 1);
}

async fn an_imported_code_is_accepted_in_any_case(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    import(&app, &code, "Hotel-77 a", "Hotel-77 a").await;

    for typed in ["Hotel-77 a", "hotel77a", "HOTEL 77-A", "hotel-77\u{a0}a"] {
        let requests = [pap(typed, typed), pap(typed, ""), chap(typed, typed)];
        for answer in send_all(&radius, &requests).await {
            assert_eq!(answer.code, ACCEPT, "{typed:?}: {:?}", answer.message);
        }
    }
    let other = pap("hotel77b", "hotel77b").send(radius.auth_port).await;
    assert_eq!(other.code, REJECT);
}

async fn an_imported_voucher_may_have_a_password_of_its_own(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    import(&app, &code, "HOTEL77", "hotel-77").await;

    let right = [pap("hotel77", "hotel-77"), chap("HOTEL77", "hotel-77")];
    for answer in send_all(&radius, &right).await {
        assert_eq!(answer.code, ACCEPT, "{:?}", answer.message);
    }
    let wrong = ["HOTEL77", "hotel77", "HOTEL-77", ""];
    let wrong: Vec<_> = wrong
        .iter()
        .flat_map(|it| [pap("HOTEL77", it), chap("HOTEL77", it), pap("hotel77", it)])
        .collect();
    for answer in send_all(&radius, &wrong).await {
        assert_eq!(answer.code, REJECT);
    }
}

/// Adds a user that is no voucher.
pub async fn add_user(app: &TestApp, name: &str, password: &str) {
    let add = format!(
        "INSERT INTO radcheck (username, attribute, op, value) VALUES ('{name}', 'Cleartext-Password', ':=', '{password}')"
    );
    app.database.execute(&add).await;
}

async fn a_user_who_exists_as_typed_comes_first(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let lower = code.to_lowercase();
    add_user(&app, &lower, "of my own").await;

    let own = pap(&lower, "of my own").send(radius.auth_port).await;
    assert_eq!(own.code, ACCEPT, "{:?}", own.message);
    for request in [pap(&lower, &lower), pap(&lower, &code), pap(&lower, "")] {
        assert_eq!(request.send(radius.auth_port).await.code, REJECT);
    }
}

async fn a_session_counts_for_its_voucher_however_the_code_was_typed(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let typed = format!("{} {}", &code[..4].to_lowercase(), &code[4..]);

    // A router that does not heed the name in the Accept, and one that does.
    send_accounting(&radius, "Start", &typed, "s1", &[]).await;
    radius
        .login(&code, "AA:00:00:00:00:02")
        .await
        .assert_rejected();
    radius
        .login(&typed, "AA:00:00:00:00:02")
        .await
        .assert_rejected();
    let used = [("Acct-Session-Time", "60"), ("Acct-Input-Octets", "1000")];
    send_accounting(&radius, "Stop", &typed, "s1", &used).await;
    send_accounting(&radius, "Stop", &code, "s2", &used).await;

    let names = "SELECT DISTINCT username FROM radacct";
    assert_eq!(app.database.texts(names).await, std::slice::from_ref(&code));
    let sessions = "SELECT COUNT(*) FROM radacct WHERE acctstoptime IS NOT NULL";
    assert_eq!(app.database.count(sessions).await, 2);
    radius
        .login(&typed, "AA:00:00:00:00:02")
        .await
        .assert_accepted();
}

async fn a_session_is_ended_under_the_name_that_its_router_knows(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "monthly").await;
    let typed = guest.code.to_lowercase();
    let here = [
        ("NAS-IP-Address", "127.0.0.1"),
        ("Calling-Station-Id", "aa-00-00-00-00-02"),
    ];
    send_accounting(&guest.radius, "Start", &typed, "s2", &here).await;

    refund(&guest.app, &guest.order).await;

    let ended = "SELECT COUNT(*) FROM order_events WHERE kind = 'disconnected'";
    guest.app.database.wait_for_count(ended, 2).await;
    for request in guest.router.requests() {
        let session = attribute(&request, 44).unwrap();
        let name = if session == b"s1" {
            &guest.code
        } else {
            &typed
        };
        assert_eq!(attribute(&request, 1).as_deref(), Some(name.as_bytes()));
        // The stored spelling may not be the router's.
        assert_eq!(attribute(&request, 31), None);
    }
}

async fn a_name_is_not_taken_as_it_is_while_the_database_is_away(kind: Kind) {
    let (app, radius, code) = with_voucher(kind, "daily").await;
    let lower = code.to_lowercase();
    let away = "ALTER TABLE vouchers RENAME TO vouchers_away";
    app.database.execute(away).await;

    let reply = pap(&lower, &lower).send(radius.auth_port).await;
    let reason = "Vouchers cannot be checked just now. Please try again in a minute";
    assert_eq!(
        (reply.code, reply.message.as_deref()),
        (REJECT, Some(reason))
    );
    // No answer, and the router sends the packet again.
    let reporting = send_accounting(&radius, "Start", &lower, "s1", &[]);
    let returning = async {
        radius.until_logged("# preacct = fail").await;
        let back = "ALTER TABLE vouchers_away RENAME TO vouchers";
        app.database.execute(back).await;
    };
    tokio::join!(reporting, returning);
    let names = app.database.texts("SELECT username FROM radacct").await;
    assert_eq!(names, [code]);
}

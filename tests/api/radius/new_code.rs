//! A guest has the code of a voucher replaced, to go on with another phone: the old code is
//! refused, and the guest gains no time or data.

use serde_json::{Value, json};

use super::disconnects::OnLine;
use super::{age_sessions, ask_for_new_code, code_of, sell, send_accounting, with_voucher};
use crate::harness::router::{Manner, attribute};
use crate::harness::{Kind, SaleCounts, TOKEN, TestApp, TestOrder};
use crate::owner_link::owner_link;
use crate::pages::page;

on_both_databases! {
    the_new_code_works_and_the_old_one_and_its_session_are_ended,
    the_time_left_is_not_more_than_before,
    time_from_the_first_login_goes_on_with_the_new_code,
    data_moved_with_the_old_code_counts,
    pressing_twice_at_once_makes_one_new_code,
    the_timeline_shows_both_codes_and_the_old_one_finds_the_order,
    a_waiting_page_shows_the_new_code,
    a_login_just_before_the_replacement_is_ended_too,
    an_erasure_covers_all_codes_of_a_customer,
}

/// The version of the order that the guest sees.
pub async fn version(app: &TestApp, order: &TestOrder) -> i64 {
    app.status(order).await["version"].as_i64().unwrap()
}

/// Replaces the code; returns the new one.
pub async fn replace(app: &TestApp, order: &TestOrder) -> String {
    let before = code_of(app, order).await;
    let seen = version(app, order).await;
    let answer = ask_for_new_code(app, order, seen).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let after = code_of(app, order).await;
    assert_ne!(after, before);
    after
}

async fn voucher(app: &TestApp, code: &str) -> Value {
    let answer = app.get(&app.portal(&format!("/voucher/{code}"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn the_new_code_works_and_the_old_one_and_its_session_are_ended(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;
    let (app, order, old) = (&guest.app, &guest.order, &guest.code);
    let link = owner_link(app, order).await;

    let new = replace(app, order).await;

    // It was queued with the new code, not found later by the sweep.
    let reason = "SELECT reason FROM outbox_messages";
    let reason = app.database.text(reason).await;
    assert_eq!(reason.as_deref(), Some("replaced"));
    guest
        .radius
        .login(old, "AA:00:00:00:00:01")
        .await
        .assert_rejected();
    // The router has ended the session of the old phone; no Stop has come yet.
    guest.timeline("disconnected").await;
    let reply = guest.radius.login(&new, "AA:00:00:00:00:02").await;
    reply.assert_accepted();
    assert_eq!(reply.get("Mikrotik-Rate-Limit"), Some("2048k/5120k"));
    let received = guest.router.requests();
    assert_eq!(received.len(), 1);
    assert_eq!(attribute(&received[0], 1).as_deref(), Some(old.as_bytes()));
    assert_eq!(attribute(&received[0], 44).as_deref(), Some(&b"s1"[..]));
    let shown = page(app, &link).await;
    assert!(shown.text.contains(&new), "{}", shown.text);
    assert!(!shown.text.contains(old.as_str()), "{}", shown.text);
}

async fn the_time_left_is_not_more_than_before(kind: Kind) {
    let (app, radius, old) = with_voucher(kind, "daily").await;
    let order = the_order(&app).await;
    let before = radius.login(&old, "AA:01").await;
    let ends = app.status(&order).await["expires_at"].clone();

    let new = replace(&app, &order).await;

    let after = radius.login(&new, "AA:02").await;
    after.assert_accepted();
    let left = |reply: &crate::harness::freeradius::Reply| reply.number("Session-Timeout");
    assert!(left(&after) <= left(&before), "{after:?} {before:?}");
    assert_eq!(app.status(&order).await["expires_at"], ends);
    assert_eq!(voucher(&app, &new).await["expires_at"], ends);
    assert_eq!(voucher(&app, &old).await["state"], "revoked");
    assert_eq!(
        app.sale_of(&order).await,
        SaleCounts {
            sms: 2,
            ..SaleCounts::ONE
        }
    );
}

async fn time_from_the_first_login_goes_on_with_the_new_code(kind: Kind) {
    let (app, radius, old) = with_voucher(kind, "student").await;
    let order = the_order(&app).await;
    // No device has logged in yet: the time begins later, at the first login with any code.
    let second = replace(&app, &order).await;
    assert_eq!(app.status(&order).await["expires_at"], Value::Null);
    // A router reports late a login that was made with the old code.
    send_accounting(&radius, "Start", &old, "s1", &[]).await;
    age_sessions(&app, 3_600).await;
    let month = 30 * 86_400;
    let reply = radius.login(&second, "AA:02").await;
    reply.assert_accepted();
    let left = reply.number("Session-Timeout").unwrap();
    assert!((month - 3_720..=month - 3_600).contains(&left), "{left}");

    let third = replace(&app, &order).await;

    let reply = radius.login(&third, "AA:03").await;
    reply.assert_accepted();
    let rest = reply.number("Session-Timeout").unwrap();
    assert!(rest <= left, "{rest} {left}");
    let standing = voucher(&app, &third).await;
    assert_eq!(standing["state"], "active");
    assert!(standing["seconds_remaining"].as_u64() <= Some(left));
    assert_eq!(
        standing["expires_at"],
        app.status(&order).await["expires_at"]
    );
}

async fn data_moved_with_the_old_code_counts(kind: Kind) {
    let (app, radius, old) = with_voucher(kind, "student").await;
    let order = the_order(&app).await;
    send_accounting(&radius, "Start", &old, "s1", &[]).await;
    let interim = [("Acct-Session-Time", "60"), ("Acct-Input-Octets", "1000")];
    send_accounting(&radius, "Interim-Update", &old, "s1", &interim).await;

    let new = replace(&app, &order).await;
    // What the router reports at the end of the old session counts too.
    let stop = [("Acct-Session-Time", "90"), ("Acct-Input-Octets", "5000")];
    send_accounting(&radius, "Stop", &old, "s1", &stop).await;

    let whole = 20_480_u64 << 20;
    assert_eq!(voucher(&app, &new).await["bytes_remaining"], whole - 5_000);
    let reply = radius.login(&new, "AA:02").await;
    reply.assert_accepted();
    let gigawords = reply.number("Mikrotik-Total-Limit-Gigawords").unwrap();
    let limit = (gigawords << 32) + reply.number("Mikrotik-Total-Limit").unwrap();
    assert_eq!(limit, whole - 5_000);
}

async fn pressing_twice_at_once_makes_one_new_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, old) = sell(&app, "daily").await;
    let seen = version(&app, &order).await;

    let presses = (0..6).map(|_| ask_for_new_code(&app, &order, seen));
    let answers = futures_util::future::join_all(presses).await;

    assert!(answers.iter().all(|answer| answer.status == 303));
    assert_eq!(version(&app, &order).await, seen + 1);
    let codes = app.database.texts("SELECT code FROM vouchers").await;
    assert_eq!(codes.len(), 2, "{codes:?}");
    let new = code_of(&app, &order).await;
    assert!(codes.contains(&old) && codes.contains(&new), "{codes:?}");
    let users = app
        .database
        .texts("SELECT username FROM radcheck WHERE attribute = 'Cleartext-Password'")
        .await;
    assert_eq!(users, [new]);
    assert_eq!(
        app.sale_of(&order).await,
        SaleCounts {
            sms: 2,
            ..SaleCounts::ONE
        }
    );
}

async fn the_timeline_shows_both_codes_and_the_old_one_finds_the_order(kind: Kind) {
    let (app, radius, old) = with_voucher(kind, "daily").await;
    let order = the_order(&app).await;
    send_accounting(&radius, "Start", &old, "s1", &[]).await;

    let new = replace(&app, &order).await;

    for code in [&old, &new] {
        let path = format!("/api/v1/operator/orders?q={code}");
        let found = app.get_as_operator(&path).await.json();
        assert_eq!(found["orders"][0]["order_id"], order.id.as_str(), "{found}");
    }
    let kept =
        format!("SELECT revoked_reason FROM vouchers WHERE code = '{old}' AND payment_id IS NULL");
    let kept = app.database.text(&kept).await;
    assert_eq!(kept.as_deref(), Some("replaced"));
    let path = format!("/api/v1/operator/orders/{}", order.id);
    let shown = app.get_as_operator(&path).await.json();
    let lines: Vec<&str> = shown["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["summary"].as_str().unwrap())
        .collect();
    for summary in [
        "the guest has a new code for the voucher (1 of 3 in a day); the old one is closed"
            .to_owned(),
        format!("RADIUS user {old} is written; it was replaced later"),
        format!("RADIUS user {new} is written, group daily"),
        format!("sold: voucher {old}"),
        "device AA:00:00:00:00:01 is online".to_owned(),
        "a request to end the session is queued for router".to_owned(),
        "SMS voucher-2 to".to_owned(),
    ] {
        let is_there = lines.iter().any(|line| line.contains(&summary));
        assert!(is_there, "{summary}: {lines:#?}");
    }
    let text = "SELECT body FROM sms_messages WHERE kind = 'voucher-2'";
    let text = app.database.text(text).await.unwrap();
    assert!(text.contains(&new) && !text.contains(&old), "{text}");
}

async fn a_waiting_page_shows_the_new_code(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, _) = sell(&app, "daily").await;
    let seen = version(&app, &order).await;
    let path = format!("/payment/status/{}?wait=30&since={seen}", order.id);
    let url = app.portal(&path);

    let waiting = app.get(&url);
    let replacing = async {
        app.until_parked(1).await;
        replace(&app, &order).await
    };
    let (answer, new) = tokio::join!(waiting, replacing);

    let document = answer.json();
    let expected = json!({"replaced": true, "status": "COMPLETED", "version": seen + 1});
    let shown = json!({
        "replaced": document["code_replaced"], "status": document["payment_status"],
        "version": document["version"],
    });
    assert_eq!(shown, expected);
    assert!(!answer.text.contains(&new), "{document}");
}

/// The old code was accepted a moment before, and the router reports it afterwards.
async fn a_login_just_before_the_replacement_is_ended_too(kind: Kind) {
    let guest = OnLine::start(kind, Manner::Acknowledges, "daily").await;
    let here = [("NAS-IP-Address", "127.0.0.1")];
    replace(&guest.app, &guest.order).await;

    send_accounting(&guest.radius, "Start", &guest.code, "s2", &here).await;

    let ended = "SELECT COUNT(*) FROM order_events WHERE kind = 'disconnected'";
    guest.app.database.wait_for_count(ended, 2).await;
    let received = guest.router.received();
    let last = attribute(received.last().unwrap(), 44);
    assert_eq!(last.as_deref(), Some(&b"s2"[..]));
}

async fn an_erasure_covers_all_codes_of_a_customer(kind: Kind) {
    let (app, radius, old) = with_voucher(kind, "daily").await;
    let order = the_order(&app).await;
    send_accounting(&radius, "Start", &old, "s1", &[]).await;
    let new = replace(&app, &order).await;
    send_accounting(&radius, "Start", &new, "s2", &[]).await;

    let request = app
        .http
        .post(app.url("/api/v1/operator/customers/erase"))
        .bearer_auth(TOKEN)
        .json(&json!({"phone": order.phone, "reason": "asked by letter"}));
    let answer = crate::harness::Answer::of(request.send().await.unwrap()).await;

    assert_eq!(answer.json()["vouchers"], 1, "{}", answer.text);
    let stations = "SELECT COUNT(*) FROM radacct WHERE callingstationid <> ''";
    assert_eq!(app.database.count(stations).await, 0);
    radius.login(&new, "AA:01").await.assert_rejected();
}

/// The only order in the database.
async fn the_order(app: &TestApp) -> TestOrder {
    let id = "SELECT order_id FROM sandbox_payments";
    let phone = "SELECT phone FROM payments";
    TestOrder {
        id: app.database.text(id).await.unwrap(),
        phone: app.database.text(phone).await.unwrap(),
        webhook_url: String::new(),
    }
}

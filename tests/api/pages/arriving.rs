//! A guest whom the router sends: the phone that has used its voucher before is logged in again by
//! itself, and no other.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use malipo::actors::Command;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;

use super::browser::{Browser, MAC, from_router, is_shop, location};
use super::voucher::{session, sold, start, typed};
use crate::harness::Kind;
use crate::owner_link::{owner_link, reissue};

on_both_databases! {
    the_link_of_the_sms_knows_the_router_that_the_browser_came_from,
    a_phone_that_was_idle_is_logged_in_again_automatically,
    no_other_phone_is_ever_logged_in_automatically,
    an_automatic_log_in_is_not_repeated,
    a_guest_whose_voucher_is_over_sees_why_in_the_shop,
    a_code_that_was_replaced_logs_in_only_the_phone_that_paid,
    a_made_up_cookie_is_a_guess_as_any_other,
    a_guest_who_arrives_does_not_wait_for_the_guesses_of_others,
}

async fn the_link_of_the_sms_knows_the_router_that_the_browser_came_from(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    let link = owner_link(&app, &order).await;
    let mut browser = Browser::default();
    let fresh = browser.get(&app, &link).await;

    browser.get(&app, &from_router(MAC, "")).await;
    let linked = browser.get(&app, &link).await;

    assert!(!fresh.text.contains("id=\"connect\""), "{}", fresh.text);
    let url = format!("href=\"http://wifi.test/login?username={code}&#38;password={code}\"");
    assert!(linked.text.contains(&url), "{}", linked.text);
}

async fn a_phone_that_was_idle_is_logged_in_again_automatically(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    let link = owner_link(&app, &order).await;
    for home in ["/voucher", &format!("/order/{}", order.id), &link] {
        let mut browser = Browser::default();
        match home {
            "/voucher" => browser.post(&app, home, &code).await,
            _ => browser.get(&app, home).await,
        };
        let unused = browser.get(&app, &from_router(MAC, "")).await;
        assert!(
            is_shop(&unused),
            "a voucher that was only looked at is not used"
        );
        session(&app, kind, &code, "aabb.cc00.1122").await;

        let arrived = browser.get(&app, &from_router(MAC, "")).await;

        // A link can name any destination, so an automatic log-in passes none on.
        let url = format!("http://wifi.test/login?username={code}&password={code}");
        assert_eq!(location(&arrived), url);
        assert_eq!(arrived.header("cache-control"), Some("no-store"));
        app.database.execute("DELETE FROM radacct").await;
    }
}

async fn no_other_phone_is_ever_logged_in_automatically(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    session(&app, kind, &code, MAC).await;
    let mut browser = Browser::default();
    browser.get(&app, &format!("/order/{}", order.id)).await;

    let other_phone = browser
        .get(&app, &from_router("AA:BB:CC:00:11:23", ""))
        .await;
    let no_phone = browser.get(&app, &from_router("", "")).await;
    browser.forget("malipo_router");
    let evil = from_router(MAC, "").replace("wifi.test", "evil.test");
    let elsewhere = browser.get(&app, &evil).await;
    let by_link = from_router(MAC, "").replace("link-login-only", "login");
    let by_link = browser.get(&app, &by_link).await;
    let without_cookie = Browser::default().get(&app, &from_router(MAC, "")).await;
    let past = "UPDATE vouchers SET expires_at = '2026-01-01 00:00:00+00:00'";
    app.database.execute(past).await;
    let ended = browser.get(&app, &from_router(MAC, "")).await;

    for answer in [
        other_phone,
        no_phone,
        elsewhere,
        by_link,
        without_cookie,
        ended,
    ] {
        assert!(
            is_shop(&answer),
            "{} {:?}",
            answer.status,
            answer.header("location")
        );
    }
}

async fn an_automatic_log_in_is_not_repeated(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    session(&app, kind, &code, MAC).await;
    let home = format!("/order/{}", order.id);
    let mut browser = Browser::default();
    browser.get(&app, &home).await;
    let first = browser.get(&app, &from_router(MAC, "")).await;
    assert!(location(&first).starts_with("http://wifi.test/login"));

    let refused = browser
        .get(&app, &from_router(MAC, "RADIUS server is not responding"))
        .await;
    let again = browser.get(&app, &from_router(MAC, "")).await;
    browser.forget("malipo_tried");
    let refused_later = browser.get(&app, &from_router(MAC, "RADIUS timeout")).await;
    let later = browser.get(&app, &from_router(MAC, "")).await;

    assert!(location(&refused).starts_with(&format!("{home}?refused=cannot-check&")));
    assert!(
        location(&again).starts_with(&format!("{home}?mac=")),
        "the button is there"
    );
    assert!(
        location(&refused_later).starts_with(&home),
        "also without that cookie"
    );
    assert!(
        location(&later).starts_with("http://wifi.test/login"),
        "minutes later it is tried"
    );
}

async fn a_guest_whose_voucher_is_over_sees_why_in_the_shop(kind: Kind) {
    let app = start(kind).await;
    let arrive = from_router(MAC, "");
    let of_order = async |order: &str| {
        let mut browser = Browser::default();
        browser.get(&app, &format!("/order/{order}")).await;
        browser
    };
    let ((ended, code), (refunded, _)) = (sold(&app, "daily").await, sold(&app, "daily").await);
    session(&app, kind, &code, MAC).await;
    let (mut with_ended, mut with_refunded) =
        (of_order(&ended.id).await, of_order(&refunded.id).await);
    let open = with_ended.get(&app, "/").await;

    let past = format!(
        "UPDATE vouchers SET expires_at = '2026-01-01 00:00:00+00:00' WHERE code = '{code}'"
    );
    app.database.execute(&past).await;
    let refund = Evidence::Operator(OrderAct::Refund, Personal::new("the access point was down"));
    let order_id = refunded.id.parse().unwrap();
    let orders = &app.app.api.orders;
    orders.handle(order_id, Command::of(refund)).await.unwrap();
    let ended = with_ended.get(&app, &arrive).await;
    let refunded = with_refunded.get(&app, &arrive).await;
    let stranger = Browser::default().get(&app, &arrive).await;

    for (answer, title) in [
        (&ended, "Your voucher has ended"),
        (&refunded, "Your voucher's money was paid back"),
    ] {
        assert!(is_shop(answer), "{:?}", answer.header("location"));
        assert!(
            answer.text.contains(&title.replace('\'', "&#39;")),
            "{title}: {}",
            answer.text
        );
    }
    for answer in [&open, &stranger] {
        assert!(
            is_shop(answer) && !answer.text.contains("Your voucher"),
            "{}",
            answer.text
        );
    }
}

async fn a_code_that_was_replaced_logs_in_only_the_phone_that_paid(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    session(&app, kind, &code, MAC).await;
    let (mut bought, mut paid) = (Browser::default(), Browser::default());
    bought.get(&app, &format!("/order/{}", order.id)).await;
    paid.get(&app, &owner_link(&app, &order).await).await;

    let new_code = reissue(&app, &order).await;
    let of_buyer = bought.get(&app, &from_router(MAC, "")).await;
    let of_owner = paid.get(&app, &from_router(MAC, "")).await;

    assert!(is_shop(&of_buyer), "{:?}", of_buyer.header("location"));
    assert!(location(&of_owner).contains(&format!("username={new_code}&")));
}

async fn a_made_up_cookie_is_a_guess_as_any_other(kind: Kind) {
    let app = start(kind).await;
    for cookie in ["x", "", "0", "%00", "K7QMX2PZ"] {
        let mut browser = Browser(vec![format!("malipo_voucher={cookie}")]);
        let answer = browser.get(&app, &from_router(MAC, "")).await;
        assert!(is_shop(&answer), "{cookie}: {}", answer.text);
    }
    for _ in 1..20 {
        let mut browser = Browser(vec!["malipo_voucher=K7QMX2PZ".to_owned()]);
        browser.get(&app, &from_router(MAC, "")).await;
    }

    let begun = Instant::now();
    assert_eq!(typed(&app, "K7QMX2PZ").await.status, 404);
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "it takes its turn"
    );
}

async fn a_guest_who_arrives_does_not_wait_for_the_guesses_of_others(kind: Kind) {
    let app = start(kind).await;
    let (_, code) = sold(&app, "daily").await;
    let mut browser = Browser::default();
    browser.post(&app, "/voucher", &code).await;
    let refused = from_router(MAC, "RADIUS timeout");
    let known = browser.get(&app, &refused).await;
    let guesses = join_all((0..20).map(|_| typed(&app, "K7QMX2PZ"))).await;
    assert!(guesses.iter().all(|guess| guess.status == 404));

    let arrived = browser.get(&app, &refused).await;
    let form = refused.replacen("/?", "/voucher?", 1);
    let shown = browser.post(&app, &form, &code).await;

    assert!(known.text.contains(&code), "{}", known.text);
    assert!(is_shop(&arrived), "its cookie is ignored: {}", arrived.text);
    for part in [&code, "cannot check vouchers"] {
        assert!(shown.text.contains(part), "{part}: {}", shown.text);
    }
}

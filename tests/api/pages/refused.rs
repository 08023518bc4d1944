//! A guest whom the router has refused comes back to the order or the voucher, with the reason.

use super::browser::{Browser, MAC, from_router, is_shop, location};
use super::voucher::{sold, start};
use crate::harness::{Answer, Kind};
use crate::owner_link::owner_link;

on_both_databases! {
    a_refused_guest_comes_back_to_the_order_with_the_reason,
    a_refused_guest_without_an_order_comes_back_to_the_voucher,
    the_page_of_the_typed_code_leads_to_its_order_only_in_the_browser_that_knows_it,
    a_code_that_the_router_does_not_know_is_not_shown_as_the_voucher_of_the_browser,
    a_guest_of_a_router_that_is_not_in_the_list_sees_no_reason_and_is_led_nowhere,
}

async fn a_refused_guest_comes_back_to_the_order_with_the_reason(kind: Kind) {
    let app = start(kind).await;
    let (order, _) = sold(&app, "daily").await;
    let link = owner_link(&app, &order).await;
    for home in [format!("/order/{}", order.id), link] {
        let mut browser = Browser::default();
        assert_eq!(browser.get(&app, &home).await.status, 200);
        let error = from_router(MAC, "no more sessions are allowed for user <b>x</b>");

        let back = browser.get(&app, &error).await;
        let path = location(&back).to_owned();
        let shown = browser.get(&app, &path).await;

        assert!(
            path.starts_with(&format!("{home}?refused=too-many-devices&")),
            "{path}"
        );
        assert!(
            shown.text.contains("The Wi-Fi did not let you in"),
            "{}",
            shown.text
        );
        assert!(
            shown.text.contains("Other phones use this voucher"),
            "{}",
            shown.text
        );
        assert!(
            !shown.text.contains("<b>x"),
            "the router's own text is not shown"
        );
        assert!(shown.text.contains("id=\"connect\""), "{}", shown.text);
        let again = browser.get(&app, &home).await;
        assert!(
            !again.text.contains("did not let you in"),
            "it was of that log-in"
        );
    }
}

async fn a_refused_guest_without_an_order_comes_back_to_the_voucher(kind: Kind) {
    let app = start(kind).await;
    let (_, code) = sold(&app, "daily").await;
    let mut browser = Browser::default();
    browser.post(&app, "/voucher", &code).await;

    let back = browser
        .get(&app, &from_router(MAC, "RADIUS server is not responding"))
        .await;
    let other = browser.get(&app, &from_router(MAC, "what is this")).await;
    let stranger = Browser::default()
        .get(&app, &from_router(MAC, "what is this"))
        .await;

    assert_eq!(back.status, 200);
    for part in [
        "This voucher is new",
        "Time left",
        "cannot check vouchers",
        "id=\"connect\"",
    ] {
        assert!(back.text.contains(part), "{part}: {}", back.text);
    }
    assert!(
        other.text.contains("Try again. If it does not help"),
        "{}",
        other.text
    );
    assert!(!other.text.contains("what is this"), "{}", other.text);
    assert!(is_shop(&stranger), "{}", stranger.text);
    assert!(
        stranger.text.contains("did not let you in"),
        "{}",
        stranger.text
    );
}

async fn the_page_of_the_typed_code_leads_to_its_order_only_in_the_browser_that_knows_it(
    kind: Kind,
) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    let (_, other_code) = sold(&app, "daily").await;
    let mut browser = Browser::default();
    browser.get(&app, &format!("/order/{}", order.id)).await;
    let form = from_router(MAC, "invalid username or password").replacen("/?", "/voucher?", 1);

    let asked = browser.get(&app, &form).await;
    let action = action_of(&asked);
    let stranger = Browser::default().post(&app, &action, &code).await;
    let other = browser.post(&app, &action, &other_code).await;
    let mut browser = Browser::default();
    browser.get(&app, &format!("/order/{}", order.id)).await;
    let own = browser.post(&app, &action, &code).await;

    assert!(
        asked.text.contains("does not know this voucher"),
        "{}",
        asked.text
    );
    for answer in [&stranger, &other] {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(
            answer.text.contains("does not know this voucher"),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains(&order.id), "{}", answer.text);
    }
    assert!(location(&own).starts_with(&format!("/order/{}?refused=unknown-code", order.id)));
}

async fn a_code_that_the_router_does_not_know_is_not_shown_as_the_voucher_of_the_browser(
    kind: Kind,
) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    let (mut with_code, mut with_order) = (Browser::default(), Browser::default());
    with_code.post(&app, "/voucher", &code).await;
    with_order.get(&app, &format!("/order/{}", order.id)).await;
    let error = from_router(MAC, "invalid username or password");

    for mut browser in [with_code, with_order, Browser::default()] {
        let answer = browser.get(&app, &error).await;

        assert_eq!(answer.status, 200, "{}", answer.text);
        for part in [
            "does not know this voucher",
            "Type its code",
            "action=\"/voucher?refused=unknown-code&",
        ] {
            let part = part.replace('&', "&#38;");
            assert!(answer.text.contains(&part), "{part}: {}", answer.text);
        }
        assert!(!answer.text.contains(&code), "{}", answer.text);
    }
}

async fn a_guest_of_a_router_that_is_not_in_the_list_sees_no_reason_and_is_led_nowhere(kind: Kind) {
    let app = start(kind).await;
    let (order, code) = sold(&app, "daily").await;
    let error = "no more sessions are allowed for user <b>x</b>";
    let elsewhere = from_router(MAC, error).replace("wifi.test", "evil.test");
    let mut browser = Browser::default();
    browser.get(&app, &format!("/order/{}", order.id)).await;

    for path in [elsewhere.as_str(), "/?error=already+logged+in"] {
        let shop = browser.get(&app, path).await;
        let form = path.replacen("/?", "/voucher?", 1);
        let form = browser.get(&app, &form).await;
        let typed = Browser::default()
            .post(&app, &action_of(&form), &code)
            .await;

        assert!(is_shop(&shop), "{}", shop.text);
        for answer in [&shop, &form, &typed] {
            assert_eq!(answer.status, 200, "{}", answer.text);
            let reason = "Other phones use this voucher";
            for never in [reason, "did not let you in", "evil.test", "<b>x"] {
                assert!(!answer.text.contains(never), "{}", answer.text);
            }
        }
    }
}

/// Where the form of this page is sent.
fn action_of(page: &Answer) -> String {
    let (_, action) = page.text.split_once("action=\"").unwrap();
    action.split_once('"').unwrap().0.replace("&#38;", "&")
}

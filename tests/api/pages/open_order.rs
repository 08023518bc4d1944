//! A guest buys again with a form that knows nothing of the open order: which clients are led to
//! that order, and how much they see.

use reqwest::redirect::Policy;
use serde_json::json;

use super::{page, submit};
use crate::buying::order_of;
use crate::harness::{Answer, Kind, TestApp, TestOrder, fresh_phone};

on_both_databases! {
    the_device_that_bought_sees_the_state_only,
    another_device_is_not_led_to_the_order,
    the_browser_that_bought_is_led_back_to_its_order,
    the_browser_that_bought_is_led_back_however_long_it_waits,
    a_form_whose_order_has_ended_unpaid_makes_another_one,
    a_form_with_another_package_leads_back_to_the_order_that_waits,
    trying_again_in_two_tabs_is_one_order,
    the_device_is_kept_in_one_spelling_and_opens_nothing_by_the_api,
}

const MAC: &str = "AA:BB:CC:00:11:22";

/// The fields of a form that has just been opened.
fn form(phone: &str) -> [(&'static str, String); 3] {
    let key = uuid::Uuid::new_v4().simple().to_string();
    [
        ("key", key),
        ("package", "daily:2000".into()),
        ("phone", phone.into()),
    ]
}

async fn press(app: &TestApp, query: &str, phone: &str) -> Answer {
    let form = form(phone);
    let fields = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    submit(app, &format!("/buy{query}"), &fields).await
}

async fn press_with_cookie(app: &TestApp, cookie: &str, phone: &str) -> Answer {
    let form = form(phone);
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let request = client
        .post(app.url("/buy"))
        .header("accept-language", "en")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookie)
        .body(serde_urlencoded::to_string(&form).unwrap());
    Answer::of(request.send().await.unwrap()).await
}

fn led_to(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").unwrap()
}

async fn buy_from(app: &TestApp, mac: &str) -> TestOrder {
    let phone = fresh_phone();
    let payload = json!({"packageId": "daily", "phoneNumber": phone, "mac": mac});
    let answer = app.pay(&payload).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    order_of(&answer, &phone)
}

async fn the_device_that_bought_sees_the_state_only(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = buy_from(&app, MAC).await;

    let again = press(&app, "?mac=aa-bb-cc-00-11-22", &order.phone).await;
    let path = led_to(&again).to_owned();
    let waiting = page(&app, &path).await;

    assert!(path.starts_with("/state/"), "{path}");
    assert_eq!(waiting.status, 200, "{}", waiting.text);
    assert!(waiting.text.contains("decline it"), "{}", waiting.text);
    let since = format!("{}&since=1&wait=30", path);
    let (held, ()) = tokio::join!(page(&app, &since), async {
        app.until_parked(1).await;
        app.deliver_word(&order, "COMPLETED").await;
    });
    assert!(held.text.contains("sent by SMS"), "{}", held.text);
    let is_order = app.database.is_order(&order.id);
    let code = format!(
        "SELECT code FROM vouchers WHERE payment_id = (SELECT id FROM payments WHERE {is_order})"
    );
    let code = app.database.text(&code).await.unwrap();
    for shown in [&again, &waiting, &held] {
        let header = shown.header("location").unwrap_or_default();
        for secret in [
            &order.id,
            &code,
            &order.id.replace('-', ""),
            &"2,000".to_owned(),
        ] {
            assert!(
                !shown.text.contains(secret.as_str()),
                "{secret}: {}",
                shown.text
            );
            assert!(!header.contains(secret.as_str()), "{header}");
        }
    }
    // Only the complete token opens the order.
    let order_ref = &order.id[..8];
    for wrong in [
        format!("/state/{order_ref}"),
        format!("/state/{order_ref}-{}", "0".repeat(22)),
        format!("/state/{}", order.id),
    ] {
        assert_eq!(page(&app, &wrong).await.status, 404, "{wrong}");
    }
}

async fn another_device_is_not_led_to_the_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = buy_from(&app, MAC).await;
    let unnamed = app.buy().await;

    for (query, phone) in [
        ("", &order.phone),
        ("?mac=", &order.phone),
        ("?mac=aabbcc001123", &order.phone),
        ("?mac=aabbcc001122", &unnamed.phone),
        ("?mac=", &unnamed.phone),
    ] {
        let answer = press(&app, query, phone).await;

        assert_eq!(answer.status, 409, "{query}");
        assert!(answer.text.contains("decline it"), "{}", answer.text);
        for order in [&order, &unnamed] {
            assert!(!answer.text.contains(&order.id), "{}", answer.text);
        }
    }
}

async fn the_browser_that_bought_is_led_back_to_its_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let bought = press(&app, "", &phone).await;
    let order = led_to(&bought).to_owned();
    let set = bought.header("set-cookie").unwrap().to_owned();
    let (cookie, rules) = set.split_once(';').unwrap();
    assert_eq!(rules, " Path=/; HttpOnly; SameSite=Lax; Max-Age=3600");

    let again = press_with_cookie(&app, cookie, &phone).await;
    assert_eq!(led_to(&again), order);

    // It applies to that phone only, and only while the order is open.
    let stranger = app.buy().await;
    let other = press_with_cookie(&app, cookie, &stranger.phone).await;
    assert_eq!(other.status, 409, "{}", other.text);
    for cookie in ["malipo_order=", "malipo_order=x", "malipo_order=0"] {
        let answer = press_with_cookie(&app, cookie, &phone).await;
        assert_eq!(answer.status, 409, "{cookie}");
    }
    let id = order.strip_prefix("/order/").unwrap();
    let paid = TestOrder {
        id: id.to_owned(),
        ..stranger
    };
    app.deliver_word(&paid, "COMPLETED").await;
    let next = press_with_cookie(&app, cookie, &phone).await;
    assert_ne!(led_to(&next), order, "a second purchase is a new order");
}

async fn the_browser_that_bought_is_led_back_however_long_it_waits(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.resume_secs = 0).await;
    let phone = fresh_phone();
    let bought = press(&app, "", &phone).await;
    let set = bought.header("set-cookie").unwrap().to_owned();
    let (cookie, _) = set.split_once(';').unwrap();

    // The guest may have entered the PIN already.
    let again = press_with_cookie(&app, cookie, &phone).await;
    let elsewhere = press(&app, "", &phone).await;

    assert_eq!(led_to(&again), led_to(&bought));
    assert_ne!(led_to(&elsewhere), led_to(&bought));
}

async fn a_form_whose_order_has_ended_unpaid_makes_another_one(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let form = form(&phone);
    let fields = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut made = Vec::new();
    for word in ["FAILED", "CANCELLED", "COMPLETED"] {
        let pressed = submit(&app, "/buy", &fields).await;
        let again = submit(&app, "/buy", &fields).await;
        let path = led_to(&pressed).to_owned();
        assert_eq!(led_to(&again), path, "{made:?}");
        let id = path.strip_prefix("/order/").unwrap();
        let order = TestOrder {
            id: id.to_owned(),
            phone: phone.clone(),
            webhook_url: String::new(),
        };
        app.deliver_word(&order, word).await;
        // A second press may come after the answer to the first.
        let late = submit(&app, "/buy", &fields).await;
        assert_eq!(led_to(&late), path, "{word}");
        let old = "UPDATE payments SET created_at = '2020-01-01T00:00:00+00:00'";
        app.database.execute(old).await;
        made.push(path);
    }

    let sold = submit(&app, "/buy", &fields).await;

    assert_eq!(
        led_to(&sold),
        made[2],
        "a paid order stays the form's order"
    );
    made.dedup();
    assert_eq!(made.len(), 3);
    assert_eq!(super::orders(&app).await, 3);
}

/// Pay, Back, another package, Pay, in a browser without cookies.
async fn a_form_with_another_package_leads_back_to_the_order_that_waits(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let mut form = form(&phone);
    let press = async |form: &[(&str, String); 3]| {
        let fields = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        submit(&app, "/buy", &fields).await
    };
    let first = led_to(&press(&form).await).to_owned();
    form[1].1 = "weekly:10000".to_owned();

    let other_package = press(&form).await;
    let page = page(&app, led_to(&other_package)).await;
    let strangers = submit(
        &app,
        "/buy",
        &[
            ("key", "another-form"),
            ("package", &form[1].1),
            ("phone", &phone),
        ],
    )
    .await;
    let let_go = submit(&app, &format!("{first}/let-go"), &[]).await;
    let second = press(&form).await;

    assert_eq!(led_to(&other_package), first);
    assert!(page.text.contains("Wrong number"), "{}", page.text);
    assert_eq!(strangers.status, 409, "{}", strangers.text);
    assert_eq!(let_go.status, 303);
    assert_ne!(led_to(&second), first);
    assert_eq!(super::orders(&app).await, 2);
}

async fn trying_again_in_two_tabs_is_one_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "FAILED").await;
    let mut places = Vec::new();
    for _tab in 0..2 {
        let shown = page(&app, &format!("/order/{}", order.id)).await.text;
        let key = shown.split("name=\"key\" value=\"").nth(1).unwrap();
        let key = key.split('"').next().unwrap();

        let path = format!("/order/{}/again", order.id);
        let again = submit(&app, &path, &[("key", key)]).await;
        places.push(led_to(&again).to_owned());
    }

    assert_eq!(places[0], places[1]);
    assert_eq!(super::orders(&app).await, 2);
}

async fn the_device_is_kept_in_one_spelling_and_opens_nothing_by_the_api(kind: Kind) {
    let app = TestApp::start(kind).await;
    for mac in ["AA:BB:CC:00:11:22", "aa-bb-cc-00-11-22", "AABB.CC00.1122"] {
        let order = buy_from(&app, mac).await;

        let is_order = app.database.is_order(&order.id);
        let kept = format!("SELECT device_mac FROM payments WHERE {is_order}");
        assert_eq!(
            app.database.text(&kept).await.unwrap(),
            "aabbcc001122",
            "{mac}"
        );
        let payload = json!({"packageId": "daily", "phoneNumber": order.phone, "mac": mac});
        let again = app.pay(&payload).await;
        again.assert_problem(409, "prompt_open");
        assert!(!again.text.contains(&order.id), "{}", again.text);
    }
    for mac in ["$(mac)", "aabbcc00112", "aa:bb:cc:00:11:22:33"] {
        let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone(), "mac": mac});
        app.pay(&payload)
            .await
            .assert_problem(422, "invalid_request");
    }
    for mac in [json!(""), json!(" "), json!(null)] {
        let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone(), "mac": mac});
        assert_eq!(app.pay(&payload).await.status, 201, "{mac}");
    }
}

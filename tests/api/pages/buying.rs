//! The purchase form and its results.

use serde_json::json;

use super::{orders, page, submit};
use crate::harness::{Kind, TestApp, fresh_phone};

on_both_databases! {
    a_form_makes_one_order_however_often_it_is_sent,
    going_back_to_choose_something_else_makes_another_order,
    a_changed_price_is_shown_and_nothing_is_ordered,
    a_retired_package_is_explained_and_nothing_is_ordered,
    a_phone_with_an_open_prompt_gets_no_second_one_and_the_page_says_so,
    a_push_that_is_refused_leads_to_an_order_that_says_so,
    text_that_a_guest_types_is_shown_as_text_only,
    a_form_without_its_key_is_shown_again_with_one,
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

async fn a_form_makes_one_order_however_often_it_is_sent(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let fields = [("key", KEY), ("package", "daily:2000"), ("phone", &phone)];

    let first = submit(&app, "/buy", &fields).await;
    let second = submit(&app, "/buy", &fields).await;

    assert_eq!((first.status, second.status), (303, 303));
    assert_eq!(first.header("location"), second.header("location"));
    assert!(first.header("location").unwrap().starts_with("/order/"));
    assert_eq!(orders(&app).await, 1);
}

async fn going_back_to_choose_something_else_makes_another_order(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.resume_secs = 0).await;
    let phone = fresh_phone();
    let other = fresh_phone();

    let daily = submit(
        &app,
        "/buy",
        &[("key", KEY), ("package", "daily:2000"), ("phone", &phone)],
    )
    .await;
    let weekly = submit(
        &app,
        "/buy",
        &[("key", KEY), ("package", "weekly:10000"), ("phone", &phone)],
    )
    .await;
    let for_other = submit(
        &app,
        "/buy",
        &[("key", KEY), ("package", "daily:2000"), ("phone", &other)],
    )
    .await;

    for answer in [&daily, &weekly, &for_other] {
        assert_eq!(answer.status, 303, "{}", answer.text);
    }
    assert_eq!(orders(&app).await, 3);
}

async fn a_changed_price_is_shown_and_nothing_is_ordered(kind: Kind) {
    let app = TestApp::start(kind).await;

    let answer = submit(
        &app,
        "/buy",
        &[
            ("key", KEY),
            ("package", "daily:1500"),
            ("phone", "0712345678"),
        ],
    )
    .await;

    assert_eq!(answer.status, 409);
    assert!(
        answer.text.contains("One day is now TSh 2,000"),
        "{}",
        answer.text
    );
    assert!(
        answer.text.contains(r#"value="0712345678""#),
        "the typed text is kept"
    );
    assert!(
        answer.text.contains(KEY),
        "nothing was ordered by this form yet"
    );
    assert_eq!(orders(&app).await, 0);
}

async fn a_retired_package_is_explained_and_nothing_is_ordered(kind: Kind) {
    let app = TestApp::start(kind).await;
    let retire = "UPDATE packages SET retired_at = created_at WHERE code = 'daily'";
    app.database.execute(retire).await;

    let answer = submit(
        &app,
        "/buy",
        &[
            ("key", KEY),
            ("package", "daily:2000"),
            ("phone", "0712345678"),
        ],
    )
    .await;

    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("no longer sold"), "{}", answer.text);
    assert_eq!(orders(&app).await, 0);
}

async fn a_phone_with_an_open_prompt_gets_no_second_one_and_the_page_says_so(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    // Another form, so another key, but the same phone.
    let answer = submit(
        &app,
        "/buy",
        &[
            ("key", KEY),
            ("package", "daily:2000"),
            ("phone", &order.phone),
        ],
    )
    .await;

    assert_eq!(answer.status, 409);
    assert!(
        answer.text.contains("already has a request"),
        "{}",
        answer.text
    );
    let advice = "If you did not order this just now, decline it";
    assert!(answer.text.contains(advice), "{}", answer.text);
    assert!(answer.header("retry-after").is_some());
    assert!(
        !answer.text.contains(&order.id),
        "a number is no proof of an order"
    );
    assert_eq!(orders(&app).await, 1);
}

async fn a_push_that_is_refused_leads_to_an_order_that_says_so(kind: Kind) {
    let app = TestApp::start(kind).await;
    app.gateway_behaves(&json!({"push": "refuse"})).await;

    let answer = submit(
        &app,
        "/buy",
        &[
            ("key", KEY),
            ("package", "daily:2000"),
            ("phone", "0712345678"),
        ],
    )
    .await;
    let shown = page(&app, answer.header("location").unwrap()).await;

    assert_eq!(answer.status, 303);
    assert!(
        shown.text.contains("did not reach this phone"),
        "{}",
        shown.text
    );
    assert!(shown.text.contains("Try again"), "{}", shown.text);
}

async fn text_that_a_guest_types_is_shown_as_text_only(kind: Kind) {
    let app = TestApp::start(kind).await;
    let script = r#""><script>x()</script>"#;

    let typed = submit(
        &app,
        "/buy",
        &[
            ("key", script),
            ("package", "daily:2000"),
            ("phone", script),
        ],
    )
    .await;
    let code = submit(&app, "/voucher", &[("code", script)]).await;

    assert_eq!((typed.status, code.status), (422, 404));
    for answer in [typed, code] {
        assert!(!answer.text.contains("<script>x"), "{}", answer.text);
        assert!(answer.text.contains("script&#62;"), "{}", answer.text);
    }
}

async fn a_form_without_its_key_is_shown_again_with_one(kind: Kind) {
    let app = TestApp::start(kind).await;

    let answer = submit(
        &app,
        "/buy",
        &[("package", "daily:2000"), ("phone", "0712345678")],
    )
    .await;

    assert_eq!(answer.status, 422);
    assert!(
        answer.text.contains("name=\"key\" value=\""),
        "{}",
        answer.text
    );
    assert!(
        !answer.text.contains("name=\"key\" value=\"\""),
        "{}",
        answer.text
    );
    assert_eq!(orders(&app).await, 0);
}

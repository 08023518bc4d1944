//! "I have paid, and have no voucher."

use super::{page, submit};
use crate::harness::{Answer, Kind, TestApp, TestOrder, fresh_phone};

on_both_databases! {
    the_sms_goes_out_again_to_the_phone_that_paid,
    the_same_sms_does_not_go_out_again_and_again,
    a_phone_whose_money_we_have_not_seen_is_asked_about_at_once,
    nobody_learns_whether_a_phone_has_paid,
    a_number_that_is_none_is_told,
}

async fn the_sms_goes_out_again_to_the_phone_that_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    rest(&app).await;

    let answer = ask(&app, &order.phone).await;

    assert_eq!(answer.status, 200);
    let again = "SELECT COUNT(*) FROM order_events WHERE kind = 'sms_asked_again'";
    assert_eq!(app.database.count(again).await, 1);
    app.database
        .wait_for_count("SELECT COUNT(*) FROM sms_messages WHERE state = 'sent' AND sent_at > '2021-01-01 00:00:00+00:00'", 1)
        .await;
    assert!(!answer.text.contains(&order.id), "{}", answer.text);
}

async fn the_same_sms_does_not_go_out_again_and_again(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;

    // It has just been sent.
    ask(&app, &order.phone).await;
    ask(&app, &order.phone).await;

    let again = "SELECT COUNT(*) FROM order_events WHERE kind = 'sms_asked_again'";
    assert_eq!(app.database.count(again).await, 0);
}

async fn a_phone_whose_money_we_have_not_seen_is_asked_about_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let never = format!(
        "UPDATE payments SET due_at = NULL WHERE {}",
        app.database.is_order(&order.id)
    );
    app.database.execute(&never).await;

    ask(&app, &order.phone).await;

    app.database
        .wait_for_count(
            "SELECT COUNT(*) FROM gateway_calls WHERE kind <> 'create'",
            1,
        )
        .await;
}

async fn nobody_learns_whether_a_phone_has_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;

    let paid = ask(&app, &order.phone).await;
    let stranger = ask(&app, &fresh_phone()).await;

    assert_eq!((paid.status, &paid.text), (stranger.status, &stranger.text));
}

async fn a_number_that_is_none_is_told(kind: Kind) {
    let app = TestApp::start(kind).await;

    let form = page(&app, "/paid").await;
    let answer = ask(&app, "12345").await;

    assert_eq!((form.status, answer.status), (200, 422));
    assert!(
        answer.text.contains("This number is not right"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains(r#"value="12345""#), "{}", answer.text);
}

async fn ask(app: &TestApp, phone: &str) -> Answer {
    submit(app, "/paid", &[("phone", phone)]).await
}

/// An order that is sold and whose SMS is sent.
async fn sold(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    app.database
        .wait_for_count("SELECT COUNT(*) FROM sms_messages WHERE state = 'sent'", 1)
        .await;
    order
}

/// The SMS was sent long ago.
async fn rest(app: &TestApp) {
    let long_ago = "UPDATE sms_messages SET sent_at = '2020-01-01 00:00:00+00:00', created_at = '2020-01-01 00:00:00+00:00'";
    app.database.execute(long_ago).await;
}

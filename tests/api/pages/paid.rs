//! The page for guests who have paid and have no voucher.

use malipo::http::HELPED_MAX;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::{page, submit};
use crate::harness::{Answer, Kind, TestApp, TestOrder, fresh_phone};
use crate::reconciling::eventually;

on_both_databases! {
    the_sms_goes_out_again_to_the_phone_that_paid,
    a_phone_is_sent_its_sms_again_three_times_an_hour,
    many_simultaneous_requests_send_the_sms_again_once,
    an_sms_that_is_about_to_go_out_is_not_sent_again,
    an_order_without_known_money_is_checked_with_zenopay_at_once,
    the_page_does_not_reveal_whether_a_phone_has_paid,
    the_answer_does_not_wait_for_what_only_a_phone_that_has_paid_causes,
    the_json_answer_does_not_reveal_whether_a_phone_has_paid,
    an_invalid_number_is_named_on_the_page,
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

async fn a_phone_is_sent_its_sms_again_three_times_an_hour(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    for repeated in 1..=3 {
        ask(&app, &order.phone).await;
        all_sent(&app).await;
        assert_eq!(repetitions(&app).await, repeated);
    }

    let fourth = ask(&app, &order.phone).await;
    assert_eq!((fourth.status, repetitions(&app).await), (200, 3));

    // The hourly limit counts per phone, not per order.
    let payload = json!({"packageId": "daily", "phoneNumber": order.phone});
    let second = app.pay(&payload).await.json()["order_id"].clone();
    let paid = json!({"order_id": second, "payment_status": "COMPLETED"});
    app.deliver(paid.to_string()).await;
    all_sent(&app).await;
    ask(&app, &order.phone).await;
    assert_eq!(repetitions(&app).await, 3);

    let hour_ago = match kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%f+00:00', at, '-61 minutes')",
        Kind::Postgres => "at - interval '61 minutes'",
    };
    let aged = format!("UPDATE order_events SET at = {hour_ago}");
    app.database.execute(&aged).await;
    ask(&app, &order.phone).await;
    assert_eq!(repetitions(&app).await, 4);
}

async fn many_simultaneous_requests_send_the_sms_again_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;

    let asks = (0..8).map(|_| ask(&app, &order.phone));
    futures_util::future::join_all(asks).await;

    let repeated = repetitions(&app).await;
    assert!((1..=3).contains(&repeated), "{repeated}");
}

async fn an_sms_that_is_about_to_go_out_is_not_sent_again(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let later = "UPDATE sms_messages SET state = 'failed', due_at = '2100-01-01 00:00:00+00:00'";
    app.database.execute(later).await;

    let answer = ask(&app, &order.phone).await;

    assert_eq!((answer.status, repetitions(&app).await), (200, 0));
}

async fn an_order_without_known_money_is_checked_with_zenopay_at_once(kind: Kind) {
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

async fn the_page_does_not_reveal_whether_a_phone_has_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;

    let paid = ask(&app, &order.phone).await;
    let stranger = ask(&app, &fresh_phone()).await;

    assert_eq!((paid.status, &paid.text), (stranger.status, &stranger.text));
}

async fn the_answer_does_not_wait_for_what_only_a_phone_that_has_paid_causes(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let open = app.buy().await;
    let held = app.database.begin().await;
    for row in [
        "sms_messages SET attempts = attempts",
        "payments SET asks = asks",
    ] {
        held.execute_unprepared(&format!("UPDATE {row}"))
            .await
            .unwrap();
    }

    for phone in [&fresh_phone(), &order.phone, &open.phone] {
        let answer = submit(&app, "/paid", &[("phone", phone)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(repetitions(&app).await, 0);
    held.rollback().await.unwrap();
    until_helped(&app).await;

    assert_eq!(repetitions(&app).await, 1);
}

async fn the_json_answer_does_not_reveal_whether_a_phone_has_paid(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = sold(&app).await;
    let resend = async |body: Value| {
        let url = app.portal("/payment/resend");
        let request = app.http.post(url).header("accept-language", "en");
        let answer = Answer::of(request.json(&body).send().await.unwrap()).await;
        until_helped(&app).await;
        answer
    };

    let paid = resend(json!({"phoneNumber": order.phone})).await;
    let stranger = resend(json!({"phone_number": fresh_phone()})).await;

    assert_eq!(paid.status, 202, "{}", paid.text);
    assert_eq!((paid.status, &paid.text), (stranger.status, &stranger.text));
    assert_eq!(paid.json()["status"], "success");
    assert_eq!(repetitions(&app).await, 1);
    let no_phone = resend(json!({"phoneNumber": "12"})).await;
    no_phone.assert_problem(422, "invalid_phone");
    let nothing = resend(json!([])).await;
    nothing.assert_problem(400, "invalid_request");
}

async fn an_invalid_number_is_named_on_the_page(kind: Kind) {
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
    let answer = submit(app, "/paid", &[("phone", phone)]).await;
    until_helped(app).await;
    answer
}

/// Returns when nothing is done any more for guests who have their answer.
async fn until_helped(app: &TestApp) {
    let helping = &app.app.api.helping;
    eventually("guests are helped", async || {
        helping.available_permits() == HELPED_MAX
    })
    .await;
}

/// Creates an order that is sold and whose SMS is sent.
async fn sold(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    all_sent(app).await;
    order
}

async fn all_sent(app: &TestApp) {
    let waiting = "SELECT COUNT(*) FROM sms_messages WHERE state <> 'sent'";
    app.database.wait_for_count(waiting, 0).await;
}

/// How many times an SMS was sent again.
async fn repetitions(app: &TestApp) -> i64 {
    let again = "SELECT COUNT(*) FROM order_events WHERE kind = 'sms_asked_again'";
    app.database.count(again).await
}

/// Moves the sending of the SMS into the past.
async fn rest(app: &TestApp) {
    let long_ago = "UPDATE sms_messages SET sent_at = '2020-01-01 00:00:00+00:00', created_at = '2020-01-01 00:00:00+00:00'";
    app.database.execute(long_ago).await;
}

//! Fifty requests at once count as fifty one after the other, also through two processes.

use futures_util::future::join_all;
use malipo::app::App;

use crate::harness::{Kind, TestApp, TestOrder, config, http_client};
use crate::owner_link::{owner_link, press};

/// A second server on the same database.
async fn second(app: &TestApp) -> (App, String) {
    let other = App::start(config(&app.database.url), None).await.unwrap();
    let base = format!("http://{}", other.address);
    (other, base)
}

async fn sold(app: &TestApp) -> TestOrder {
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let waiting = "SELECT COUNT(*) FROM sms_messages WHERE state <> 'sent'";
    app.database.wait_for_count(waiting, 0).await;
    order
}

/// Posts this form fifty times at once, to both servers in turn.
async fn fifty(bases: [&str; 2], path: &str, form: &str) {
    let http = http_client();
    let sent = (0..50).map(|number| {
        let request = http.post(format!("{}{path}", bases[number % 2]));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned()).send()
    });
    for answer in join_all(sent).await {
        answer.unwrap();
    }
}

#[actix_web::test]
async fn fifty_requests_for_the_sms_at_once_through_two_processes_send_it_three_times_at_most() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = sold(&app).await;
    let (other, base) = second(&app).await;

    for _ in 0..4 {
        fifty(
            [&app.base, &base],
            "/paid",
            &format!("phone={}", order.phone),
        )
        .await;
    }
    // A stop waits for what is done after the answers.
    other.stop().await;
    let database = app.stop().await;

    let again = "SELECT COUNT(*) FROM order_events WHERE kind = 'sms_asked_again'";
    let repeated = database.count(again).await;
    assert!((1..=3).contains(&repeated), "{repeated}");
}

#[actix_web::test]
async fn fifty_requests_for_a_new_code_at_once_through_two_processes_make_one_and_three_in_a_day() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = sold(&app).await;
    let (other, base) = second(&app).await;
    let path = format!("{}/reissue", owner_link(&app, &order).await);
    let codes = "SELECT COUNT(*) FROM vouchers";
    // Each server knows the version only after the other's notice.
    let version = "SELECT CAST(MAX(version) AS BIGINT) FROM payments";

    for round in 1..=5 {
        let seen = app.database.count(version).await;
        fifty([&app.base, &base], &path, &format!("seen={seen}")).await;
        let made = 1 + round.min(3);
        assert_eq!(app.database.count(codes).await, made, "round {round}");
    }
    // The order may have changed between the two requests; then the page shows it anew, with 303.
    let mut last = 303;
    for _ in 0..20 {
        let seen = app.database.count(version).await;
        last = press(&app, &order, seen).await.status;
        if last != 303 {
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(app.database.count(codes).await, 4, "three in a day");
    other.stop().await;
}

//! Seats of waiters: their limits, and that they are given back.

use std::time::Instant;

use futures_util::future::join_all;
use malipo::domain::access::StateToken;
use malipo::domain::order::OrderId;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{AT_ONCE, poll};
use crate::harness::{Kind, TestApp, TestOrder};
use crate::pages::page;

on_both_databases! {
    the_ninth_waiter_of_an_order_is_answered_at_once,
    a_waiter_without_a_seat_is_answered_at_once,
    a_page_without_a_seat_is_answered_at_once_and_says_when_to_ask_again,
    the_seat_of_a_guest_who_hangs_up_is_given_back,
    a_seat_is_given_back_however_a_poll_ends,
}

async fn the_ninth_waiter_of_an_order_is_answered_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let eight = join_all((0..8).map(|_| poll(&app, &order, "?wait=35")));

    let (answers, ninth, ()) = tokio::join!(eight, poll(&app, &other, "?wait=35"), async {
        app.until_parked(9).await;

        // Eight of this order and one of another: the limit of the order is reached.
        assert_no_seat(&app, &order).await;
        app.until_parked(9).await;

        app.deliver_word(&order, "COMPLETED").await;
        app.deliver_word(&other, "COMPLETED").await;
    });

    for answer in answers.iter().chain([&ninth]) {
        assert_eq!(answer.json()["payment_status"], "COMPLETED");
        assert_eq!(answer.header("retry-after"), None);
    }
    app.until_parked(0).await;
}

async fn a_waiter_without_a_seat_is_answered_at_once(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.waiters_max = Some(3)).await;
    let orders = join_all((0..4).map(|_| app.buy())).await;
    let fourth = &orders[3];
    let three = join_all(
        orders[..3]
            .iter()
            .map(|order| poll(&app, order, "?wait=35")),
    );

    let (_, late) = tokio::join!(three, async {
        app.until_parked(3).await;
        assert_no_seat(&app, fourth).await;
        app.deliver_word(&orders[0], "COMPLETED").await;
        app.until_parked(2).await;

        // A seat is free again, and taken.
        let (late, ()) = tokio::join!(poll(&app, fourth, "?wait=35"), async {
            app.until_parked(3).await;
            for order in &orders[1..] {
                app.deliver_word(order, "COMPLETED").await;
            }
        });
        late
    });

    assert_eq!(late.json()["payment_status"], "COMPLETED");
    assert_eq!(late.header("retry-after"), None);
    app.until_parked(0).await;
}

async fn a_page_without_a_seat_is_answered_at_once_and_says_when_to_ask_again(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.waiters_max = Some(1)).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let order_id: OrderId = order.id.parse().unwrap();
    let state = StateToken::of(order_id).path();

    let (_, ()) = tokio::join!(poll(&app, &other, "?wait=35"), async {
        app.until_parked(1).await;
        for path in [&format!("/order/{}", order.id), &state] {
            let begun = Instant::now();
            let crowded = page(&app, &format!("{path}?since=1&wait=35")).await;
            let calm = page(&app, path).await;

            assert!(begun.elapsed() < AT_ONCE, "it waited");
            assert_eq!(crowded.header("retry-after"), Some("2"), "{path}");
            let refresh = "http-equiv=\"refresh\" content=\"3;url=";
            assert!(crowded.text.contains(refresh), "{}", crowded.text);
            assert_eq!(calm.header("retry-after"), None, "{path}");
            assert!(
                calm.text.contains(&refresh.replace('3', "1")),
                "{}",
                calm.text
            );
        }
        app.deliver_word(&other, "COMPLETED").await;
    });
}

/// One more poll is answered at once, with the current state and `Retry-After`.
async fn assert_no_seat(app: &TestApp, order: &TestOrder) {
    let begun = Instant::now();
    let answer = poll(app, order, "?wait=35").await;

    assert!(begun.elapsed() < AT_ONCE, "it waited");
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (200, Some("2"))
    );
    assert_eq!(answer.json(), app.status(order).await);
    assert_eq!(answer.json()["payment_status"], "PENDING");
}

async fn the_seat_of_a_guest_who_hangs_up_is_given_back(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let poll = |order: &TestOrder| format!("/payment/status/{}?wait=50", order.id);
    let stream = |order: &TestOrder| format!("/payment/status/{}/events", order.id);
    let mut hang_ups = Vec::new();
    let mut resets = Vec::new();
    for path in [poll(&order), poll(&other), poll(&other), stream(&order)] {
        hang_ups.push(park(&app, &path).await);
        resets.push(park(&app, &path).await);
    }
    app.until_parked(8).await;

    drop(hang_ups);
    app.until_parked(4).await;
    for connection in &resets {
        connection.set_zero_linger().unwrap();
    }
    drop(resets);
    app.until_parked(0).await;

    // The order's seats are free again too, not only those of the server.
    let eight = join_all((0..8).map(|_| super::poll(&app, &order, "?wait=35")));
    let (answers, ()) = tokio::join!(eight, async {
        app.until_parked(8).await;
        app.deliver_word(&order, "COMPLETED").await;
    });
    for answer in answers {
        assert_eq!(answer.json()["payment_status"], "COMPLETED");
    }
}

async fn a_seat_is_given_back_however_a_poll_ends(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.waiters_max = Some(2)).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let unknown_order = app.portal("/payment/status/00000000-0000-0000-0000-000000000000?wait=30");

    // More polls than there are seats, one after another.
    for _ in 0..3 {
        let final_at_once = poll(&app, &order, "?wait=30").await;
        let time_is_up = poll(&app, &order, "?wait=0.01&since=2").await;
        let unknown = app.get(&unknown_order).await;
        let events = app.get(&super::status_url(&app, &order, "/events")).await;

        for answer in [final_at_once, time_is_up, events] {
            assert_eq!((answer.status, answer.header("retry-after")), (200, None));
        }
        unknown.assert_problem(404, "order_not_found");
        app.until_parked(0).await;
    }
}

/// Sends a GET and reads no answer.
async fn park(app: &TestApp, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(app.app.address).await.unwrap();
    let url = app.portal(path);
    let target = url.strip_prefix(&app.base).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: portal\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

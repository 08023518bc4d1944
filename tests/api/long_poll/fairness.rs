//! Who gets a seat when many want one: a guest who is paying now, before all others.

use std::time::Instant;

use chrono::{SecondsFormat, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::json;

use super::{AT_ONCE, hold, poll, status_url};
use crate::harness::{Kind, TestApp, TestOrder, fresh_phone};
use crate::pages::page;

on_both_databases! {
    an_order_that_ended_long_ago_is_not_waited_for,
    guests_who_are_paying_find_a_seat_however_many_others_wait,
    event_streams_of_held_orders_leave_seats_to_guests_who_are_paying,
    the_orders_of_one_phone_have_sixteen_seats,
}

async fn an_order_that_ended_long_ago_is_not_waited_for(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (sold, failed) = (app.buy().await, app.buy().await);
    app.deliver_word(&sold, "COMPLETED").await;
    app.deliver_word(&failed, "FAILED").await;
    for order in [&sold, &failed] {
        happened_hours_ago(&app, order).await;

        let begun = Instant::now();
        let answer = poll(&app, order, "?wait=35&since=2").await;
        let shown = page(&app, &format!("/order/{}?since=2&wait=35", order.id)).await;

        assert!(begun.elapsed() < AT_ONCE, "it waited");
        assert_eq!(answer.json(), app.status(order).await);
        for answer in [answer, shown] {
            assert_eq!(
                (answer.status, answer.header("retry-after")),
                (200, Some("60"))
            );
        }
    }
    app.until_parked(0).await;
}

/// Moves all times of an order.
async fn happened_hours_ago(app: &TestApp, order: &TestOrder) {
    let then = (Utc::now() - TimeDelta::hours(2)).to_rfc3339_opts(SecondsFormat::Millis, false);
    let is_order = app.database.is_order(&order.id);
    for set in [
        format!("created_at = '{then}', deadline_at = '{then}' WHERE {is_order}"),
        format!("processed_at = '{then}' WHERE {is_order} AND processed_at IS NOT NULL"),
    ] {
        app.database
            .execute(&format!("UPDATE payments SET {set}"))
            .await;
    }
}

/// Opens an event stream. Its answer shows that it has its seat; of a poll only its end shows that.
async fn stream(app: &TestApp, order_id: &str) -> reqwest::Response {
    let url = app.portal(&format!("/payment/status/{order_id}/events"));
    let answer = app.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

async fn guests_who_are_paying_find_a_seat_however_many_others_wait(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.waiters_max = Some(4)).await;
    let orders = join_all((0..5).map(|_| app.buy())).await;
    let (others, paying) = orders.split_at(3);
    let mut streams = Vec::new();
    for order in &others[..2] {
        hold(&app, order).await;
        streams.push(stream(&app, &order.id).await);
    }
    app.deliver_word(&others[2], "COMPLETED").await;

    let begun = Instant::now();
    let refused = poll(&app, &others[2], "?wait=35&since=2").await;
    assert!(begun.elapsed() < AT_ONCE, "it waited");
    assert_eq!(refused.header("retry-after"), Some("2"));

    let polls = join_all(paying.iter().map(|order| poll(&app, order, "?wait=35")));
    let (answers, ()) = tokio::join!(polls, async {
        app.until_parked(4).await;
        for order in paying {
            app.deliver_word(order, "COMPLETED").await;
        }
    });
    for answer in answers {
        assert_eq!(answer.json()["payment_status"], "COMPLETED");
        assert_eq!(answer.header("retry-after"), None);
    }
    drop(streams);
    app.until_parked(0).await;
}

async fn event_streams_of_held_orders_leave_seats_to_guests_who_are_paying(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.portal.waiters_max = Some(2)).await;
    let (held, other, paying) = (app.buy().await, app.buy().await, app.buy().await);
    hold(&app, &held).await;
    hold(&app, &other).await;

    let first = stream(&app, &held.id).await;
    let second = app.get(&status_url(&app, &other, "/events")).await;
    let third = stream(&app, &paying.id).await;

    second.assert_problem(503, "busy");
    assert_eq!(second.header("retry-after"), Some("2"));
    drop((first, third));
    app.until_parked(0).await;
}

async fn the_orders_of_one_phone_have_sixteen_seats(kind: Kind) {
    let app = TestApp::start(kind).await;
    let phone = fresh_phone();
    let mut ids = Vec::new();
    for n in 0..3 {
        let body = json!({"packageId": "daily", "phoneNumber": phone});
        let answer = app
            .pay_with_key(&body, &format!("one-phone-{phone}-{n}"))
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        ids.push(answer.json()["order_id"].as_str().unwrap().to_owned());
    }
    let mut streams = Vec::new();
    for id in ids[..2].iter().flat_map(|id| [id; 8]) {
        streams.push(stream(&app, id).await);
    }

    let begun = Instant::now();
    let third = app.portal(&format!("/payment/status/{}?wait=35", ids[2]));
    let refused = app.get(&third).await;
    assert!(begun.elapsed() < AT_ONCE, "it waited");
    assert_eq!(refused.header("retry-after"), Some("2"));

    // Another guest's phone is not concerned, and a seat that is given back can be taken again.
    let guest = app.buy().await;
    streams.push(stream(&app, &guest.id).await);
    streams.remove(0);
    app.until_parked(16).await;
    streams.push(stream(&app, &ids[2]).await);
}

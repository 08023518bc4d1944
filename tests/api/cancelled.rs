//! Drops a request's future after a number of polls, for each number until the future completes, as
//! when the client disconnects at that moment.
//!
//! Handlers are called without a socket, because only then does the test control the polling.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use actix_web::dev::Service;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use serde_json::json;

use crate::harness::{KEY, Kind, SaleCounts, TestApp, body_of, fresh_phone, pool};

on_both_databases! {
    a_webhook_dropped_after_any_poll_still_sells_and_poisons_no_connection,
    a_purchase_dropped_after_any_poll_is_one_order_and_one_push_when_it_is_sent_again,
    a_long_poll_dropped_after_any_poll_leaves_its_seat_and_its_connection,
}

/// No request needs more polls than this.
const POLLS_MAX: usize = 60;

/// The server's handlers as a service. A macro, because the service's type cannot be named here.
macro_rules! handlers {
    ($app:expr) => {
        init_service(
            App::new()
                .app_data(web::Data::new($app.app.api.clone()))
                .configure(|routes| malipo::http::routes(routes, None)),
        )
        .await
    };
}

/// The output; `None` if the future was dropped before its end.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn a_webhook_dropped_after_any_poll_still_sells_and_poisons_no_connection(kind: Kind) {
    let app = TestApp::start(kind).await;
    let handlers = handlers!(app);
    let mut orders = Vec::new();

    for polls in 0.. {
        assert!(polls < POLLS_MAX, "it never ends");
        let order = app.buy().await;
        let webhook = TestRequest::post()
            .uri("/api/v1/customer-portal/webhook/zenopay")
            .insert_header(("x-api-key", KEY))
            .set_payload(body_of(&order.id, "COMPLETED"));
        let answer = polled(handlers.call(webhook.to_request()), polls).await;
        orders.push(order);
        if let Some(answer) = answer {
            assert_eq!(answer.unwrap().status(), 200);
            break;
        }
    }

    assert!(orders.len() > 2, "it was never dropped before its end");
    for (polls, order) in orders.iter().enumerate() {
        // After the first poll the work no longer depends on the sender.
        let expected = if polls == 0 { "completed" } else { "duplicate" };
        if polls > 0 {
            app.wait_for(order, "COMPLETED").await;
        }
        let again = app.deliver_word(order, "COMPLETED").await;
        assert_eq!(again.verdict(), (200, expected.to_owned()), "{polls}");
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{polls}");
        assert_eq!(app.journal(&order.id, "completed").await, 1, "{polls}");
    }
    pool::assert_clean(&app).await;
}

async fn a_purchase_dropped_after_any_poll_is_one_order_and_one_push_when_it_is_sent_again(
    kind: Kind,
) {
    let app = TestApp::start(kind).await;
    let handlers = handlers!(app);
    let mut payloads = Vec::new();

    for polls in 0.. {
        assert!(polls < POLLS_MAX, "it never ends");
        let payload = json!({"packageId": "daily", "phoneNumber": fresh_phone()});
        let key = format!("dropped-after-{polls}");
        let purchase = TestRequest::post()
            .uri("/api/v1/customer-portal/payment")
            .insert_header(("idempotency-key", key.as_str()))
            .set_json(&payload)
            .peer_addr("127.0.0.1:9".parse().unwrap());
        let answer = polled(handlers.call(purchase.to_request()), polls).await;
        payloads.push((key, payload));
        if let Some(answer) = answer {
            assert_eq!(answer.unwrap().status(), 201);
            break;
        }
    }

    assert!(payloads.len() > 2, "it was never dropped before its end");
    for (key, payload) in &payloads {
        let answer = app.pay_with_key(payload, key).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        let count = |table: &str, column: &str, id: &str| {
            format!("SELECT COUNT(*) FROM {table} WHERE {column} = '{id}'")
        };
        let rows = count("payments", "idempotency_key", key);
        assert_eq!(app.database.count(&rows).await, 1, "{key}");
        // The push may still be in progress: it does not depend on the sender.
        let json = answer.json();
        let pushes = count(
            "sandbox_payments",
            "order_id",
            json["order_id"].as_str().unwrap(),
        );
        app.database.wait_for_count(&pushes, 1).await;
    }
    pool::assert_clean(&app).await;
}

async fn a_long_poll_dropped_after_any_poll_leaves_its_seat_and_its_connection(kind: Kind) {
    let app = TestApp::start(kind).await;
    let handlers = handlers!(app);
    let order = app.buy().await;
    let path = format!("/api/v1/customer-portal/payment/status/{}", order.id);
    let mut dropped = 0;

    for polls in 0.. {
        assert!(polls < POLLS_MAX, "it never ends");
        let poll = TestRequest::get().uri(&format!("{path}?wait=0.2&since=1"));
        match polled(handlers.call(poll.to_request()), polls).await {
            None => dropped += 1,
            Some(answer) => {
                assert_eq!(answer.unwrap().status(), 200);
                break;
            }
        }
    }

    assert!(dropped > 2, "it was never dropped before its end");
    app.until_parked(0).await;
    // The order has few seats, and a waiting poll must still get the sale.
    let url = app.portal(&format!("/payment/status/{}?wait=20&since=1", order.id));
    let (waited, sold) = tokio::join!(app.get(&url), async {
        app.until_parked(1).await;
        app.deliver_word(&order, "COMPLETED").await
    });
    assert_eq!(sold.verdict(), (200, "completed".to_owned()));
    assert_eq!(waited.json()["payment_status"], "COMPLETED");
    pool::assert_clean(&app).await;
}

//! The process is killed or stopped, or its clients disconnect.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::client::Client;
use crate::harness::process::Process;
use crate::harness::{KEY, Kind, SaleCounts, TestApp, TestDatabase, body_of, pool};

on_both_databases! {
    kill_minus_nine_in_mid_load_loses_nothing_that_was_acknowledged,
    a_stop_under_load_answers_every_poll_and_loses_nothing_that_was_acknowledged,
    a_client_that_hangs_up_cancels_nothing,
    a_guest_does_not_see_a_sale_that_was_rolled_back,
}

/// Sends deliveries one after another, so that the end comes in the middle of them; returns the
/// acknowledged orders, one entry for each acknowledgement.
async fn deliver_in_a_stream(client: &Client, orders: &[String], copies: usize) -> Vec<String> {
    let deliveries = orders.iter().enumerate().flat_map(|(at, order_id)| {
        (0..copies).map(move |copy| async move {
            tokio::time::sleep(Duration::from_millis((at * 4 + copy) as u64)).await;
            if client.deliver(order_id).await != Some(200) {
                return None;
            }
            client.acknowledged.fetch_add(1, Ordering::Relaxed);
            Some(order_id.clone())
        })
    });
    join_all(deliveries).await.into_iter().flatten().collect()
}

async fn assert_acknowledged_is_there(database: &TestDatabase, acknowledged: &[String]) {
    for order_id in acknowledged {
        assert_eq!(
            database.sale_of(order_id).await,
            SaleCounts::ONE,
            "{order_id}"
        );
        let copies = acknowledged
            .iter()
            .filter(|other| *other == order_id)
            .count();
        let journalled = database
            .count(&format!(
                "SELECT COUNT(*) FROM webhook_deliveries WHERE order_id = '{order_id}'"
            ))
            .await;
        assert!(
            journalled >= copies as i64,
            "{order_id}: {journalled} of {copies}"
        );
    }
}

async fn kill_minus_nine_in_mid_load_loses_nothing_that_was_acknowledged(kind: Kind) {
    const ORDERS: usize = 120;
    let database = TestDatabase::create(kind).await;
    let process = Process::serve(&database.url, &[]);
    let client = Client::of(&process);
    let orders = join_all((0..ORDERS).map(|_| client.buy())).await;

    let (acknowledged, ()) = tokio::join!(deliver_in_a_stream(&client, &orders, 3), async {
        client.until_acknowledged(20).await;
        process.kill();
    });

    let process = Process::serve(&database.url, &[]);
    assert!(acknowledged.len() < ORDERS * 3, "not in mid-load");
    assert_acknowledged_is_there(&database, &acknowledged).await;
    let client = Client::of(&process);
    let again = join_all(orders.iter().map(|order_id| client.deliver(order_id))).await;
    assert!(again.iter().all(|status| *status == Some(200)), "{again:?}");
    for order_id in &orders {
        assert_eq!(
            database.sale_of(order_id).await,
            SaleCounts::ONE,
            "{order_id}"
        );
    }
}

async fn a_stop_under_load_answers_every_poll_and_loses_nothing_that_was_acknowledged(kind: Kind) {
    const ORDERS: usize = 80;
    let database = TestDatabase::create(kind).await;
    let mut process = Process::serve(&database.url, &[]);
    let client = Client::of(&process);
    let orders = join_all((0..ORDERS).map(|_| client.buy())).await;
    let (paying, waiting) = orders.split_at(ORDERS / 2);

    let polls = join_all(waiting.iter().map(|order_id| client.wait(order_id)));
    let load = async {
        client.until_parked(waiting.len()).await;
        tokio::join!(deliver_in_a_stream(&client, paying, 3), async {
            client.until_acknowledged(10).await;
            process.signal("-TERM");
        })
    };
    let (polls, (acknowledged, ())) = tokio::join!(polls, load);

    assert_eq!(process.wait(), Some(0));
    assert_acknowledged_is_there(&database, &acknowledged).await;
    for (status, document) in polls {
        assert_eq!(
            (status, &document["payment_status"]),
            (200, &json!("PENDING"))
        );
    }
}

async fn a_client_that_hangs_up_cancels_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(app.buy().await);
    }

    for (at, order) in orders.iter().enumerate() {
        // In the middle of a sale that is blocked: the whole order is still to be written.
        let held = app.database.hold(&order.id).await;
        let sender = send_a_webhook(&app, &order.id).await;
        app.actors_when(|seen| seen["order_actors"]["busy"] == 1)
            .await;
        if at % 2 == 0 {
            close_and_await_close(sender).await;
        } else {
            // A reset instead of an orderly close.
            sender.set_zero_linger().unwrap();
            drop(sender);
        }
        held.rollback().await.unwrap();

        // Nothing is sent again. The order is sold, and its webhook is counted, which comes after
        // the sale: the work for the sender was completed too.
        app.wait_for(order, "COMPLETED").await;
        app.actors_when(|seen| seen["webhooks"]["completed"] == at + 1)
            .await;
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }

    for order in &orders {
        let again = app.deliver_word(order, "COMPLETED").await;
        assert_eq!(again.verdict(), (200, "duplicate".to_owned()));
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    pool::assert_clean(&app).await;
}

async fn send_a_webhook(app: &TestApp, order_id: &str) -> TcpStream {
    let body = body_of(order_id, "COMPLETED");
    let head = format!(
        "POST /api/v1/customer-portal/webhook/zenopay HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut connection = TcpStream::connect(app.app.address).await.unwrap();
    connection
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    connection
}

/// Returns when the server has closed the connection too, so that nothing waits for the answer any
/// more.
async fn close_and_await_close(mut sender: TcpStream) {
    sender.shutdown().await.unwrap();
    let mut answer = Vec::new();
    sender.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty(), "it was answered: {answer}");
}

/// The notice comes after the commit and never before.
async fn a_guest_does_not_see_a_sale_that_was_rolled_back(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let poll = app.portal(&format!("/payment/status/{}?wait=6&since=1", order.id));
    app.database
        .execute("ALTER TABLE invoices RENAME TO invoices_away")
        .await;

    let (polled, refused) = tokio::join!(app.get(&poll), async {
        app.until_parked(1).await;
        app.deliver_word(&order, "COMPLETED").await
    });
    app.database
        .execute("ALTER TABLE invoices_away RENAME TO invoices")
        .await;

    assert_eq!(refused.verdict(), (500, "internal".to_owned()));
    assert_eq!(
        polled.json()["payment_status"],
        "PENDING",
        "{}",
        polled.text
    );
    assert_eq!(
        app.deliver_word(&order, "COMPLETED").await.verdict().1,
        "completed"
    );
}

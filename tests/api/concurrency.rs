//! Many copies at the same moment, many orders at the same moment, and one order that is stuck.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::harness::{ANSWERED_WITHIN, Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    fifty_copies_at_once_give_one_sale_and_fifty_lines_in_the_journal,
    a_rush_of_mixed_copies_sells_every_order_once,
    copies_are_answered_while_actors_come_and_go,
    a_panic_in_one_order_stays_in_that_order,
}

/// The body that ZenoPay documents for mobile money.
fn documented_body(order: &TestOrder) -> String {
    include_str!("../fixtures/zenopay/completed-documented.json").replace("ORDER", &order.id)
}

async fn fifty_copies_at_once_give_one_sale_and_fifty_lines_in_the_journal(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;

    let copies = (0..50).map(|_| app.deliver(documented_body(&order)));
    let answers = join_all(copies).await;

    let mut verdicts = BTreeMap::new();
    for answer in &answers {
        assert_eq!(
            answer.json()["payment_status"],
            "COMPLETED",
            "{}",
            answer.text
        );
        *verdicts.entry(answer.verdict()).or_insert(0) += 1;
    }
    assert_eq!(
        verdicts,
        BTreeMap::from([
            ((200, "completed".to_owned()), 1),
            ((200, "duplicate".to_owned()), 49)
        ])
    );
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(app.journal(&order.id, "completed").await, 1);
    assert_eq!(app.journal(&order.id, "duplicate").await, 49);
    assert_eq!(
        app.database
            .count("SELECT COUNT(*) FROM webhook_deliveries")
            .await,
        50,
        "every copy is in the journal, and nothing else"
    );
}

async fn a_rush_of_mixed_copies_sells_every_order_once(kind: Kind) {
    const ORDERS: usize = 20;
    const WORDS: [&str; 12] = [
        "COMPLETED",
        "PENDING",
        "COMPLETED",
        "FAILED",
        "COMPLETED",
        "COMPLETED",
        "CANCELLED",
        "COMPLETED",
        "PENDING",
        "COMPLETED",
        "FAILED",
        "COMPLETED",
    ];
    let app = TestApp::start(kind).await;
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(app.buy().await);
    }

    let polls = orders.iter().map(|order| app.wait_for(order, "COMPLETED"));
    let deliveries = orders
        .iter()
        .flat_map(|order| WORDS.map(|word| app.deliver_word(order, word)));
    let (documents, answers) = tokio::join!(join_all(polls), join_all(deliveries));

    assert!(answers.iter().all(|answer| answer.status == 200));
    for (order, document) in orders.iter().zip(documents) {
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{}", order.id);
        assert_eq!(app.journal(&order.id, "completed").await, 1, "{}", order.id);
        assert_eq!(document["voucher_code"].as_str().map(str::len), Some(8));
        assert_eq!(app.status(order).await["payment_status"], "COMPLETED");
    }
    let journalled = app
        .database
        .count("SELECT COUNT(*) FROM webhook_deliveries")
        .await;
    assert_eq!(journalled, (ORDERS * WORDS.len()) as i64);
    let codes = app
        .database
        .count("SELECT COUNT(DISTINCT code) FROM vouchers")
        .await;
    assert_eq!(codes, ORDERS as i64);
}

/// The worst case for the registry: every actor is passivated as soon as it is idle.
async fn copies_are_answered_while_actors_come_and_go(kind: Kind) {
    const ORDERS: usize = 4;
    const ROUNDS: usize = 40;
    let app = TestApp::start_with(kind, |config| config.actors.idle_secs = 0).await;
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(app.buy().await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let sweeper = {
        let (over, in_play) = (over.clone(), app.app.api.orders.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                in_play.passivate_idle();
            }
        })
    };

    for _ in 0..ROUNDS {
        let copies = orders
            .iter()
            .flat_map(|order| (0..4).map(|_| app.deliver_word(order, "COMPLETED")));
        let answers = join_all(copies).await;
        assert!(
            answers.iter().all(|answer| answer.status == 200),
            "{answers:?}"
        );
    }
    over.store(true, Ordering::Relaxed);
    sweeper.join().unwrap();

    for order in &orders {
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
        assert_eq!(app.journal(&order.id, "completed").await, 1);
        assert_eq!(
            app.journal(&order.id, "duplicate").await,
            (ROUNDS * 4 - 1) as i64
        );
    }
    let glance = app.get_as_operator("/api/v1/operator/actors").await.json();
    let actors = &glance["order_actors"];
    let number = |name: &str| actors[name].as_i64().unwrap();
    assert!(
        number("activated") > ORDERS as i64,
        "no actor was passivated and activated again: {actors}"
    );
    assert_eq!(
        number("activated") - number("passivated"),
        number("live"),
        "{actors}"
    );
    assert_eq!(number("mailbox_depth"), 0, "{actors}");
    assert_eq!(number("restarted"), 0, "{actors}");
}

/// A version at the maximum of its type makes the decision itself panic.
async fn a_panic_in_one_order_stays_in_that_order(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (sick, well) = (app.buy().await, app.buy().await);
    let is_sick = app.database.is_order(&sick.id);
    app.database
        .execute(&format!(
            "UPDATE payments SET version = 2147483647 WHERE {is_sick}"
        ))
        .await;

    let (failed, sold) = tokio::join!(
        app.deliver_word(&sick, "COMPLETED"),
        app.deliver_word(&well, "COMPLETED")
    );

    assert_eq!(failed.verdict(), (500, "internal".to_owned()));
    assert_eq!(sold.verdict(), (200, "completed".to_owned()));
    assert_eq!(app.sale_of(&sick).await, SaleCounts::NONE);
    assert_eq!(app.journal(&sick.id, "error").await, 1);
    let glance = app.get_as_operator("/api/v1/operator/actors").await.json();
    assert!(
        glance["order_actors"]["restarted"].as_i64().unwrap() >= 1,
        "{glance}"
    );

    // Once the cause is gone, one more copy is enough.
    app.database
        .execute(&format!("UPDATE payments SET version = 1 WHERE {is_sick}"))
        .await;
    let again = app.deliver_word(&sick, "COMPLETED").await;

    assert_eq!(again.verdict(), (200, "completed".to_owned()));
    assert_eq!(app.sale_of(&sick).await, SaleCounts::ONE);
}

#[actix_web::test]
async fn an_order_whose_row_is_locked_for_ten_seconds_delays_no_other() {
    const OTHERS: usize = 100;
    const HELD_FOR: Duration = Duration::from_secs(10);
    let app = TestApp::start(Kind::Postgres).await;
    let stuck = app.buy().await;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(app.buy().await);
    }
    let lock = app.database.hold(&stuck.id).await;
    let held = Instant::now();

    let unanswered = async {
        let answer = app.deliver_word(&stuck, "COMPLETED").await;
        (answer, held.elapsed())
    };
    let rush = async {
        join_all(
            others
                .iter()
                .map(|order| app.deliver_word(order, "COMPLETED")),
        )
        .await
    };
    let ((answer, after), answers) = tokio::join!(unanswered, rush);

    assert_eq!(answer.verdict(), (503, "commit_unknown".to_owned()));
    assert!(answer.header("retry-after").is_some());
    assert!(after < ANSWERED_WITHIN, "answered after {after:?}");
    // All were answered while the row was still locked: none waited for the stuck order.
    assert!(
        answers
            .iter()
            .all(|answer| answer.verdict() == (200, "completed".to_owned()))
    );
    assert_eq!(app.sale_of(&stuck).await, SaleCounts::NONE);

    let poll = app.wait_for(&stuck, "COMPLETED");
    let release = async {
        tokio::time::sleep(HELD_FOR.saturating_sub(held.elapsed())).await;
        lock.rollback().await.unwrap();
    };
    let (document, ()) = tokio::join!(poll, release);

    assert_eq!(
        document["voucher_generated"], true,
        "it completes by itself, later"
    );
    assert_eq!(app.sale_of(&stuck).await, SaleCounts::ONE);
    let copy = app.deliver_word(&stuck, "COMPLETED").await;
    assert_eq!(copy.verdict(), (200, "duplicate".to_owned()));
}

/// Two actors of one order, one in each process: only the version and the unique keys protect it.
#[actix_web::test]
async fn two_servers_on_one_database_sell_once() {
    const ORDERS: usize = 10;
    let here = TestApp::start(Kind::Postgres).await;
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(here.buy().await);
    }
    let mut config = crate::harness::config(&here.database.url);
    config.log.filter = "off".into();
    let there = malipo::app::App::start(config, None).await.unwrap();
    let there_url = format!(
        "http://{}/api/v1/customer-portal/webhook/zenopay",
        there.address
    );

    let deliveries = orders.iter().flat_map(|order| {
        (0..8).map(|copy| {
            let url = if copy % 2 == 0 {
                here.portal("/webhook/zenopay")
            } else {
                there_url.clone()
            };
            let request = here
                .http
                .post(url)
                .header("x-api-key", crate::harness::KEY)
                .body(body_of(&order.id, "COMPLETED"));
            async { request.send().await.unwrap().status().as_u16() }
        })
    });
    let statuses = join_all(deliveries).await;

    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    for order in &orders {
        assert_eq!(here.sale_of(order).await, SaleCounts::ONE);
        assert_eq!(here.journal(&order.id, "completed").await, 1);
        assert_eq!(here.journal(&order.id, "duplicate").await, 7);
    }
    there.stop().await;
}

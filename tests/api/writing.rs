//! Changes that wait at the same moment are one transaction: many orders, two servers, locked rows,
//! and other writers beside them.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use malipo::domain::people::Phone;
use malipo::store::{Erasure, Store};
use serde_json::json;

use crate::harness::{Answer, DAILY_PRICE, Kind, SaleCounts, TestApp, TestDatabase, TestOrder};

on_both_databases! {
    a_crowd_of_orders_is_sold_once_each_in_fewer_commits_than_changes,
    customers_are_erased_while_a_crowd_of_their_orders_is_sold,
}

/// Guests may buy more than once.
fn allow_repeated_purchases(config: &mut malipo::config::Config) {
    config.portal.resume_secs = 0;
}

/// Buys with each of these phones, in sequence.
async fn buy_with(app: &TestApp, phones: &[String]) -> Vec<TestOrder> {
    let payloads = phones.iter().map(|phone| async move {
        let payload = json!({"packageId": "daily", "phoneNumber": phone});
        let answer = app.pay(&payload).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        TestOrder {
            id: answer.json()["order_id"].as_str().unwrap().to_owned(),
            phone: phone.clone(),
            webhook_url: String::new(),
        }
    });
    join_all(payloads).await
}

fn phones(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("07{number:08}")).collect()
}

async fn deliver_all(app: &TestApp, orders: &[TestOrder]) -> Vec<Answer> {
    join_all(
        orders
            .iter()
            .map(|order| app.deliver_word(order, "COMPLETED")),
    )
    .await
}

fn verdicts(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.verdict()).or_insert(0) += 1;
    }
    counts
}

async fn assert_sold_once(database: &TestDatabase, orders: &[TestOrder]) {
    for order in orders {
        assert_eq!(database.sale_of(&order.id).await, SaleCounts::ONE);
    }
}

/// Each of these phones has bought this many times.
async fn assert_customers(database: &TestDatabase, phones: usize, times: i64) {
    let sums = format!(
        "SELECT COUNT(*) FROM customers WHERE orders_paid = {times} AND total_paid = {}",
        times * DAILY_PRICE
    );
    assert_eq!(database.count(&sums).await, phones as i64);
}

/// How many transactions have written deliveries.
async fn transactions(database: &TestDatabase) -> i64 {
    match database.kind {
        // Each row names the transaction that wrote it.
        Kind::Postgres => {
            let sql = "SELECT COUNT(DISTINCT xmin::text) FROM webhook_deliveries";
            database.count(sql).await
        }
        // All commits: frames of the WAL that contain the size of the database, see "WAL file
        // format" in <https://www.sqlite.org/fileformat2.html>.
        Kind::Sqlite => {
            let path = database.url.trim_start_matches("sqlite://");
            let path = path.trim_end_matches("?mode=rwc");
            let log = std::fs::read(format!("{path}-wal")).unwrap();
            let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
            let frames = log[32..].chunks_exact(24 + page);
            frames.filter(|frame| frame[4..8] != [0; 4]).count() as i64
        }
    }
}

async fn a_crowd_of_orders_is_sold_once_each_in_fewer_commits_than_changes(kind: Kind) {
    const PHONES: usize = 20;
    const UNKNOWN: usize = 20;
    let app = TestApp::start_with(kind, allow_repeated_purchases).await;
    app.gateway_behaves(&json!({"deliver": false})).await;
    let phones: Vec<_> = (0..4).flat_map(|_| phones(PHONES)).collect();
    let mut orders = Vec::new();
    for phones in phones.chunks(PHONES) {
        orders.extend(buy_with(&app, phones).await);
    }
    let before = transactions(&app.database).await;

    let unknown_order = uuid::Uuid::new_v4().to_string();
    let unknown =
        (0..UNKNOWN).map(|_| app.deliver(crate::harness::body_of(&unknown_order, "COMPLETED")));
    let (sold, unknown) = tokio::join!(deliver_all(&app, &orders), join_all(unknown));
    let commits = transactions(&app.database).await - before;

    let completed = BTreeMap::from([((200, "completed".to_owned()), orders.len())]);
    assert_eq!(verdicts(&sold), completed);
    assert!(unknown.iter().all(|answer| answer.status == 404));
    assert_sold_once(&app.database, &orders).await;
    assert_customers(&app.database, PHONES, 4).await;
    let changes = (orders.len() + UNKNOWN) as i64;
    let lines = "SELECT COUNT(*) FROM webhook_deliveries";
    assert_eq!(app.database.count(lines).await, changes);
    let measured = format!("{lines} WHERE processing_ms > 0");
    assert_eq!(app.database.count(&measured).await, changes);
    assert!(
        commits < changes / 2,
        "{commits} commits of {changes} changes"
    );
}

/// Sales, erasures and leases of the outbox use rows of the same customers, each in a different
/// sequence.
async fn customers_are_erased_while_a_crowd_of_their_orders_is_sold(kind: Kind) {
    const PHONES: usize = 6;
    let app = TestApp::start_with(kind, allow_repeated_purchases).await;
    app.gateway_behaves(&json!({"deliver": false})).await;
    let phones = phones(PHONES);
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.extend(buy_with(&app, &phones).await);
    }
    let store = app.store_beside().await;

    let erasing = phones.iter().map(|phone| async {
        for _ in 0..4 {
            erase(&store, phone).await;
        }
    });
    let leasing = async {
        for _ in 0..20 {
            let now = store.now().await.unwrap();
            let leased = store.claim_sms(now..now, 20).await;
            leased.unwrap();
        }
    };
    let (answers, _, ()) = tokio::join!(deliver_all(&app, &orders), join_all(erasing), leasing);

    let completed = BTreeMap::from([((200, "completed".to_owned()), orders.len())]);
    assert_eq!(verdicts(&answers), completed);
    for phone in &phones {
        let erased = erase(&store, phone).await;
        assert!(matches!(erased, Erasure::Done(_)), "{erased:?}");
    }
    // An erased customer keeps the invoice, and the voucher gives no access.
    let erased = SaleCounts {
        radius_users: 0,
        ..SaleCounts::ONE
    };
    for order in &orders {
        assert_eq!(app.sale_of(order).await, erased);
    }
    let known = "SELECT COUNT(*) FROM customers WHERE phone LIKE '255%'";
    assert_eq!(app.database.count(known).await, 0);
    store.close().await;
    assert_no_deadlock(app).await;
}

async fn erase(store: &Store, phone: &str) -> Erasure {
    let phone = Phone::read(phone).unwrap();
    let (operator, reason) = ("asha".to_owned(), "asked for".to_owned());
    store
        .erase_customer(phone, operator, reason, 0)
        .await
        .unwrap()
}

/// Counted after all connections that may have seen a deadlock have ended.
async fn assert_no_deadlock(app: TestApp) {
    let database = app.stop().await;
    if database.kind == Kind::Postgres {
        let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        assert_eq!(database.count(sql).await, 0);
    }
}

#[actix_web::test]
async fn two_servers_that_sell_to_the_same_phones_in_opposite_orders_never_deadlock() {
    const PHONES: usize = 12;
    let here = TestApp::start_with(Kind::Postgres, allow_repeated_purchases).await;
    here.gateway_behaves(&json!({"deliver": false})).await;
    let mut config = crate::harness::config(&here.database.url);
    config.log.filter = "off".into();
    let there = malipo::app::App::start(config, None).await.unwrap();
    let webhook = format!(
        "http://{}/api/v1/customer-portal/webhook/zenopay",
        there.address
    );
    let mut rounds = Vec::new();
    for _ in 0..8 {
        rounds.push(buy_with(&here, &phones(PHONES)).await);
    }
    let (ours, theirs) = rounds.split_at(4);
    let (ours, mut theirs) = (ours.concat(), theirs.concat());
    theirs.reverse();

    let over_there = theirs.iter().map(|order| {
        let request = here.http.post(&webhook);
        let request = request.header("x-api-key", crate::harness::KEY);
        let request = request.body(crate::harness::body_of(&order.id, "COMPLETED"));
        async { Answer::of(request.send().await.unwrap()).await }
    });
    let (sold_here, sold_there) = tokio::join!(deliver_all(&here, &ours), join_all(over_there));

    for sold in [sold_here, sold_there] {
        let all = BTreeMap::from([((200, "completed".to_owned()), 4 * PHONES)]);
        assert_eq!(verdicts(&sold), all);
    }
    assert_sold_once(&here.database, &[ours, theirs].concat()).await;
    assert_customers(&here.database, PHONES, 8).await;
    there.stop().await;
    assert_no_deadlock(here).await;
}

#[actix_web::test]
async fn others_are_sold_while_more_orders_are_locked_than_can_wait_at_a_time() {
    let app = TestApp::start(Kind::Postgres).await;
    app.gateway_behaves(&json!({"deliver": false})).await;
    let orders = buy_with(&app, &phones(42)).await;
    let (locked, others) = orders.split_at(12);
    let ids: Vec<_> = (locked.iter())
        .map(|order| format!("'{}'", order.id))
        .collect();
    let held = app.database.begin().await;
    let lock = format!(
        "SELECT id FROM payments WHERE order_id IN ({}) FOR UPDATE",
        ids.join(", ")
    );
    sea_orm::ConnectionTrait::execute_unprepared(&held, &lock)
        .await
        .unwrap();

    let buyers = async {
        app.database.until_so_many_wait_for_a_lock(8).await;
        let sold = deliver_all(&app, others).await;
        held.rollback().await.unwrap();
        sold
    };
    // One after the other, so that each comes to a lane alone, and more than there are lanes.
    let one_by_one = locked.iter().enumerate().map(|(before, order)| {
        let app = &app;
        async move {
            let waiting = before.min(8) as i64;
            app.database.until_so_many_wait_for_a_lock(waiting).await;
            app.deliver_word(order, "COMPLETED").await
        }
    });
    let (waited, sold) = tokio::join!(join_all(one_by_one), buyers);

    let completed = BTreeMap::from([((200, "completed".to_owned()), others.len())]);
    assert_eq!(verdicts(&sold), completed);
    for (order, answer) in locked.iter().zip(waited) {
        // Refused because no place was free, or not answered in time; the next copy sells it.
        if answer.status == 503 {
            let again = app.deliver_word(order, "COMPLETED").await;
            assert_eq!(again.status, 200, "{}", again.text);
        } else {
            assert_eq!(answer.verdict(), (200, "completed".to_owned()));
        }
    }
    assert_sold_once(&app.database, &orders).await;
}

//! A server starts with ten thousand open orders: there is no stampede, live webhooks are not
//! delayed, and orders with a waiting guest come first.

use std::time::{Duration, Instant};

use super::zenopay::{FakeZenoPay, Says};
use super::{LONG_AGO, eventually};
use crate::harness::{Kind, TestApp, TestDatabase};

on_both_databases! {
    ten_thousand_open_orders_are_checked_at_the_pace_without_delaying_webhooks,
    orders_with_a_waiting_guest_come_first_and_then_the_newest,
}

const BACKLOG: u32 = 10_000;
const PACE: u32 = 5;
/// Webhooks that are measured in each shop.
const MEASURED: usize = 60;

/// Copies of the only order in the database, all due: half of them overdue, half EXPIRED.
async fn add_backlog(database: &TestDatabase) {
    let columns = "phone, language, package_id, package_code, package_name_sw, package_name_en, \
                   amount, currency, duration_minutes, validity, download_kbps, upload_kbps, \
                   shared_devices, webhook_secret";
    let (id, numbers) = match database.kind {
        Kind::Sqlite => (
            "randomblob(16)",
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 10000)",
        ),
        Kind::Postgres => (
            "gen_random_uuid()",
            "WITH numbers AS (SELECT generate_series(1, 10000) AS n)",
        ),
    };
    let sql = format!(
        "INSERT INTO payments (order_id, status, version, {columns}, created_at, deadline_at, due_at)
         {numbers}
         SELECT {id}, CASE WHEN n % 2 = 0 THEN 'PENDING' ELSE 'EXPIRED' END, 1, {columns},
                '2026-01-01T00:00:00+00:00', '{LONG_AGO}', '{LONG_AGO}'
         FROM numbers, payments"
    );
    assert_eq!(database.execute(&sql).await, u64::from(BACKLOG));
}

/// The time from sending a webhook to its answer.
async fn sell(app: &TestApp, zenopay: &FakeZenoPay) -> Duration {
    let order = zenopay.buy(app).await;
    let begun = Instant::now();
    let answer = app.deliver_word(&order, "COMPLETED").await;
    let took = begun.elapsed();
    assert_eq!(answer.verdict(), (200, "completed".to_owned()));
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn ten_thousand_open_orders_are_checked_at_the_pace_without_delaying_webhooks(kind: Kind) {
    let (zenopay, of_idle) = (FakeZenoPay::start(), FakeZenoPay::start());
    let pace = |config: &mut malipo::config::Config| config.zenopay.asks_per_sec = PACE;
    let first = zenopay
        .shop_on(TestDatabase::create(kind).await, pace)
        .await;
    zenopay.buy(&first).await;
    let database = first.stop().await;
    add_backlog(&database).await;
    zenopay.says_of_all(Says::Status("PENDING"));
    let idle = of_idle.shop(kind, pace).await;

    let (begun, asked) = (Instant::now(), zenopay.asked_in_all());
    let busy = zenopay.shop_on(database, pace).await;
    // Alternating, so that other load on the machine affects both equally.
    let (mut with_backlog, mut without) = (Vec::new(), Vec::new());
    for _ in 0..MEASURED {
        with_backlog.push(sell(&busy, &zenopay).await);
        without.push(sell(&idle, &of_idle).await);
    }
    eventually("several are checked", async || {
        zenopay.asked_in_all() - asked >= 3 * PACE as usize
    })
    .await;

    let asked = (zenopay.asked_in_all() - asked) as f64;
    let allowed = f64::from(PACE) * (1.0 + begun.elapsed().as_secs_f64()) + 1.0;
    assert!(
        asked <= allowed,
        "{asked} checks where {allowed} are allowed"
    );
    let (with_backlog, without) = (median(with_backlog), median(without));
    let ratio = with_backlog.as_secs_f64() / without.as_secs_f64();
    println!("a webhook takes {with_backlog:?} with a backlog, {without:?} without: {ratio:.2}");
    assert!(
        ratio < 3.0,
        "{with_backlog:?} with a backlog, {without:?} without"
    );
}

async fn orders_with_a_waiting_guest_come_first_and_then_the_newest(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = zenopay
        .shop(kind, |config| config.zenopay.asks_per_sec = 2)
        .await;
    zenopay.says_of_all(Says::Status("PENDING"));
    let mut orders = Vec::new();
    for _ in 0..30 {
        orders.push(zenopay.buy(&app).await);
    }
    // The oldest order of all, which would otherwise come last.
    let waited_for = orders[0].clone();
    let poll = app.portal(&format!(
        "/payment/status/{}?wait=30&since=1",
        waited_for.id
    ));

    let meanwhile = async {
        app.until_parked(1).await;
        let due = format!("UPDATE payments SET due_at = '{LONG_AGO}'");
        app.database.execute(&due).await;
        eventually("ten are checked", async || zenopay.asked_in_all() >= 10).await;
        let asked = zenopay.asked_ids();
        zenopay.says(&waited_for, Says::Status("COMPLETED"));
        let due = format!(
            "UPDATE payments SET due_at = '{LONG_AGO}' WHERE {}",
            app.database.is_order(&waited_for.id)
        );
        app.database.execute(&due).await;
        asked
    };
    let (document, asked) = tokio::join!(app.get(&poll), meanwhile);

    assert_eq!(document.json()["payment_status"], "COMPLETED");
    let first = asked.iter().position(|id| *id == waited_for.id);
    assert!(
        first.is_some_and(|at| at < 2),
        "checked in this order: {asked:?}"
    );
    let newest: Vec<&String> = orders[18..].iter().map(|order| &order.id).collect();
    let others = asked[..10].iter().filter(|id| **id != waited_for.id);
    for id in others {
        assert!(newest.contains(&id), "an older one came before: {asked:?}");
    }
}

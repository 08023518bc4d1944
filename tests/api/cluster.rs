//! Several servers on one PostgreSQL: a guest may wait on one while the webhook reaches another.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use malipo::app::App;

use crate::harness::proxy::Proxy;
use crate::harness::{Kind, SaleCounts, TestApp, TestDatabase, TestOrder, config};

/// A second server on the same database.
struct OtherServer {
    app: App,
    base: String,
}

impl OtherServer {
    async fn of(first: &TestApp) -> Self {
        Self::at(&first.database.url).await
    }

    async fn over(proxy: &Proxy, first: &TestApp) -> Self {
        Self::at(&proxy.url_of(&first.database)).await
    }

    async fn at(database_url: &str) -> Self {
        let app = App::start(config(database_url), None).await.unwrap();
        let base = format!("http://{}/api/v1/customer-portal", app.address);
        Self { app, base }
    }

    /// Long-polls an order that is still PENDING; returns its status and how long that took.
    async fn wait(&self, first: &TestApp, order: &TestOrder) -> (String, Duration) {
        let url = format!("{}/payment/status/{}?wait=40&since=1", self.base, order.id);
        let asked = Instant::now();
        let document = first.get(&url).await.json();
        (
            document["payment_status"].as_str().unwrap().to_owned(),
            asked.elapsed(),
        )
    }

    /// Waits until this many polls are parked here.
    async fn parked(&self, first: &TestApp, polls: usize) {
        let url = format!("http://{}/metrics", self.app.address);
        for _ in 0..3_000 {
            let metrics = first.get(&url).await.text;
            if metrics.contains(&format!("malipo_status_waiters {polls}\n")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{polls} polls were not parked");
    }
}

/// Replaces `pg_notify` by a function that does nothing: only the poll of the database each second
/// remains.
async fn without_notices() -> TestDatabase {
    let database = TestDatabase::create(Kind::Postgres).await;
    database
        .execute(
            "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ SELECT $$",
        )
        .await;
    let name = database
        .text("SELECT current_database()::text")
        .await
        .unwrap();
    database
        .execute(&format!(
            "ALTER DATABASE {name} SET search_path = public, pg_catalog"
        ))
        .await;
    database
}

async fn poll_there_deliver_here(first: &TestApp, there: &OtherServer, orders: &[TestOrder]) {
    poll_there_deliver_here_beside(first, there, orders, 0).await;
}

/// The same, with this many polls parked already.
async fn poll_there_deliver_here_beside(
    first: &TestApp,
    there: &OtherServer,
    orders: &[TestOrder],
    others: usize,
) {
    let polls = join_all(orders.iter().map(|order| there.wait(first, order)));
    let deliveries = async {
        there.parked(first, orders.len() + others).await;
        for order in orders {
            assert_eq!(first.deliver_word(order, "COMPLETED").await.status, 200);
        }
        Instant::now()
    };
    let started = Instant::now();
    let (answers, delivered) = tokio::join!(polls, deliveries);

    for (order, (status, took)) in orders.iter().zip(answers) {
        assert_eq!(status, "COMPLETED");
        let after_the_last = (started + took).saturating_duration_since(delivered);
        // Far less than the forty seconds of the wait: the poll was woken.
        assert!(
            after_the_last < Duration::from_secs(20),
            "{after_the_last:?}"
        );
        assert_eq!(first.sale_of(order).await, SaleCounts::ONE);
    }
}

async fn several(app: &TestApp, orders: usize) -> Vec<TestOrder> {
    let mut bought = Vec::new();
    for _ in 0..orders {
        bought.push(app.buy().await);
    }
    bought
}

#[actix_web::test]
async fn a_guest_who_waits_on_one_server_gets_a_sale_made_on_another() {
    let here = TestApp::start(Kind::Postgres).await;
    let there = OtherServer::of(&here).await;
    let orders = several(&here, 30).await;

    poll_there_deliver_here(&here, &there, &orders).await;
}

#[actix_web::test]
async fn a_guest_gets_the_sale_although_no_notice_passes_between_the_servers() {
    let here = TestApp::start_on(without_notices().await, |_| {}).await;
    let there = OtherServer::of(&here).await;
    let orders = several(&here, 10).await;

    poll_there_deliver_here(&here, &there, &orders).await;
}

/// More orders than are read together: the guests of every slice are answered.
#[actix_web::test]
async fn every_guest_in_a_crowd_gets_the_sale_although_no_notice_passes_between_the_servers() {
    const CROWD: usize = 520;
    let here = TestApp::start_on(without_notices().await, |_| {}).await;
    let there = OtherServer::of(&here).await;
    let orders = several(&here, CROWD).await;

    let (lucky, idle): (Vec<_>, Vec<_>) = orders
        .into_iter()
        .enumerate()
        .partition(|(number, _)| number.is_multiple_of(50));
    let lucky: Vec<_> = lucky.into_iter().map(|(_, order)| order).collect();
    let idle_polls = idle.iter().map(|(_, order)| there.wait(&here, order));
    let answered = async {
        there.parked(&here, CROWD - lucky.len()).await;
        poll_there_deliver_here_beside(&here, &there, &lucky, CROWD - lucky.len()).await;
    };

    tokio::select! {
        () = answered => {}
        _ = join_all(idle_polls) => panic!("these orders are not paid"),
    }
}

/// With a thousand waiters the database gets only a few more queries. The proxy between this server and
/// PostgreSQL counts them.
#[actix_web::test]
async fn a_thousand_idle_waiters_cost_at_most_three_queries_a_second() {
    const WATCHED: Duration = Duration::from_secs(5);
    let here = TestApp::start(Kind::Postgres).await;
    let orders = several(&here, 125).await;
    // The reconciler's queries about these orders are not measured here.
    here.database
        .execute("UPDATE payments SET due_at = NULL")
        .await;
    let proxy = Proxy::to(here.database.server_address()).await;
    let there = OtherServer::over(&proxy, &here).await;
    let questions = async || {
        let before = proxy.questions();
        tokio::time::sleep(WATCHED).await;
        proxy.questions() - before
    };

    let alone = questions().await;
    let crowd = orders
        .iter()
        .flat_map(|order| (0..8).map(|_| there.wait(&here, order)));
    let allowed = alone + 3 * WATCHED.as_secs();
    let measured = async {
        there.parked(&here, 1_000).await;
        // On a busy machine the first reads of the thousand polls last into the first measurements.
        let mut counts = Vec::new();
        while counts.len() < 4 && counts.last().is_none_or(|count| *count > allowed) {
            counts.push(questions().await);
        }
        counts
    };
    let with_a_crowd = tokio::select! {
        with_a_crowd = measured => with_a_crowd,
        _ = join_all(crowd) => panic!("the waiters were not idle"),
    };

    assert!(alone > 0, "no query passes the proxy");
    assert!(
        with_a_crowd.last().is_some_and(|count| *count <= allowed),
        "{alone} queries alone, {with_a_crowd:?} with a thousand waiters"
    );
}

/// A stranger's message on the same channel has no effect.
#[actix_web::test]
async fn nonsense_on_the_channel_disturbs_no_waiter() {
    let here = TestApp::start(Kind::Postgres).await;
    let there = OtherServer::of(&here).await;
    let orders = several(&here, 3).await;
    for nonsense in [
        "",
        "x",
        "a|b:c",
        "|",
        "0|00000000-0000-0000-0000-000000000000:99",
    ] {
        here.database
            .count(&format!(
                "SELECT COUNT(*) FROM pg_notify('malipo_orders', '{nonsense}')"
            ))
            .await;
    }

    poll_there_deliver_here(&here, &there, &orders).await;
}

//! A stranger sends unverified webhooks without end: all are refused in the same words, few cause a
//! status check, and proven webhooks are not affected.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::deliver_unproven;
use super::fake::{self, FakeZenoPay};
use crate::harness::{Answer, Kind, SaleCounts, TestApp, TestOrder, body_of};
use crate::reconciling::zenopay::{self, Says};

on_both_databases! {
    a_flood_of_unverified_webhooks_is_refused_as_unproven_and_never_as_busy,
    a_stranger_does_not_learn_that_the_process_is_full,
    unverified_webhooks_in_progress_leave_proven_ones_their_places,
    unverified_webhooks_about_one_order_cause_one_status_check_in_fifteen_seconds,
    all_unverified_webhooks_together_get_a_quarter_of_the_status_checks,
    an_unverified_webhook_that_causes_no_status_check_does_not_bring_the_next_one_forward,
    when_an_order_cannot_be_looked_up_a_stranger_does_not_learn_whether_it_is_active,
}

/// Unverified webhooks from each of three threads.
const FLOOD: usize = 200;
/// More than the unverified webhooks that share one answer.
const AT_ONCE: usize = 96;

async fn a_flood_of_unverified_webhooks_is_refused_as_unproven_and_never_as_busy(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(fake::buy(&app).await);
    }

    let answers: Vec<Answer> = stream::iter(0..3 * FLOOD)
        .map(|number| deliver_unproven(&app, body_of(&orders[number % 3].id, "COMPLETED")))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;

    for answer in &answers {
        assert_eq!(answer.verdict(), (401, "webhook_not_authentic".into()));
    }
    let counted = app.actors_when(|_| true).await["webhooks"].take();
    assert_eq!(counted["unauthenticated"], 3 * FLOOD, "{counted}");
    assert_eq!(counted["busy"], 0, "{counted}");
}

async fn a_stranger_does_not_learn_that_the_process_is_full(kind: Kind) {
    let zenopay = zenopay::FakeZenoPay::start();
    let app = zenopay
        .shop(kind, |config| config.actors.in_flight_max = 1)
        .await;
    let (order, other) = (zenopay.buy(&app).await, zenopay.buy(&app).await);
    zenopay.says_of_all(Says::Status("COMPLETED"));
    let held = app.database.hold(&order.id).await;

    let admitted = app.deliver_word(&order, "COMPLETED");
    let meanwhile = async {
        app.actors_when(|seen| seen["order_actors"]["busy"] == 1)
            .await;
        let proven = app.deliver_word(&other, "COMPLETED").await;
        assert_eq!(proven.verdict(), (503, "busy".into()));

        let general = app.portal("/webhook/zenopay");
        let orphan_id = Uuid::new_v4().to_string();
        let wrong = |id: &str| format!("{general}/{id}.{}", "0".repeat(32));
        let paid = |id: &str| body_of(id, "COMPLETED");
        let by_url = async |url: &str, id: &str| {
            let request = app.http.post(url).body(paid(id));
            Answer::of(request.send().await.unwrap()).await
        };
        let refused = [
            // ZenoPay confirms this one as paid, but its sale finds no free place.
            deliver_unproven(&app, paid(&other.id)).await,
            deliver_unproven(&app, paid(&other.id)).await,
            deliver_unproven(&app, paid(&orphan_id)).await,
            deliver_unproven(&app, "{").await,
            by_url(&wrong(&order.id), &order.id).await,
            by_url(&wrong(&other.id), &other.id).await,
            by_url(&wrong(&orphan_id), &orphan_id).await,
        ];
        for (case, answer) in refused.iter().enumerate() {
            let refusal = (401, "webhook_not_authentic".into());
            assert_eq!(answer.verdict(), refusal, "case {case}");
        }
        held.rollback().await.unwrap();
    };
    tokio::join!(admitted, meanwhile);

    // The payment that this check found is not lost.
    app.wait_for(&other, "COMPLETED").await;
    assert_eq!(app.sale_of(&other).await, SaleCounts::ONE);
}

async fn unverified_webhooks_in_progress_leave_proven_ones_their_places(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| {
        zenopay.configure(config);
        config.actors.in_flight_max = 2;
    })
    .await;
    let (first, second) = (fake::buy(&app).await, fake::buy(&app).await);
    let sold = fake::buy(&app).await;
    zenopay.holds(true);

    let hints = [&first, &second].map(|order| body_of(&order.id, "COMPLETED"));
    let hints = join_all(hints.map(|body| deliver_unproven(&app, body)));
    let meanwhile = async {
        zenopay.wait_until_asked(2).await;
        let proven = app.deliver_word(&sold, "COMPLETED").await;
        zenopay.holds(false);
        proven
    };
    let (hinted, proven) = tokio::join!(hints, meanwhile);

    assert_eq!(proven.verdict(), (200, "completed".into()));
    assert!(hinted.iter().all(|answer| answer.status == 401));
}

async fn unverified_webhooks_about_one_order_cause_one_status_check_in_fifteen_seconds(kind: Kind) {
    let zenopay = zenopay::FakeZenoPay::start();
    let app = zenopay.shop(kind, |_| {}).await;
    let order = zenopay.buy(&app).await;
    let hint = async || deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;
    zenopay.says(&order, Says::Status("PENDING"));

    let first = hint().await;
    // From now on each check that an unverified webhook causes sells the order, or finds it sold.
    zenopay.says(&order, Says::Status("COMPLETED"));
    app.app
        .api
        .reconciler
        .timekeeper()
        .skip(Duration::from_secs(5));
    let too_soon = hint().await;
    app.app
        .api
        .reconciler
        .timekeeper()
        .skip(Duration::from_secs(10));
    let later = hint().await;

    assert_eq!(first.status, 401);
    assert_eq!(too_soon.status, 401);
    assert_eq!(later.status, 200, "{}", later.text);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn all_unverified_webhooks_together_get_a_quarter_of_the_status_checks(kind: Kind) {
    let zenopay = zenopay::FakeZenoPay::start();
    let pace = |config: &mut malipo::config::Config| config.zenopay.asks_per_sec = 4;
    let app = zenopay.shop(kind, pace).await;
    let mut orders = Vec::new();
    for _ in 0..24 {
        orders.push(zenopay.buy(&app).await);
    }
    zenopay.says_of_all(Says::Status("COMPLETED"));
    let begun = Instant::now();
    let hint = async |order: &TestOrder| {
        let answer = deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;
        answer.status == 200
    };

    let mut followed = 0;
    for order in &orders[..20] {
        followed += usize::from(hint(order).await);
    }
    // One saved-up check, one for each second, and one for the second that has begun.
    let allowed = 2 + begun.elapsed().as_secs() as usize;
    app.app
        .api
        .reconciler
        .timekeeper()
        .skip(Duration::from_secs(1));
    let after_a_rest = hint(&orders[20]).await;

    assert!((1..=allowed).contains(&followed), "{followed} of {allowed}");
    assert!(
        after_a_rest,
        "unverified webhooks get a quarter of the checks"
    );
}

async fn an_unverified_webhook_that_causes_no_status_check_does_not_bring_the_next_one_forward(
    kind: Kind,
) {
    let zenopay = zenopay::FakeZenoPay::start();
    let pace = |config: &mut malipo::config::Config| config.zenopay.asks_per_sec = 1;
    let app = zenopay.shop(kind, pace).await;
    zenopay.says_of_all(Says::Status("PENDING"));
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(zenopay.buy(&app).await);
    }

    let begun = Instant::now();
    for order in &orders {
        let answer = deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;
        assert_eq!(answer.status, 401);
    }
    // One saved-up check, and one for every four seconds.
    let allowed = 2 + begun.elapsed().as_secs() as i64 / 4;

    let forward = match kind {
        Kind::Sqlite => "(julianday(due_at) - julianday(created_at)) * 86400 < 12",
        Kind::Postgres => "due_at < created_at + interval '12 seconds'",
    };
    let sql = format!("SELECT COUNT(*) FROM payments WHERE {forward}");
    let forward = app.database.count(&sql).await;
    assert!(
        forward <= allowed,
        "{forward} checks where {allowed} are allowed"
    );
}

async fn when_an_order_cannot_be_looked_up_a_stranger_does_not_learn_whether_it_is_active(
    kind: Kind,
) {
    let app = TestApp::start(kind).await;
    let (in_play, passive) = (app.buy().await, app.buy().await);
    app.deliver_word(&in_play, "PENDING").await;
    let orphan_id = Uuid::new_v4().to_string();
    // An order is read together with its voucher.
    let away = "ALTER TABLE vouchers RENAME TO vouchers_away";
    app.database.execute(away).await;

    let general = app.portal("/webhook/zenopay");
    let mut hinted = Vec::new();
    let mut by_url = Vec::new();
    for id in [&in_play.id, &passive.id, &orphan_id] {
        let body = body_of(id, "COMPLETED");
        hinted.push(deliver_unproven(&app, body.clone()).await.verdict());
        let url = format!("{general}/{id}.{}", "0".repeat(32));
        let request = app.http.post(url).body(body);
        by_url.push(Answer::of(request.send().await.unwrap()).await.verdict());
    }

    for answers in [hinted, by_url] {
        assert_eq!(answers, vec![answers[0].clone(); 3]);
    }
}

//! When we are in trouble: nothing is half done, ZenoPay hears at once whether another copy
//! helps, and another copy then succeeds.

use std::time::{Duration, Instant};

use actix_web::rt::{self, task::JoinHandle, time::sleep};
use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;

use super::{
    Line, assert_untouched, deliver_by_token, deliver_unproven, hold, journal, pays_in_silence,
};
use crate::harness::{Answer, KEY, Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    our_own_failure_changes_nothing_is_journalled_and_a_later_copy_is_sold,
    a_delivery_that_we_cannot_even_look_up_is_journalled_and_a_later_copy_is_sold,
    an_order_with_a_full_mailbox_refuses_at_once_and_sells_to_a_later_copy,
    a_process_with_all_hands_full_refuses_at_once_and_sells_to_a_later_copy,
    a_database_that_is_away_is_told_within_five_seconds_and_a_later_copy_is_sold,
}

/// Longer than the five seconds of the contract by what a busy test machine may lose.
const IN_TIME: Duration = Duration::from_secs(6);

async fn our_own_failure_changes_nothing_is_journalled_and_a_later_copy_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let body = body_of(&order.id, "COMPLETED");
    // The sale breaks in its middle: payment and customer are written by then.
    rename(&app, "invoices", "invoices_away").await;

    let broken = app.deliver(body.clone()).await;

    rename(&app, "invoices_away", "invoices").await;
    assert_eq!(broken.verdict(), (500, "internal".into()));
    assert_eq!(counted(&app, "error").await, 1);
    assert_untouched(&app, &order).await;

    let later = app.deliver(body.clone()).await;

    assert_eq!(later.verdict(), (200, "completed".into()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    let line = |outcome| Line::new(Some(&order.id), outcome, "key", Some("COMPLETED")).body(&body);
    assert_eq!(journal(&app).await, [line("error"), line("completed")]);
}

async fn a_delivery_that_we_cannot_even_look_up_is_journalled_and_a_later_copy_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (by_key, by_token, hinted) = (app.buy().await, app.buy().await, app.buy().await);
    pays_in_silence(&app, &hinted).await;
    let body = |order: &TestOrder| body_of(&order.id, "COMPLETED");
    // An order is read together with its voucher.
    rename(&app, "vouchers", "vouchers_away").await;

    let broken = [
        app.deliver(body(&by_key)).await,
        deliver_by_token(&app, &by_token, body(&by_token)).await,
        deliver_unproven(&app, body(&hinted)).await,
    ];

    rename(&app, "vouchers_away", "vouchers").await;
    for (case, answer) in broken.iter().enumerate() {
        assert_eq!(answer.verdict(), (500, "internal".into()), "case {case}");
    }
    // Whether the token is right could not be found out, nor what ZenoPay says.
    let line = |order: &TestOrder, proof: Option<&str>| Line {
        proof: proof.map(str::to_owned),
        ..Line::new(Some(&order.id), "error", "", Some("COMPLETED")).body(body(order))
    };
    let expected = [
        line(&by_key, Some("key")),
        line(&by_token, None),
        line(&hinted, None),
    ];
    assert_eq!(journal(&app).await, expected);

    let later = [
        app.deliver(body(&by_key)).await,
        deliver_by_token(&app, &by_token, body(&by_token)).await,
        deliver_unproven(&app, body(&hinted)).await,
    ];

    for (order, answer) in [&by_key, &by_token, &hinted].into_iter().zip(later) {
        assert_eq!(answer.verdict(), (200, "completed".into()));
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
}

async fn an_order_with_a_full_mailbox_refuses_at_once_and_sells_to_a_later_copy(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.mailbox_capacity = 1).await;
    let order = app.buy().await;
    let held = hold(&app, &order).await;
    // One is being handled, one waits, and that is all.
    let admitted = [deliver_later(&app, &order), deliver_later(&app, &order)];
    wait_for_actors(&app, 1, 1).await;

    let refused = app.deliver_word(&order, "COMPLETED").await;

    assert_busy(&refused);
    assert_eq!(counted(&app, "busy").await, 1);
    held.rollback().await.unwrap();
    let mut outcomes = Vec::new();
    for answer in admitted {
        outcomes.push(answer.await.unwrap().verdict());
    }
    outcomes.sort();
    let expected = [(200, "completed".to_owned()), (200, "duplicate".to_owned())];
    assert_eq!(outcomes, expected);

    let later = app.deliver_word(&order, "COMPLETED").await;

    assert_eq!(later.verdict(), (200, "duplicate".into()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    // A refused delivery is not safe with us, and the journal does not say so.
    assert_eq!(journal(&app).await.len(), 3);
}

async fn a_process_with_all_hands_full_refuses_at_once_and_sells_to_a_later_copy(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.in_flight_max = 1).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let held = hold(&app, &order).await;
    let admitted = deliver_later(&app, &order);
    wait_for_actors(&app, 1, 0).await;

    let refused = app.deliver_word(&other, "COMPLETED").await;

    assert_busy(&refused);
    held.rollback().await.unwrap();
    let admitted = admitted.await.unwrap();
    assert_eq!(admitted.verdict(), (200, "completed".into()));

    let later = app.deliver_word(&other, "COMPLETED").await;

    assert_eq!(later.verdict(), (200, "completed".into()));
    assert_eq!(app.sale_of(&other).await, SaleCounts::ONE);
}

async fn a_database_that_is_away_is_told_within_five_seconds_and_a_later_copy_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (by_key, by_token) = (app.buy().await, app.buy().await);
    let away = Away::begin(&app, &by_key).await;

    // First over connections that have died, then over none. On SQLite, where the whole file
    // is locked, one is as good as two.
    let tries = if kind == Kind::Postgres { 2 } else { 1 };
    for _ in 0..tries {
        let began = Instant::now();
        let answer = app.deliver_word(&by_key, "COMPLETED").await;
        assert_unavailable(&answer, began);
    }
    let began = Instant::now();
    let body = body_of(&by_token.id, "COMPLETED");
    let answer = deliver_by_token(&app, &by_token, body.clone()).await;
    assert_unavailable(&answer, began);

    away.end().await;
    // A connection that has died may be found out only when it is used.
    let later = [
        until_available(|| app.deliver(body_of(&by_key.id, "COMPLETED"))).await,
        until_available(|| deliver_by_token(&app, &by_token, body.clone())).await,
    ];
    for (order, answer) in [&by_key, &by_token].into_iter().zip(later) {
        assert_eq!(answer.verdict(), (200, "completed".into()));
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    assert_eq!(journal(&app).await.len(), 2);
}

/// Only on PostgreSQL can one order's row be locked for so long: SQLite gives up the lock of
/// the whole file before it is time to answer.
#[actix_web::test]
async fn a_commit_that_takes_too_long_is_told_in_time_and_is_made_all_the_same() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = app.buy().await;
    let held = hold(&app, &order).await;
    let began = Instant::now();

    let answer = app.deliver_word(&order, "COMPLETED").await;

    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    assert_eq!(answer.verdict(), (503, "commit_unknown".into()));
    assert!(retry_after_secs(&answer) >= 1);
    assert_untouched(&app, &order).await;

    held.rollback().await.unwrap();
    // Nobody sends it again: the work goes on without the one who waited.
    app.wait_for(&order, "COMPLETED").await;
    let again = app.deliver_word(&order, "COMPLETED").await;

    assert_eq!(again.verdict(), (200, "duplicate".into()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// The database is out of reach for the server, but not for us.
enum Away {
    /// Somebody else writes, for longer than we wait.
    Locked(sea_orm::DatabaseTransaction),
    /// Nobody is let in, and who was in is thrown out.
    Closed {
        server: sea_orm::DatabaseConnection,
        name: String,
    },
}

impl Away {
    async fn begin(app: &TestApp, order: &TestOrder) -> Self {
        if app.database.kind == Kind::Sqlite {
            return Self::Locked(hold(app, order).await);
        }
        let (server, name) = app.database.url.rsplit_once('/').unwrap();
        let server = Database::connect(format!("{server}/postgres"))
            .await
            .unwrap();
        for sql in [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ),
        ] {
            server.execute_unprepared(&sql).await.unwrap();
        }
        let name = name.to_owned();
        Self::Closed { server, name }
    }

    async fn end(self) {
        match self {
            Self::Locked(held) => held.rollback().await.unwrap(),
            Self::Closed { server, name } => {
                let open = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true");
                server.execute_unprepared(&open).await.unwrap();
            }
        }
    }
}

async fn until_available<F: Future<Output = Answer>>(deliver: impl Fn() -> F) -> Answer {
    let mut answer = deliver().await;
    for _ in 0..20 {
        if answer.status != 503 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
        answer = deliver().await;
    }
    answer
}

async fn rename(app: &TestApp, from: &str, to: &str) {
    let sql = format!("ALTER TABLE {from} RENAME TO {to}");
    app.database.execute(&sql).await;
}

fn deliver_later(app: &TestApp, order: &TestOrder) -> JoinHandle<Answer> {
    let request = app.unproven(body_of(&order.id, "COMPLETED"));
    let request = request.header("x-api-key", KEY);
    rt::spawn(async move { Answer::of(request.send().await.unwrap()).await })
}

async fn glance(app: &TestApp) -> Value {
    app.get_as_operator("/api/v1/operator/actors").await.json()
}

/// How many deliveries the operators' page counts under this word.
async fn counted(app: &TestApp, outcome: &str) -> i64 {
    glance(app).await["webhooks"][outcome].as_i64().unwrap()
}

async fn wait_for_actors(app: &TestApp, busy: i64, waiting: i64) {
    for _ in 0..150 {
        let actors = glance(app).await["order_actors"].take();
        if actors["busy"] == busy && actors["mailbox_depth"] == waiting {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", glance(app).await);
}

fn retry_after_secs(answer: &Answer) -> u64 {
    let header = answer.header("retry-after").expect("Retry-After");
    header.parse().expect("seconds")
}

fn assert_busy(answer: &Answer) {
    assert_eq!(answer.verdict(), (503, "busy".into()));
    assert!(retry_after_secs(answer) >= 1);
}

fn assert_unavailable(answer: &Answer, began: Instant) {
    assert!(began.elapsed() < IN_TIME, "{:?}", began.elapsed());
    assert_eq!(answer.verdict(), (503, "unavailable".into()));
    assert!(retry_after_secs(answer) >= 1);
}

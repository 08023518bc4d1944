//! When the database does not answer, ZenoPay is still answered within five seconds, and the work
//! goes on without the sender.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use sea_orm::{ConnectionTrait, Database};

use super::fake::{self, FakeZenoPay};
use super::trouble::retry_after_secs;
use super::{assert_untouched, deliver_by_token, journal};
use crate::harness::{
    ANSWERED_WITHIN, Answer, DAILY_PRICE, Kind, SaleCounts, TestApp, TestOrder, body_of,
};
use crate::reconciling::metric;

on_both_databases! {
    an_unavailable_database_is_answered_within_five_seconds_and_a_later_copy_is_sold,
    a_delivery_whose_sender_hangs_up_is_still_sold,
}

async fn an_unavailable_database_is_answered_within_five_seconds_and_a_later_copy_is_sold(
    kind: Kind,
) {
    let app = TestApp::start(kind).await;
    let (by_key, by_token) = (app.buy().await, app.buy().await);
    let away = Away::begin(&app, &by_key).await;

    // The first try uses connections that have died, the second finds none. On SQLite, where the
    // whole file is locked, one try is enough.
    let tries = if kind == Kind::Postgres { 2 } else { 1 };
    for _ in 0..tries {
        let began = Instant::now();
        let answer = app.deliver_word(&by_key, "COMPLETED").await;
        assert_unavailable(kind, &answer, began);
    }
    let began = Instant::now();
    let body = body_of(&by_token.id, "COMPLETED");
    let answer = deliver_by_token(&app, &by_token, body.clone()).await;
    assert_unavailable(kind, &answer, began);

    away.end().await;
    // A dead connection may be noticed only when it is used.
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

/// Only on PostgreSQL can one order's row be locked for so long: SQLite gives up the lock of the
/// whole file before the answer is due.
#[actix_web::test]
async fn a_commit_that_takes_too_long_is_answered_in_time_and_still_completes() {
    let app = TestApp::start(Kind::Postgres).await;
    let order = app.buy().await;
    let held = app.database.hold(&order.id).await;
    let began = Instant::now();

    let answer = app.deliver_word(&order, "COMPLETED").await;

    assert!(began.elapsed() < ANSWERED_WITHIN, "{:?}", began.elapsed());
    assert_eq!(answer.verdict(), (503, "commit_unknown".into()));
    assert!(retry_after_secs(&answer) >= 1);
    assert_untouched(&app, &order).await;

    held.rollback().await.unwrap();
    // Nothing is sent again: the work goes on without the sender.
    app.wait_for(&order, "COMPLETED").await;
    let again = app.deliver_word(&order, "COMPLETED").await;

    assert_eq!(again.verdict(), (200, "duplicate".into()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    // Each of the two was counted once, with the answer that it got.
    let counted = app.get_as_operator("/api/v1/operator/actors").await.json()["webhooks"].clone();
    let of = |outcome: &str| counted[outcome].as_i64();
    assert_eq!(
        (of("completed"), of("duplicate")),
        (Some(0), Some(1)),
        "{counted}"
    );
    assert_eq!(
        metric(&app, "malipo_webhook_duration_seconds_count").await,
        2.0
    );
}

async fn a_delivery_whose_sender_hangs_up_is_still_sold(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let order = fake::buy(&app).await;
    zenopay.answers(200, fake::row(&order, "COMPLETED", DAILY_PRICE));
    zenopay.holds(true);
    let mut sender = TcpStream::connect(app.app.address).unwrap();
    let body = body_of(&order.id, "COMPLETED");
    let head = "POST /api/v1/customer-portal/webhook/zenopay HTTP/1.1\r\nHost: shop";
    let length = body.len();
    write!(sender, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    zenopay.wait_until_asked(1).await;

    sender.shutdown(Shutdown::Write).unwrap();
    // The server closes the connection too, so nothing waits for the answer any more.
    sender.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
    assert!(
        matches!(sender.read(&mut [0; 64]), Ok(0)),
        "it was answered"
    );
    zenopay.holds(false);

    app.wait_for(&order, "COMPLETED").await;
    assert_eq!(app.journal(&order.id, "completed").await, 1);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// How the server loses its database, while the test can still reach it.
enum Away {
    /// Another session holds the write lock for longer than the server waits.
    Locked(sea_orm::DatabaseTransaction),
    /// New connections are refused, and existing ones were closed.
    Closed {
        server: sea_orm::DatabaseConnection,
        name: String,
    },
}

impl Away {
    async fn begin(app: &TestApp, order: &TestOrder) -> Self {
        if app.database.kind == Kind::Sqlite {
            return Self::Locked(app.database.hold(&order.id).await);
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
    for _ in 0..200 {
        if answer.status != 503 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
        answer = deliver().await;
    }
    answer
}

fn assert_unavailable(kind: Kind, answer: &Answer, began: Instant) {
    assert!(began.elapsed() < ANSWERED_WITHIN, "{:?}", began.elapsed());
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(retry_after_secs(answer) >= 1);
    // SQLite waits for the lock almost as long as the server waits for SQLite; either may give up
    // first on a busy machine, and another copy helps in both cases.
    if kind == Kind::Postgres || answer.code() != "commit_unknown" {
        assert_eq!(answer.code(), "unavailable");
    }
}

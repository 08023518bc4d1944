//! Every body in `tests/fixtures/zenopay` has the result that its name promises.

use std::path::Path;

use super::fake::{self, FakeZenoPay};
use super::{alerts, deliver_unproven, journal};
use crate::harness::{Answer, DAILY_PRICE, KEY, Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    every_body_that_zenopay_is_known_to_send_gives_what_its_name_says,
    every_answer_of_order_status_that_is_known_gives_what_its_name_says,
}

struct Fixture {
    name: String,
    text: String,
}

impl Fixture {
    fn about(&self, order: &TestOrder) -> String {
        self.text
            .replace("ORDER", &order.id)
            .replace("AMOUNT", &DAILY_PRICE.to_string())
    }

    fn content_type(&self) -> &'static str {
        if self.name.ends_with(".txt") {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        }
    }
}

/// Webhooks, and answers of order-status.
fn fixtures() -> (Vec<Fixture>, Vec<Fixture>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zenopay");
    let mut all: Vec<Fixture> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "README.md")
        .map(|entry| Fixture {
            name: entry.file_name().into_string().unwrap(),
            text: std::fs::read_to_string(entry.path()).unwrap(),
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.into_iter()
        .partition(|fixture| !fixture.name.starts_with("status-"))
}

/// The expected answer and order status for this name; fails on a name without an expectation.
fn expected(name: &str) -> (u16, &'static str, &'static str) {
    let promises = [
        ("completed-", (200, "completed", "COMPLETED")),
        ("failed-cancelled-", (200, "cancelled", "CANCELLED")),
        ("failed-", (200, "failed", "FAILED")),
        ("pending-", (200, "pending", "PENDING")),
        ("malformed-", (400, "malformed_webhook", "PENDING")),
    ];
    let promise = promises.iter().find(|(begin, _)| name.starts_with(begin));
    promise
        .unwrap_or_else(|| panic!("{name} has no expected result"))
        .1
}

async fn every_body_that_zenopay_is_known_to_send_gives_what_its_name_says(kind: Kind) {
    let app = TestApp::start(kind).await;
    let (webhooks, _) = fixtures();
    assert!(webhooks.len() >= 10, "{} webhooks", webhooks.len());

    for fixture in &webhooks {
        let order = app.buy().await;
        let body = fixture.about(&order);

        let request = app
            .http
            .post(app.portal("/webhook/zenopay"))
            .header("content-type", fixture.content_type())
            .header("x-api-key", KEY)
            .body(body.clone());
        let answer = Answer::of(request.send().await.unwrap()).await;

        let name = &fixture.name;
        let (http_status, word, status) = expected(name);
        assert_eq!(answer.verdict(), (http_status, word.to_owned()), "{name}");
        assert_eq!(app.status(&order).await["payment_status"], status, "{name}");
        let sold = match status {
            "COMPLETED" => SaleCounts::ONE,
            _ => SaleCounts::NONE,
        };
        assert_eq!(app.sale_of(&order).await, sold, "{name}");
        let journalled = journal(&app).await.pop().unwrap();
        assert_eq!(journalled.outcome, word.replace("_webhook", ""), "{name}");
        assert_eq!(journalled.body, body.as_bytes(), "{name}");
        let strange: &[&str] = match name.contains("unknown-word") {
            true => &["unknown_word"],
            false => &[],
        };
        assert_eq!(alerts(&app, &order).await, strange, "{name}");
    }
}

async fn every_answer_of_order_status_that_is_known_gives_what_its_name_says(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let (_, answers) = fixtures();
    assert!(answers.len() >= 5, "{} answers", answers.len());

    for fixture in &answers {
        let order = fake::buy(&app).await;
        zenopay.answers(200, fixture.about(&order));

        let hint = crate::harness::body_of(&order.id, "COMPLETED");
        let answer = deliver_unproven(&app, hint).await;

        // Only the status of the payment itself says "paid"; everything else is unknown, and
        // unknown is never failed.
        let name = &fixture.name;
        let (verdict, status) = if name.starts_with("status-completed") {
            ((200, "completed".to_owned()), "COMPLETED")
        } else {
            ((401, "webhook_not_authentic".to_owned()), "PENDING")
        };
        assert_eq!(answer.verdict(), verdict, "{name}");
        assert_eq!(app.status(&order).await["payment_status"], status, "{name}");
    }
}

//! When we fail or are full, nothing is written in part, the answer says at once whether another
//! copy helps, and another copy then succeeds.

use std::time::Duration;

use actix_web::rt::{self, task::JoinHandle, time::sleep};
use serde_json::Value;

use super::{Line, assert_untouched, deliver_by_token, deliver_unproven, journal, pays_in_silence};
use crate::harness::{Answer, KEY, Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    our_own_failure_changes_nothing_is_journalled_and_a_later_copy_is_sold,
    a_delivery_whose_order_cannot_be_looked_up_is_journalled_and_a_later_copy_is_sold,
    an_order_with_a_full_mailbox_refuses_at_once_and_sells_to_a_later_copy,
    a_full_process_refuses_at_once_and_sells_to_a_later_copy,
}

async fn our_own_failure_changes_nothing_is_journalled_and_a_later_copy_is_sold(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let body = body_of(&order.id, "COMPLETED");
    // The sale fails in its middle: payment and customer are written by then.
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

async fn a_delivery_whose_order_cannot_be_looked_up_is_journalled_and_a_later_copy_is_sold(
    kind: Kind,
) {
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
    // It is unknown whether the token is right, and what ZenoPay says.
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
    let held = app.database.hold(&order.id).await;
    // One is being handled and one waits; there is no third place.
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
    // A refused delivery is not stored, and the journal does not claim it.
    assert_eq!(journal(&app).await.len(), 3);
}

async fn a_full_process_refuses_at_once_and_sells_to_a_later_copy(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.actors.in_flight_max = 1).await;
    let (order, other) = (app.buy().await, app.buy().await);
    let held = app.database.hold(&order.id).await;
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

/// How many deliveries the operators' page counts under this outcome.
async fn counted(app: &TestApp, outcome: &str) -> i64 {
    glance(app).await["webhooks"][outcome].as_i64().unwrap()
}

/// Waits until this many actors are busy and this many messages wait; fails after half a minute.
async fn wait_for_actors(app: &TestApp, busy: i64, waiting: i64) {
    for _ in 0..1_500 {
        let actors = glance(app).await["order_actors"].take();
        if actors["busy"] == busy && actors["mailbox_depth"] == waiting {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", glance(app).await);
}

pub(super) fn retry_after_secs(answer: &Answer) -> u64 {
    let header = answer.header("retry-after").expect("Retry-After");
    header.parse().expect("seconds")
}

fn assert_busy(answer: &Answer) {
    assert_eq!(answer.verdict(), (503, "busy".into()));
    assert!(retry_after_secs(answer) >= 1);
}

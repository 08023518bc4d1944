//! A webhook comes twice, eight times, a month later: it is one sale, for ever.

use futures_util::future::join_all;
use malipo::failpoint::{Action, Point};
use serde_json::json;

use super::{buy_many, code_of, sell_many};
use crate::harness::{Kind, SaleCounts, TestApp};
use crate::reconciling::eventually;

on_both_databases! {
    eight_copies_at_once_give_one_voucher_and_one_invoice,
    invoice_numbers_never_collide_in_a_rush,
    an_early_processing_webhook_does_not_suppress_the_success_that_follows,
    a_copy_with_another_time_in_it_is_still_a_copy,
    a_copy_that_comes_a_month_later_to_another_process_changes_nothing,
    failed_after_completed_changes_nothing,
    a_hundred_duplicates_waiting_for_one_sale_are_answered_without_polling,
}

async fn eight_copies_at_once_give_one_voucher_and_one_invoice(kind: Kind) {
    let app = TestApp::start(kind).await;
    let orders = buy_many(&app, 10).await;

    // Two copies of five orders and eight of the others, all at the same moment.
    let copies = orders.iter().enumerate().flat_map(|(nth, order)| {
        let copies = if nth < 5 { 2 } else { 8 };
        vec![order; copies]
    });
    let answers = join_all(copies.map(|order| app.deliver_word(order, "COMPLETED"))).await;

    for order in &orders {
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{}", order.id);
    }
    let counted = |outcome: &str| {
        let verdict = (200, outcome.to_owned());
        answers.iter().filter(|it| it.verdict() == verdict).count()
    };
    assert_eq!((counted("completed"), counted("duplicate")), (10, 40));
    for table in ["invoices", "vouchers", "sms_messages"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        assert_eq!(app.database.count(&sql).await, 10, "{table}");
    }
}

async fn invoice_numbers_never_collide_in_a_rush(kind: Kind) {
    const ORDERS: usize = 200;
    let app = TestApp::start(kind).await;
    let orders = buy_many(&app, ORDERS).await;

    sell_many(&app, &orders).await;

    let numbers = app.database.texts("SELECT number FROM invoices").await;
    let distinct: std::collections::BTreeSet<&String> = numbers.iter().collect();
    assert_eq!((numbers.len(), distinct.len()), (ORDERS, ORDERS));
    assert!(numbers.iter().all(|number| number.starts_with("INV-")));
}

async fn an_early_processing_webhook_does_not_suppress_the_success_that_follows(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    // The same delivery except for the status, as a key without the status would see it.
    let body = |word: &str| {
        json!({"order_id": order.id, "reference": "0936183435", "payment_status": word}).to_string()
    };

    for word in ["PENDING", "PROCESSING", "INPROGRESS", "PROCESSING"] {
        let answer = app.deliver(body(word)).await;
        assert_eq!(answer.verdict(), (200, "pending".to_owned()), "{word}");
    }
    let success = app.deliver(body("SUCCESS")).await;
    let late = app.deliver(body("PROCESSING")).await;

    assert_eq!(success.verdict(), (200, "completed".to_owned()));
    assert_eq!(late.verdict(), (200, "stale".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_copy_with_another_time_in_it_is_still_a_copy(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let told_at = |time: &str| {
        json!({
            "order_id": order.id, "payment_status": "COMPLETED", "reference": "0936183435",
            "timestamp": time, "metadata": {"sent": time},
        })
        .to_string()
    };

    let first = app.deliver(told_at("2026-11-23T10:20:30+03:00")).await;
    let again = app.deliver(told_at("2026-11-23T10:20:31+03:00")).await;

    assert_eq!(first.verdict(), (200, "completed".to_owned()));
    assert_eq!(again.verdict(), (200, "duplicate".to_owned()));
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

async fn a_copy_that_comes_a_month_later_to_another_process_changes_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let code = code_of(&app.status(&order).await);

    let database = app.stop().await;
    let long_ago = "'2020-01-01T00:00:00+00:00'";
    for aged in [
        "payments SET created_at = T, deadline_at = T, confirmed_at = T, processed_at = T",
        "webhook_deliveries SET received_at = T",
        "vouchers SET issued_at = T, expires_at = T",
        "invoices SET issued_at = T",
    ] {
        let sql = format!("UPDATE {}", aged.replace("= T", &format!("= {long_ago}")));
        assert_eq!(database.execute(&sql).await, 1, "{sql}");
    }
    let app = TestApp::start_on(database, |_| {}).await;
    let copies = join_all((0..8).map(|_| app.deliver_word(&order, "COMPLETED"))).await;

    for copy in copies {
        assert_eq!(copy.verdict(), (200, "duplicate".to_owned()));
    }
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
    assert_eq!(code_of(&app.status(&order).await), code);
}

async fn failed_after_completed_changes_nothing(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    app.deliver_word(&order, "COMPLETED").await;
    let sold = app.status(&order).await;

    for word in ["FAILED", "PENDING", "CANCELLED", "PROCESSING", "REVERSED"] {
        let answer = app.deliver_word(&order, word).await;
        assert_eq!(answer.verdict(), (200, "stale".to_owned()), "{word}");
        assert_eq!(answer.json()["payment_status"], "COMPLETED", "{word}");
    }

    assert_eq!(app.status(&order).await, sold);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// If duplicates polled, every copy would ask the database whether the sale is done. Ours wait in
/// the order's mailbox: the database sees one of them.
async fn a_hundred_duplicates_waiting_for_one_sale_are_answered_without_polling(kind: Kind) {
    let roomy = |config: &mut malipo::config::Config| config.actors.mailbox_capacity = 100;
    let app = TestApp::start_with(kind, roomy).await;
    let order = app.buy().await;
    let held = app.database.hold(&order.id).await;
    let failpoints = app.app.api.store.failpoints();
    failpoints.arm(Point::BeforeBegin, Action::Pass);

    let first = app.deliver_word(&order, "COMPLETED");
    let others = async {
        eventually("the first begins", async || !failpoints.is_armed()).await;
        join_all((0..99).map(|_| app.deliver_word(&order, "COMPLETED"))).await
    };
    let actor = format!("/api/v1/operator/actors/{}", order.id);
    let meanwhile = async {
        eventually("all wait behind the first", async || {
            app.get_as_operator(&actor).await.json()["mailbox_depth"] == 99
        })
        .await;
        if kind == Kind::Postgres {
            // It no longer waits in a lane, which gives up after a tenth of a second.
            let waiting = "SELECT COUNT(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
                AND query_start < clock_timestamp() - interval '300 milliseconds'";
            eventually("the sale waits for the row", async || {
                app.database.count(waiting).await == 1
            })
            .await;
        }
        // From now on every new write fails.
        failpoints.arm(Point::BeforeBegin, Action::Error);
        held.commit().await.unwrap();
    };
    let (first, others, ()) = tokio::join!(first, others, meanwhile);

    assert_eq!(first.verdict(), (200, "completed".to_owned()));
    for copy in others {
        assert_eq!(copy.verdict(), (200, "duplicate".to_owned()));
    }
    assert!(failpoints.is_armed(), "a copy began to write a sale too");
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

//! `zenopay.confirm = always`: even a proven delivery counts only once order-status confirms it.

use malipo::config::Confirm;
use serde_json::json;

use super::fake::{self, FakeZenoPay};
use super::{
    Line, asks_about, asks_sql, assert_untouched, deliver_by_token, deliver_unproven, journal,
    pays_in_silence,
};
use crate::harness::{DAILY_PRICE, Kind, SaleCounts, TestApp, TestOrder, body_of};

on_both_databases! {
    a_proven_delivery_is_sold_once_zenopay_has_confirmed_it,
    a_proven_delivery_that_zenopay_does_not_confirm_is_kept_and_zenopay_is_asked_again_soon,
    a_delivery_that_zenopay_contradicts_does_what_zenopay_says,
    a_proven_delivery_about_an_unknown_order_causes_no_status_check,
    an_answered_order_is_checked_once_more_and_then_left_alone,
}

async fn start(kind: Kind) -> TestApp {
    TestApp::start_with(kind, |config| config.zenopay.confirm = Confirm::Always).await
}

async fn a_proven_delivery_is_sold_once_zenopay_has_confirmed_it(kind: Kind) {
    let app = start(kind).await;
    let (by_key, by_token, hinted) = (app.buy().await, app.buy().await, app.buy().await);
    for order in [&by_key, &by_token, &hinted] {
        pays_in_silence(&app, order).await;
    }

    let answers = [
        app.deliver_word(&by_key, "COMPLETED").await,
        deliver_by_token(&app, &by_token, body_of(&by_token.id, "COMPLETED")).await,
        deliver_unproven(&app, body_of(&hinted.id, "COMPLETED")).await,
    ];

    for (order, answer) in [&by_key, &by_token, &hinted].into_iter().zip(answers) {
        assert_eq!(answer.verdict(), (200, "completed".into()));
        assert_eq!(asks_about(&app, order).await, 1);
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE);
    }
    let line = |order: &TestOrder, proof| {
        let line = Line::new(Some(&order.id), "completed", proof, Some("COMPLETED"));
        line.body(body_of(&order.id, "COMPLETED"))
    };
    let expected = [
        line(&by_key, "key"),
        line(&by_token, "token"),
        line(&hinted, "order_status"),
    ];
    assert_eq!(journal(&app).await, expected);
}

async fn a_proven_delivery_that_zenopay_does_not_confirm_is_kept_and_zenopay_is_asked_again_soon(
    kind: Kind,
) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| {
        zenopay.configure(config);
        config.zenopay.confirm = Confirm::Always;
    })
    .await;
    let pending = |order: &TestOrder| fake::row(order, "PENDING", DAILY_PRICE);
    let strange = |order: &TestOrder| fake::row(order, "UNPAID", DAILY_PRICE);
    let silent = |_: &TestOrder| String::new();
    let says: [&dyn Fn(&TestOrder) -> String; 3] = [&pending, &strange, &silent];

    for (case, says) in says.into_iter().enumerate() {
        let order = fake::buy(&app).await;
        zenopay.answers(200, says(&order));

        let answer = app.deliver_word(&order, "COMPLETED").await;

        assert_eq!(answer.verdict(), (200, "unconfirmed".into()), "{case}");
        assert_eq!(answer.json()["payment_status"], "PENDING", "{case}");
        assert_eq!(app.journal(&order.id, "unconfirmed").await, 1, "{case}");
        assert_untouched(&app, &order).await;
        app.until_asked_soon(&order).await;
    }
}

async fn a_delivery_that_zenopay_contradicts_does_what_zenopay_says(kind: Kind) {
    let app = start(kind).await;
    let (failed, paid, short) = (app.buy().await, app.buy().await, app.buy().await);
    for (order, truth) in [
        (&failed, json!({"decision": "decline", "deliver": false})),
        (&paid, json!({"decision": "approve", "deliver": false})),
        (
            &short,
            json!({"decision": "approve", "deliver": false, "amount": 500}),
        ),
    ] {
        app.subscriber_decides(order, &truth).await;
    }

    let answers = [
        app.deliver_word(&failed, "COMPLETED").await,
        app.deliver_word(&paid, "FAILED").await,
        app.deliver_word(&short, "COMPLETED").await,
    ];

    let answered = |word: &str, status: &str| (200, word.to_owned(), status.to_owned());
    let seen = answers.map(|answer| {
        let (status, word) = answer.verdict();
        let now = answer.json()["payment_status"].as_str().unwrap().to_owned();
        (status, word, now)
    });
    let expected = [
        answered("unconfirmed", "FAILED"),
        answered("completed", "COMPLETED"),
        answered("held", "HELD"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(app.sale_of(&failed).await, SaleCounts::NONE);
    assert_eq!(app.sale_of(&paid).await, SaleCounts::ONE);
    assert_eq!(app.sale_of(&short).await, SaleCounts::NONE);
}

async fn a_proven_delivery_about_an_unknown_order_causes_no_status_check(kind: Kind) {
    let app = start(kind).await;
    let orphan_id = uuid::Uuid::new_v4().to_string();

    let answer = app.deliver(body_of(&orphan_id, "COMPLETED")).await;

    assert_eq!(answer.verdict(), (404, "order_not_found".into()));
    assert_eq!(app.journal(&orphan_id, "unknown_order").await, 1);
    let asks = "SELECT COUNT(*) FROM gateway_calls";
    assert_eq!(app.database.count(asks).await, 0);
}

/// An unconfirmed delivery about an answered order causes one more check, and not one a minute for
/// ever.
async fn an_answered_order_is_checked_once_more_and_then_left_alone(kind: Kind) {
    let app = start(kind).await;
    let (sold, failed) = (app.buy().await, app.buy().await);
    pays_in_silence(&app, &sold).await;
    app.deliver_word(&sold, "COMPLETED").await;
    for order in [&sold, &failed] {
        let declines = json!({"decision": "decline", "deliver": false});
        app.subscriber_decides(order, &declines).await;
    }

    let about_sold = app.deliver_word(&sold, "COMPLETED").await;
    let about_failed = app.deliver_word(&failed, "COMPLETED").await;

    assert_eq!(about_sold.verdict(), (200, "unconfirmed".into()));
    assert_eq!(about_failed.verdict(), (200, "unconfirmed".into()));
    for (order, asks) in [(&sold, 3), (&failed, 2)] {
        // The checks of the deliveries, and one by the reconciler.
        let asked = asks_sql(&app, order);
        app.database.wait_for_count(&asked, asks).await;
        let row = app.database.is_order(&order.id);
        let never = format!("SELECT COUNT(*) FROM payments WHERE {row} AND due_at IS NULL");
        app.database.wait_for_count(&never, 1).await;
    }
    assert_eq!(app.sale_of(&sold).await, SaleCounts::ONE);
}

//! The amount in a report: every spelling of whole shillings is read, and an unreadable amount is
//! never treated as an absent one.

use malipo::config::Confirm;
use serde_json::json;

use super::fake::{self, FakeZenoPay};
use super::{alerts, asks_about, assert_untouched, deliver_by_token, deliver_unproven};
use super::{asks_sql, pays_in_silence};
use crate::harness::{Answer, DAILY_PRICE, Kind, SaleCounts, TOKEN, TestApp, TestOrder, body_of};

on_both_databases! {
    an_amount_in_every_spelling_of_the_price_is_sold_at_once,
    a_paid_webhook_whose_amount_cannot_be_read_is_sold_once_zenopay_has_confirmed_it,
    a_paid_webhook_whose_amount_cannot_be_read_is_kept_and_zenopay_is_asked_again_soon,
    an_order_that_order_status_calls_paid_with_an_unreadable_amount_is_held,
    a_status_other_than_paid_has_its_usual_effect_whatever_the_amount,
    an_unverified_webhook_with_an_unreadable_amount_is_checked_like_any_other,
    a_replay_of_a_webhook_with_an_unreadable_amount_asks_zenopay,
}

/// The price, as JSON.
const READABLE: [&str; 17] = [
    "2000",
    "2000.0",
    "2e3",
    "2.0E+3",
    r#""2000""#,
    r#"" 2000\n""#,
    r#""2000.""#,
    r#""2000.00""#,
    r#""2,000""#,
    r#""2,000.00""#,
    r#""2 000""#,
    r#""2\u00a0000""#,
    r#""2\u202f000.0""#,
    r#""\u00a02000\u2009""#,
    r#""002000""#,
    r#""2e3""#,
    "200000e-2",
];

/// Amounts that are present but not whole shillings, as JSON, with the text that an operator sees.
const UNREADABLE: [(&str, &str); 29] = [
    (r#""TZS 100""#, "TZS 100"),
    (r#""2000 TZS""#, "2000 TZS"),
    ("-5", "-5"),
    ("-0", "-0"),
    (r#""+2000""#, "+2000"),
    ("true", "true"),
    ("false", "false"),
    ("[1000]", "[1000]"),
    ("{}", "{}"),
    (r#"{"value":2000}"#, r#"{"value":2000}"#),
    ("1999.5", "1999.5"),
    (r#""2000.50""#, "2000.50"),
    ("20005e-1", "20005e-1"),
    (r#""1,00""#, "1,00"),
    (r#""10,00,000""#, "10,00,000"),
    (r#""1,000,""#, "1,000,"),
    (r#"",000""#, ",000"),
    (r#""1,000 000""#, "1,000 000"),
    (r#""2  000""#, "2  000"),
    (r#""0,500""#, "0,500"),
    // It could mean two, or two thousand.
    (r#""2.000""#, "2.000"),
    (r#""2.000,00""#, "2.000,00"),
    (r#""1e""#, "1e"),
    ("1e400", "1e400"),
    (r#""NaN""#, "NaN"),
    (r#""٢٠٠٠""#, "٢٠٠٠"),
    ("9999999999999999", "9999999999999999"),
    ("1e15", "1e15"),
    (r#""\u0000""#, "\\u{0}"),
];

fn webhook(order: &TestOrder, word: &str, amount: &str) -> String {
    let id = &order.id;
    format!(r#"{{"order_id":"{id}","payment_status":"{word}","amount":{amount}}}"#)
}

/// An order-status row with this amount.
fn row(order: &TestOrder, word: &str, amount: &str) -> String {
    let row = webhook(order, word, amount);
    format!(r#"{{"result":"SUCCESS","resultcode":"000","data":[{row}]}}"#)
}

async fn an_amount_in_every_spelling_of_the_price_is_sold_at_once(kind: Kind) {
    let app = TestApp::start(kind).await;
    for amount in READABLE.into_iter().chain(["null", r#""""#, r#"" ""#]) {
        let order = app.buy().await;

        let answer = app.deliver(webhook(&order, "COMPLETED", amount)).await;

        assert_eq!(answer.verdict(), (200, "completed".into()), "{amount}");
        assert_eq!(asks_about(&app, &order).await, 0, "{amount}");
        assert_eq!(alerts(&app, &order).await, [""; 0], "{amount}");
    }
    let form = app.buy().await;
    let body = format!("order_id={}&payment_status=PAID&amount=+2,000.00", form.id);
    assert_eq!(app.deliver(body).await.verdict(), (200, "completed".into()));
    let paid = "SELECT COUNT(*) FROM payments WHERE paid_amount = 2000";
    assert_eq!(app.database.count(paid).await, READABLE.len() as i64 + 1);
}

async fn a_paid_webhook_whose_amount_cannot_be_read_is_sold_once_zenopay_has_confirmed_it(
    kind: Kind,
) {
    // With any configuration.
    let never = |config: &mut malipo::config::Config| config.zenopay.confirm = Confirm::Never;
    let app = TestApp::start_with(kind, never).await;
    for (at, (amount, _)) in UNREADABLE.into_iter().enumerate() {
        let order = app.buy().await;
        pays_in_silence(&app, &order).await;
        let body = webhook(&order, "COMPLETED", amount);

        let answer = match at % 2 {
            0 => app.deliver(body).await,
            _ => deliver_by_token(&app, &order, body).await,
        };

        assert_eq!(answer.verdict(), (200, "completed".into()), "{amount}");
        assert_eq!(asks_about(&app, &order).await, 1, "{amount}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::ONE, "{amount}");
        assert_eq!(alerts(&app, &order).await, [""; 0], "{amount}");
    }
    let form = app.buy().await;
    let body = format!(
        "order_id={}&payment_status=PAID&amount=TSh+2000/%3D",
        form.id
    );
    assert_eq!(
        app.deliver(body).await.verdict(),
        (200, "unconfirmed".into())
    );
}

async fn a_paid_webhook_whose_amount_cannot_be_read_is_kept_and_zenopay_is_asked_again_soon(
    kind: Kind,
) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| zenopay.configure(config)).await;
    let says = ["PENDING", "UNPAID", ""];
    for (word, (amount, _)) in says.into_iter().zip(UNREADABLE) {
        let order = fake::buy(&app).await;
        let silence = word.is_empty();
        let answer = match silence {
            true => String::new(),
            false => fake::row(&order, word, DAILY_PRICE),
        };
        zenopay.answers(200, answer);

        let answer = app.deliver(webhook(&order, "COMPLETED", amount)).await;

        assert_eq!(answer.verdict(), (200, "unconfirmed".into()), "{amount}");
        assert_eq!(answer.json()["payment_status"], "PENDING", "{amount}");
        assert_eq!(app.journal(&order.id, "unconfirmed").await, 1, "{amount}");
        assert_untouched(&app, &order).await;
        app.until_asked_soon(&order).await;
    }
}

async fn an_order_that_order_status_calls_paid_with_an_unreadable_amount_is_held(kind: Kind) {
    let zenopay = FakeZenoPay::start();
    let app = TestApp::start_with(kind, |config| {
        zenopay.configure(config);
        // Each order causes a status check.
        config.zenopay.asks_per_sec = 400;
    })
    .await;
    let long = format!(r#""TZS\u0000 {}""#, "9".repeat(200));
    let cut = format!("TZS {}", "9".repeat(56));
    for (amount, shown) in UNREADABLE.into_iter().chain([(&*long, &*cut)]) {
        let order = fake::buy(&app).await;
        zenopay.answers(200, row(&order, "COMPLETED", amount));

        // A webhook without an amount is believed as usual; here the order-status answer counts.
        let answer = deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;

        assert_eq!(answer.verdict(), (200, "held".into()), "{amount}");
        assert_eq!(app.sale_of(&order).await, SaleCounts::NONE, "{amount}");
        assert_eq!(alerts(&app, &order).await, ["held"], "{amount}");
        let row = app.database.is_order(&order.id);
        let alert = format!("SELECT summary FROM order_events WHERE {row} AND level = 'alert'");
        let alert = app.database.text(&alert).await.unwrap();
        let expected = format!("the amount paid cannot be read: {shown}");
        assert_eq!(alert, expected, "{amount}");
        // The guest sees nothing of the text from outside.
        let reason = app.status(&order).await["failure_reason"].to_string();
        assert!(!reason.contains(shown), "{reason}");
    }
    for amount in READABLE {
        let order = fake::buy(&app).await;
        zenopay.answers(200, row(&order, "COMPLETED", amount));
        let answer = deliver_unproven(&app, body_of(&order.id, "COMPLETED")).await;
        assert_eq!(answer.verdict(), (200, "completed".into()), "{amount}");
    }
    let zero = fake::buy(&app).await;
    zenopay.answers(200, row(&zero, "COMPLETED", "0"));
    let answer = deliver_unproven(&app, body_of(&zero.id, "COMPLETED")).await;
    assert_eq!(answer.verdict(), (200, "held".into()));
}

async fn a_status_other_than_paid_has_its_usual_effect_whatever_the_amount(kind: Kind) {
    let app = TestApp::start(kind).await;
    for (word, outcome) in [
        ("PENDING", "pending"),
        ("UNPAID", "pending"),
        ("FAILED", "failed"),
        ("CANCELLED", "cancelled"),
    ] {
        for (amount, _) in UNREADABLE.into_iter().step_by(5) {
            let order = app.buy().await;

            let answer = app.deliver(webhook(&order, word, amount)).await;

            assert_eq!(answer.verdict(), (200, outcome.into()), "{word} {amount}");
            assert_eq!(asks_about(&app, &order).await, 0, "{word} {amount}");
        }
    }
}

async fn an_unverified_webhook_with_an_unreadable_amount_is_checked_like_any_other(kind: Kind) {
    // Two unverified webhooks may be checked at once.
    let app = TestApp::start_with(kind, |config| config.zenopay.asks_per_sec = 50).await;
    let (open, paid) = (app.buy().await, app.buy().await);
    pays_in_silence(&app, &paid).await;
    let hint = |order: &TestOrder| webhook(order, "COMPLETED", r#""TZS 100""#);

    let about_open = deliver_unproven(&app, hint(&open)).await;
    let about_paid = deliver_unproven(&app, hint(&paid)).await;

    about_open.assert_problem(401, "webhook_not_authentic");
    assert_untouched(&app, &open).await;
    assert_eq!(about_paid.verdict(), (200, "completed".into()));
    assert_eq!(app.sale_of(&paid).await, SaleCounts::ONE);
}

async fn a_replay_of_a_webhook_with_an_unreadable_amount_asks_zenopay(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let body = webhook(&order, "COMPLETED", "[1000]");
    let early = app.deliver(body).await;
    let newest = "SELECT MAX(id) FROM webhook_deliveries";
    let webhook = app.database.count(newest).await;
    pays_in_silence(&app, &order).await;
    let asked = asks_sql(&app, &order);
    let before = app.database.count(&asked).await;

    let url = app.url(&format!("/api/v1/operator/webhooks/{webhook}/replay"));
    let request = app.http.post(url).bearer_auth(TOKEN).json(&json!({}));
    let answer = Answer::of(request.send().await.unwrap()).await;

    assert_eq!(early.verdict(), (200, "unconfirmed".into()));
    // The reconciler may have come first: it follows up unconfirmed deliveries.
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["payment_status"], "COMPLETED");
    assert!(app.database.count(&asked).await > before);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

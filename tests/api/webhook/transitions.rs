//! The effect of a proven webhook on an order in each of its states, from the socket to the rows.
//!
//! How to read a cell of [`TABLE`]: a word in capitals is the order's new status, with which `version`
//! rises by one; without such a word neither changes. The word in small letters is the outcome, `!kind`
//! an alert for operators, `~kind` a note.

use malipo::actors::Command;
use malipo::domain::order::{Evidence, OrderAct};
use malipo::domain::people::Personal;
use serde_json::{Value, json};

use super::{alerts, journal, remarks};
use crate::harness::{Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    a_webhook_does_to_an_order_what_the_contract_says_for_every_word_and_state,
    late_money_is_a_whole_sale_and_the_guest_sees_nothing_of_the_delay,
    a_held_order_says_why_and_keeps_what_zenopay_reported,
    webhooks_in_the_wrong_sequence_end_in_one_sale,
}

const TABLE: &str = "
webhook           | PENDING                   | FAILED                        | CANCELLED                     | EXPIRED                       | HELD                  | COMPLETED                 | REFUNDED
paid              | COMPLETED completed       | COMPLETED completed           | COMPLETED completed           | COMPLETED completed           | held ~paid_while_held | duplicate                 | duplicate
paid, the price   | COMPLETED completed       | COMPLETED completed           | COMPLETED completed           | COMPLETED completed           | held ~paid_while_held | duplicate                 | duplicate
paid, another ref | COMPLETED completed       | COMPLETED completed           | COMPLETED completed           | COMPLETED completed           | held ~paid_while_held | duplicate !second_charge  | duplicate !second_charge
paid, more        | COMPLETED completed !overpaid | COMPLETED completed !overpaid | COMPLETED completed !overpaid | COMPLETED completed !overpaid | held ~paid_while_held | duplicate !amount_differs | duplicate !amount_differs
paid, less        | HELD held !held           | HELD held !held               | HELD held !held               | HELD held !held               | held ~paid_while_held | duplicate !amount_differs | duplicate !amount_differs
paid, in dollars  | HELD held !held           | HELD held !held               | HELD held !held               | HELD held !held               | held ~paid_while_held | duplicate !amount_differs | duplicate !amount_differs
paid, unreadable  | unconfirmed ~in_progress  | unconfirmed                   | unconfirmed                   | unconfirmed ~in_progress      | unconfirmed           | unconfirmed               | unconfirmed
failed            | FAILED failed             | duplicate                     | stale                         | FAILED failed                 | stale !reversal       | stale !reversal           | stale
cancelled         | CANCELLED cancelled       | stale                         | duplicate                     | CANCELLED cancelled           | stale !reversal       | stale !reversal           | stale
in progress       | pending ~in_progress      | stale                         | stale                         | pending ~in_progress          | stale                 | stale                     | stale
unknown word      | pending !unknown_word     | stale !unknown_word           | stale !unknown_word           | pending !unknown_word         | stale !unknown_word   | stale !unknown_word       | stale
";

async fn a_webhook_does_to_an_order_what_the_contract_says_for_every_word_and_state(kind: Kind) {
    let app = TestApp::start(kind).await;
    let mut rows = TABLE
        .trim()
        .lines()
        .map(|row| row.split('|').map(str::trim));
    let states: Vec<&str> = rows.next().unwrap().skip(1).collect();
    let mut cells = 0;

    for mut row in rows {
        let evidence = row.next().unwrap();
        for (state, expected) in states.iter().zip(row) {
            let order = order_in(&app, state).await;
            let before = Look::at(&app, &order).await;

            let answer = app.deliver(webhook(evidence, &order).to_string()).await;

            let after = Look::at(&app, &order).await;
            let seen = what_happened(&before, &after, &answer.json());
            assert_eq!(seen, expected, "{evidence} / {state}");
            assert_eq!(answer.status, 200, "{evidence} / {state}");
            assert_eq!(answer.json()["payment_status"], after.status);
            let line = journal(&app).await.pop().unwrap();
            assert_eq!(line.order_id.as_deref(), Some(&*order.id));
            assert_eq!(answer.json()["outcome"], line.outcome);
            cells += 1;
        }
    }

    assert_eq!(cells, 77);
}

async fn late_money_is_a_whole_sale_and_the_guest_sees_nothing_of_the_delay(kind: Kind) {
    let app = TestApp::start_with(kind, |config| config.orders.expire_after_secs = 1).await;
    let (failed, cancelled, expired) = (app.buy().await, app.buy().await, app.buy().await);
    app.deliver_word(&failed, "INSUFFICIENT_BALANCE").await;
    app.deliver_word(&cancelled, "USERCANCELLED").await;

    for (order, state) in [
        (&failed, "FAILED"),
        (&cancelled, "CANCELLED"),
        (&expired, "EXPIRED"),
    ] {
        let before = app.wait_for(order, state).await;
        let answer = app.deliver_word(order, "COMPLETED").await;

        assert!(before["failure_reason"].is_string(), "{before}");
        assert_eq!(answer.verdict(), (200, "completed".into()), "{state}");
        let document = app.status(order).await;
        assert_eq!(document["payment_status"], "COMPLETED", "{document}");
        assert_eq!(document["version"], 3, "{document}");
        assert_eq!(document["failure_reason"], Value::Null, "{document}");
        assert_eq!(document["voucher_generated"], true, "{document}");
        assert_eq!(app.sale_of(order).await, SaleCounts::ONE, "{state}");
        assert_eq!(alerts(&app, order).await, [""; 0], "{state}");
    }
}

async fn a_held_order_says_why_and_keeps_what_zenopay_reported(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let body = json!({
        "order_id": order.id, "payment_status": "COMPLETED", "reference": "R-1",
        "amount": "1500.00", "currency": "TZS",
    });

    let answer = app.deliver(body.to_string()).await;

    assert_eq!(answer.verdict(), (200, "held".into()));
    let document = app.status(&order).await;
    assert_eq!(document["payment_status"], "HELD", "{document}");
    assert_eq!(document["failure_reason"], "underpaid", "{document}");
    assert_eq!(document["voucher_code"], Value::Null, "{document}");
    let row = app.database.is_order(&order.id);
    let kept = format!(
        "SELECT COUNT(*) FROM payments WHERE {row} AND paid_amount = 1500 AND reference = 'R-1' AND due_at IS NULL"
    );
    assert_eq!(app.database.count(&kept).await, 1);
}

async fn webhooks_in_the_wrong_sequence_end_in_one_sale(kind: Kind) {
    let app = TestApp::start(kind).await;
    let order = app.buy().await;
    let steps = [
        ("PENDING", "pending"),
        ("FAILED", "failed"),
        ("PENDING", "stale"),
        ("SUCCESS", "completed"),
        ("FAILED", "stale"),
        ("PENDING", "stale"),
        ("PAID", "duplicate"),
        ("CANCELLED", "stale"),
        ("COMPLETED", "duplicate"),
    ];

    for (word, outcome) in steps {
        let answer = app.deliver_word(&order, word).await;

        assert_eq!(answer.verdict(), (200, outcome.into()), "{word}");
    }

    let journalled: Vec<(String, String)> = journal(&app)
        .await
        .into_iter()
        .map(|line| (line.word.unwrap(), line.outcome))
        .collect();
    assert_eq!(
        journalled,
        steps.map(|(word, outcome)| (word.to_owned(), outcome.to_owned()))
    );
    assert_eq!(app.status(&order).await["version"], 3);
    assert_eq!(app.sale_of(&order).await, SaleCounts::ONE);
}

/// A new order, brought into this state.
async fn order_in(app: &TestApp, state: &str) -> TestOrder {
    let order = app.buy().await;
    match state {
        "PENDING" => {}
        "FAILED" | "CANCELLED" => drop(app.deliver_word(&order, state).await),
        "EXPIRED" => handle_evidence(app, &order, Evidence::Deadline).await,
        "HELD" => drop(app.deliver(webhook("paid, less", &order).to_string()).await),
        "COMPLETED" => drop(app.deliver(webhook("paid", &order).to_string()).await),
        "REFUNDED" => {
            app.deliver(webhook("paid", &order).to_string()).await;
            let refund = Evidence::Operator(OrderAct::Refund, Personal::new("paid back"));
            handle_evidence(app, &order, refund).await;
        }
        other => panic!("{other}"),
    }
    assert_eq!(app.status(&order).await["payment_status"], state);
    order
}

async fn handle_evidence(app: &TestApp, order: &TestOrder, evidence: Evidence) {
    let order_id = order.id.parse().unwrap();
    app.app
        .api
        .orders
        .handle(order_id, Command::of(evidence))
        .await
        .unwrap();
}

fn webhook(evidence: &str, order: &TestOrder) -> Value {
    let (word, more) = match evidence {
        "paid" => ("COMPLETED", json!({"reference": "R-1"})),
        "paid, the price" => ("PAID", json!({"amount": 2000, "currency": "tzs"})),
        "paid, another ref" => ("SUCCESS", json!({"reference": "R-2"})),
        "paid, more" => ("SUCCESSFUL", json!({"amount": "2500.00"})),
        "paid, less" => ("COMPLETED", json!({"amount": 1999})),
        "paid, unreadable" => ("COMPLETED", json!({"amount": 1999.99})),
        "paid, in dollars" => ("COMPLETED", json!({"amount": 2000, "currency": "USD"})),
        "failed" => ("declined", json!({})),
        "cancelled" => ("UserCancelled", json!({})),
        "in progress" => ("PROCESSING", json!({})),
        "unknown word" => ("UNPAID", json!({})),
        other => panic!("{other}"),
    };
    let mut body = json!({"order_id": order.id, "payment_status": word});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Everything that a webhook can change.
struct Look {
    status: String,
    version: i64,
    sale: SaleCounts,
    alerts: Vec<String>,
    notes: Vec<String>,
}

impl Look {
    async fn at(app: &TestApp, order: &TestOrder) -> Self {
        let document = app.status(order).await;
        Self {
            status: document["payment_status"].as_str().unwrap().to_owned(),
            version: document["version"].as_i64().unwrap(),
            sale: app.sale_of(order).await,
            alerts: alerts(app, order).await,
            notes: remarks(app, order, "note").await,
        }
    }
}

/// The cell of the table that describes this change.
fn what_happened(before: &Look, after: &Look, answer: &Value) -> String {
    let mut seen = Vec::new();
    if after.status != before.status {
        seen.push(after.status.clone());
        assert_eq!(after.version, before.version + 1);
    } else {
        assert_eq!(after.version, before.version);
    }
    seen.push(answer["outcome"].as_str().unwrap().to_owned());
    let new = |after: &[String], before: &[String]| after[before.len()..].to_vec();
    seen.extend(
        new(&after.alerts, &before.alerts)
            .iter()
            .map(|it| format!("!{it}")),
    );
    seen.extend(
        new(&after.notes, &before.notes)
            .iter()
            .map(|it| format!("~{it}")),
    );

    // An order that becomes COMPLETED is sold completely, once; no other order is sold.
    let sold_now = after.status == "COMPLETED" && before.status != "COMPLETED";
    let expected = if sold_now {
        SaleCounts::ONE
    } else {
        before.sale
    };
    assert_eq!(after.sale, expected);
    seen.join(" ")
}

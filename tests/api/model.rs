//! Random histories of an order are played against the real server and against a small model that
//! was written from the contract alone. After every step both must agree.

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::harness::{DAILY_PRICE, Kind, SaleCounts, TestApp, TestOrder};

on_both_databases! {
    every_history_of_an_order_ends_as_the_contract_says,
}

/// Histories in a run; `MALIPO_TEST_HISTORIES` sets another number.
const HISTORIES: usize = 25;

/// One step of a history.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// ZenoPay posts this status and amount, in this many copies at once.
    Webhook(ReportedStatus, Amount, usize),
    /// ZenoPay has this status, posts nothing, and the reconciler asks.
    Asked(ReportedStatus),
    /// The order reaches its deadline.
    Deadline,
    /// The order's actor is passivated.
    Forgotten,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ReportedStatus {
    Paid,
    Failed,
    Cancelled,
    InProgress,
    Unheard,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Unsaid,
    Price,
    More,
    Less,
}

impl ReportedStatus {
    fn text(self) -> &'static str {
        match self {
            Self::Paid => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::InProgress => "PENDING",
            Self::Unheard => "UNPAID",
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let word = prop_oneof![
        3 => Just(ReportedStatus::Paid),
        2 => Just(ReportedStatus::Failed),
        1 => Just(ReportedStatus::Cancelled),
        1 => Just(ReportedStatus::InProgress),
        1 => Just(ReportedStatus::Unheard),
    ];
    let amount = prop_oneof![
        3 => Just(Amount::Unsaid),
        1 => Just(Amount::Price),
        1 => Just(Amount::More),
        1 => Just(Amount::Less),
    ];
    prop_oneof![
        6 => (word.clone(), amount, 1..4_usize).prop_map(|(w, a, n)| Step::Webhook(w, a, n)),
        2 => word.prop_map(Step::Asked),
        1 => Just(Step::Deadline),
        1 => Just(Step::Forgotten),
    ]
}

/// The reference: every state and every kind of evidence. Returns the new
/// status and the outcome of the delivery.
fn model(
    status: &'static str,
    word: ReportedStatus,
    amount: Amount,
) -> (&'static str, &'static str) {
    let open = matches!(status, "PENDING" | "EXPIRED");
    match (word, status) {
        (ReportedStatus::Paid, "COMPLETED") => (status, "duplicate"),
        (ReportedStatus::Paid, "HELD") => (status, "held"),
        (ReportedStatus::Paid, _) if amount == Amount::Less => ("HELD", "held"),
        (ReportedStatus::Paid, _) => ("COMPLETED", "completed"),
        (ReportedStatus::Failed, _) if open => ("FAILED", "failed"),
        (ReportedStatus::Failed, "FAILED") => (status, "duplicate"),
        (ReportedStatus::Cancelled, _) if open => ("CANCELLED", "cancelled"),
        (ReportedStatus::Cancelled, "CANCELLED") => (status, "duplicate"),
        (ReportedStatus::InProgress | ReportedStatus::Unheard, _) if open => (status, "pending"),
        _ => (status, "stale"),
    }
}

/// The model's view of an order.
struct Expected {
    status: &'static str,
    version: i64,
    /// What ZenoPay says when it is asked.
    at_zenopay: ReportedStatus,
}

impl Expected {
    fn become_(&mut self, status: &'static str) {
        self.version += i64::from(self.status != status);
        self.status = status;
    }
}

async fn every_history_of_an_order_ends_as_the_contract_says(kind: Kind) {
    let histories =
        std::env::var("MALIPO_TEST_HISTORIES").map_or(HISTORIES, |n| n.parse().unwrap());
    let app = TestApp::start_with(kind, |config| config.actors.idle_secs = 0).await;
    let mut runner = TestRunner::default();
    for _ in 0..histories {
        let mut tree = proptest::collection::vec(step(), 1..14)
            .new_tree(&mut runner)
            .unwrap();
        let Err(fault) = run_steps(&app, &tree.current()).await else {
            continue;
        };
        // The history fails: find its shortest part that fails too.
        let mut shortest = (tree.current(), fault);
        while tree.simplify() {
            match run_steps(&app, &tree.current()).await {
                Err(fault) => shortest = (tree.current(), fault),
                Ok(()) => {
                    if !tree.complicate() {
                        break;
                    }
                }
            }
        }
        panic!("{}\nin the history {:#?}", shortest.1, shortest.0);
    }
}

async fn run_steps(app: &TestApp, steps: &[Step]) -> Result<(), String> {
    let order = app.buy().await;
    let mut expected = Expected {
        status: "PENDING",
        version: 1,
        at_zenopay: ReportedStatus::InProgress,
    };
    for (at, step) in steps.iter().enumerate() {
        take(app, &order, *step, &mut expected)
            .await
            .map_err(|fault| format!("step {at}: {fault}"))?;
        let document = app.status(&order).await;
        let seen = (
            document["payment_status"].as_str(),
            document["version"].as_i64(),
        );
        let wanted = (Some(expected.status), Some(expected.version));
        if seen != wanted {
            return Err(format!("step {at}: shows {seen:?} instead of {wanted:?}"));
        }
        let sale = app.sale_of(&order).await;
        let sold = if expected.status == "COMPLETED" {
            SaleCounts::ONE
        } else {
            SaleCounts::NONE
        };
        if sale != sold {
            return Err(format!("step {at}: {sale:?} while {}", expected.status));
        }
    }
    Ok(())
}

async fn take(
    app: &TestApp,
    order: &TestOrder,
    step: Step,
    expected: &mut Expected,
) -> Result<(), String> {
    match step {
        Step::Webhook(word, amount, copies) => {
            let mut body = json!({"order_id": order.id, "payment_status": word.text()});
            match amount {
                Amount::Unsaid => {}
                Amount::Price => body["amount"] = json!(DAILY_PRICE),
                Amount::More => body["amount"] = json!(format!("{}.00", DAILY_PRICE + 500)),
                Amount::Less => body["amount"] = json!(DAILY_PRICE - 1),
            }
            let answers = join_all((0..copies).map(|_| app.deliver(body.to_string()))).await;
            let mut outcomes: Vec<_> = answers.iter().map(|answer| answer.verdict()).collect();
            let mut wanted = Vec::new();
            for _ in 0..copies {
                let (status, outcome) = model(expected.status, word, amount);
                expected.become_(status);
                wanted.push((200, outcome.to_owned()));
            }
            // They arrive at once, so in any order.
            outcomes.sort();
            wanted.sort();
            if outcomes != wanted {
                return Err(format!("answered {outcomes:?} instead of {wanted:?}"));
            }
            // ZenoPay is asked at once about a word that we do not know.
            if word == ReportedStatus::Unheard && (is_open(expected) || has_failed(expected)) {
                reconcile(app, order, "'PENDING', 'EXPIRED', 'FAILED', 'CANCELLED'").await;
                expected.become_(model(expected.status, expected.at_zenopay, Amount::Price).0);
            }
        }
        Step::Asked(word) => {
            let behaviour = json!({"decision": "approve", "word": word.text(), "deliver": false});
            app.subscriber_decides(order, &behaviour).await;
            expected.at_zenopay = word;
            reconcile(app, order, OPEN).await;
            if is_open(expected) {
                expected.become_(model(expected.status, word, Amount::Price).0);
            }
        }
        Step::Deadline => {
            let is_order = app.database.is_order(&order.id);
            let past = "'2020-01-01T00:00:00+00:00'";
            app.database
                .execute(&format!(
                    "UPDATE payments SET deadline_at = {past} WHERE {is_order}"
                ))
                .await;
            // ZenoPay reports nothing new, so only the deadline has an effect.
            let silent = json!({"decision": "approve", "word": "PENDING", "deliver": false});
            app.subscriber_decides(order, &silent).await;
            expected.at_zenopay = ReportedStatus::InProgress;
            reconcile(app, order, OPEN).await;
            if expected.status == "PENDING" {
                expected.become_("EXPIRED");
            }
        }
        Step::Forgotten => app.app.api.orders.passivate_idle(),
    }
    Ok(())
}

/// The statuses that the schedule checks.
const OPEN: &str = "'PENDING', 'EXPIRED'";

fn is_open(expected: &Expected) -> bool {
    matches!(expected.status, "PENDING" | "EXPIRED")
}

fn has_failed(expected: &Expected) -> bool {
    matches!(expected.status, "FAILED" | "CANCELLED")
}

/// Makes an order with one of these statuses due and has the reconciler check it.
async fn reconcile(app: &TestApp, order: &TestOrder, statuses: &str) {
    let is_order = app.database.is_order(&order.id);
    let past = "'2020-01-01T00:00:00+00:00'";
    let open = format!("status IN ({statuses})");
    let made_due = app
        .database
        .execute(&format!(
            "UPDATE payments SET due_at = {past} WHERE {is_order} AND {open}"
        ))
        .await;
    let asks = async || {
        let sql = format!("SELECT CAST(asks AS BIGINT) FROM payments WHERE {is_order}");
        app.database.count(&sql).await
    };
    let answered = format!("SELECT COUNT(*) FROM payments WHERE {is_order} AND due_at IS NULL");
    let before = asks().await;
    // The reconciler's own loop may come first; either way ZenoPay is asked once. An order that
    // stays open counts that check, and one that has its answer is no longer due.
    while made_due > 0 && asks().await == before && app.database.count(&answered).await == 0 {
        app.app.api.reconciler.run_once().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

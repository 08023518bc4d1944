//! Section 5 of the contract, cell by cell, and what must hold for any order and any
//! evidence.
//!
//! How to read a cell of [`TABLE`]:
//!
//! - A word in capitals is the order's new status; `version` rises by exactly one, and the
//!   outcome is that word in small letters unless another follows. Without a word in capitals
//!   the status stays.
//! - `kept` stores what ZenoPay reports about the money and changes nothing that a guest sees;
//!   `revoked` takes the voucher back and `reissued` gives it another code; both raise `version`.
//! - A word in small letters is the outcome. `stale` stands where the contract has "nothing"
//!   or "–". `ask` sets the time of the next status check, `ask now` to now. `409` refuses an
//!   operator or a guest.
//! - `!kind` is an alert for operators, `~kind` a note.
//! - `a / b` is `a` for FAILED and `b` for CANCELLED.

mod after_the_sale;
mod fixtures;
mod properties;

use crate::domain::access::Usage;
use crate::domain::catalog::Tzs;
use crate::domain::order::decide::decide;
use crate::domain::order::{
    Decision, Effect, Evidence, FailureReason, GatewayReport, Level, OrderAct, Payment,
    ReissueCount, ReissueInput, ReissuedBy, ReportedAmount, Status,
};
use crate::domain::people::Personal;

use fixtures::report;

pub(in crate::domain) use fixtures::{facts, order};

const TABLE: &str = "
evidence          | PENDING                   | FAILED, CANCELLED   | EXPIRED               | HELD                  | COMPLETED                      | REFUNDED
paid              | COMPLETED                 | COMPLETED           | COMPLETED             | held ~paid_while_held | duplicate                      | duplicate
paid, the price   | COMPLETED                 | COMPLETED           | COMPLETED             | held ~paid_while_held | duplicate                      | duplicate
paid, another ref | COMPLETED                 | COMPLETED           | COMPLETED             | held ~paid_while_held | duplicate !second_charge       | duplicate !second_charge
paid, more        | COMPLETED !overpaid       | COMPLETED !overpaid | COMPLETED !overpaid   | held ~paid_while_held | duplicate !amount_differs      | duplicate !amount_differs
paid, less        | HELD !held                | HELD !held          | HELD !held            | held ~paid_while_held | duplicate !amount_differs      | duplicate !amount_differs
paid, in dollars  | HELD !held                | HELD !held          | HELD !held            | held ~paid_while_held | duplicate !amount_differs      | duplicate !amount_differs
paid, unreadable  | unconfirmed               | unconfirmed         | unconfirmed           | unconfirmed           | unconfirmed                    | unconfirmed
failed            | FAILED                    | duplicate / stale   | FAILED                | stale !reversal       | stale !reversal                | stale
failed, unreadable | FAILED                    | duplicate / stale   | FAILED                | stale !reversal       | stale !reversal                | stale
cancelled         | CANCELLED                 | stale / duplicate   | CANCELLED             | stale !reversal       | stale !reversal                | stale
in progress       | pending ~in_progress      | stale               | pending ~in_progress  | stale                 | stale                          | stale
unknown word      | pending ask now !unknown_word | stale ask now !unknown_word | pending ask now !unknown_word | stale !unknown_word   | stale !unknown_word            | stale
asked, paid       | COMPLETED                 | COMPLETED           | COMPLETED             | held ~paid_while_held | duplicate kept                 | duplicate
asked, more       | COMPLETED !overpaid       | COMPLETED !overpaid | COMPLETED !overpaid   | held ~paid_while_held | duplicate kept !amount_differs | duplicate !amount_differs
asked, less       | HELD !held                | HELD !held          | HELD !held            | held ~paid_while_held | duplicate kept !amount_differs | duplicate !amount_differs
asked, unreadable | HELD !held                | HELD !held          | HELD !held            | held ~paid_while_held | duplicate kept !amount_differs | duplicate !amount_differs
asked, other ref  | COMPLETED                 | COMPLETED           | COMPLETED             | held ~paid_while_held | duplicate kept !second_charge  | duplicate !second_charge
asked, failed     | FAILED                    | duplicate / stale   | FAILED                | stale !reversal       | stale !reversal                | stale
asked, pending    | pending ~in_progress      | stale               | pending ~in_progress  | stale                 | stale                          | stale
never confirmed   | stale                     | stale               | stale                 | stale                 | stale !not_confirmed           | stale
push refused      | FAILED                    | stale               | FAILED                | stale                 | stale !push_refused_after_sale | stale
push unknown      | pending ask ~push_unknown | stale               | stale                 | stale                 | stale                          | stale
deadline          | EXPIRED                   | stale               | stale                 | stale                 | stale                          | stale
let go            | CANCELLED ~let_go         | stale / duplicate   | stale                 | stale                 | stale                          | stale
release           | 409                       | 409                 | 409                   | COMPLETED released ~released | 409                            | 409
refuse            | 409                       | 409                 | 409                   | REFUNDED refused ~refused | 409                            | 409
refund            | 409                       | 409                 | 409                   | 409                   | REFUNDED ~refunded             | duplicate
revoke            | 409                       | 409                 | 409                   | 409                   | revoked ~voucher_revoked       | duplicate
new code          | 409                       | 409                 | 409                   | 409                   | reissued ~voucher_replaced     | 409
";

#[test]
fn an_order_becomes_what_the_contract_says_for_every_evidence_and_status() {
    let mut cells = 0;
    for (evidence_name, status, expected) in cells_of(TABLE) {
        let order = order(status);

        let decision = decide(&order, &evidence(evidence_name), &facts());

        let seen = describe(&order, &decision);
        assert_eq!(seen, expected, "{evidence_name} / {}", status.as_str());
        cells += 1;
    }
    assert_eq!(
        cells,
        29 * Status::ALL.len(),
        "a row or a column is missing"
    );
}

#[test]
fn a_held_order_keeps_what_was_paid_for_the_operator_to_see() {
    let decision = decide(&order(Status::Pending), &evidence("paid, less"), &facts());

    let Effect::Hold(held) = decision.effect else {
        panic!("{decision:?}")
    };
    assert_eq!(held.gateway.paid_amount, Some(Tzs(1500)));
    assert_eq!(held.gateway.reference.as_deref(), Some("R1"));
    assert_eq!(held.failure_reason, Some(FailureReason::Underpaid));
    let texts: Vec<_> = decision.remarks.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["paid 500 TZS less than the price"]);
    assert_eq!((held.confirmed_at, held.due_at), (Some(facts().now), None));
}

#[test]
fn an_amount_that_cannot_be_read_is_shown_to_operators_and_to_no_guest() {
    for (status, text) in [
        (Status::Pending, "the amount paid cannot be read: TZS 100"),
        (
            Status::Completed,
            "a later report names an amount that cannot be read: TZS 100",
        ),
    ] {
        let decision = decide(&order(status), &evidence("asked, unreadable"), &facts());

        let texts: Vec<_> = decision.remarks.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, [text]);
        if let Effect::Hold(held) = decision.effect {
            assert_eq!(held.gateway.paid_amount, None);
            assert_eq!(held.failure_reason, Some(FailureReason::Other));
        }
    }
}

#[test]
fn dollars_are_never_kept_as_shillings() {
    let held = decide(
        &order(Status::Pending),
        &evidence("paid, in dollars"),
        &facts(),
    );
    let sold = decide(
        &order(Status::Completed),
        &evidence("asked, in dollars"),
        &facts(),
    );

    let (Effect::Hold(held), Effect::Confirm(sold)) = (held.effect, sold.effect) else {
        panic!("neither held nor confirmed")
    };
    assert_eq!(held.failure_reason, Some(FailureReason::Other));
    assert_eq!([held, sold].map(|it| it.gateway.paid_amount), [None, None]);
}

#[test]
fn an_overpayment_is_alerted_to_the_shilling() {
    let decision = decide(&order(Status::Pending), &evidence("paid, more"), &facts());

    let texts: Vec<_> = decision.remarks.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["paid 500 TZS more than the price of 2000"]);
}

#[test]
fn an_order_that_expired_or_was_given_up_is_still_asked_about_and_a_failed_one_is_not() {
    let due_at = |evidence_name| {
        let decision = decide(&order(Status::Pending), &evidence(evidence_name), &facts());
        match decision.effect {
            Effect::Fail(payment) => payment.due_at,
            other => panic!("{other:?}"),
        }
    };

    for still_rings in ["deadline", "let go"] {
        assert!(due_at(still_rings) > Some(facts().now), "{still_rings}");
    }
    for over in ["failed", "cancelled"] {
        assert_eq!(due_at(over), None, "{over}");
    }
}

/// Each cell as evidence, status and text, a merged column as two.
fn cells_of(table: &'static str) -> Vec<(&'static str, Status, &'static str)> {
    let split = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = table.trim().lines().map(split);
    let header = lines.next().unwrap();
    let mut cells = Vec::new();
    for line in lines {
        assert_eq!(line.len(), header.len(), "{line:?}");
        for (column, text) in header.iter().zip(&line).skip(1) {
            let texts: Vec<_> = text.split(" / ").collect();
            for (i, status) in column.split(", ").enumerate() {
                let text = texts.get(i).unwrap_or(&texts[0]);
                cells.push((line[0], status.parse().unwrap(), *text));
            }
        }
    }
    cells
}

/// A decision in the notation of the table.
fn describe(before: &Payment, decision: &Decision) -> String {
    let outcome = decision.outcome.as_str();
    let words: Vec<&str> = match after(before, &decision.effect) {
        Some(after) => {
            assert_eq!(after.version, before.version + 1);
            if matches!(decision.effect, Effect::Revoke(_) | Effect::Reissue(_)) {
                assert_eq!(after.status, before.status);
                return words_of(&[outcome], decision);
            }
            assert_ne!(after.status, before.status);
            let status = after.status.as_str();
            let says_it_all = status.to_lowercase() == outcome;
            [status]
                .into_iter()
                .chain((!says_it_all).then_some(outcome))
                .collect()
        }
        None => match decision.effect {
            Effect::CheckAt(at) if at > facts().now => vec![outcome, "ask"],
            Effect::CheckAt(_) => vec![outcome, "ask", "now"],
            Effect::Refuse => vec!["409"],
            Effect::Confirm(ref kept) => {
                assert_eq!(kept.version, before.version);
                assert_eq!(kept.gateway_confirmed_at, Some(facts().now));
                assert_eq!(kept.due_at, None);
                vec![outcome, "kept"]
            }
            _ => vec![outcome],
        },
    };
    words_of(&words, decision)
}

/// Words, and the remarks beside them.
fn words_of(words: &[&str], decision: &Decision) -> String {
    let remarks: Vec<_> = (decision.remarks.iter())
        .map(|remark| match remark.level {
            Level::Alert => format!("!{}", remark.kind),
            Level::Note => format!("~{}", remark.kind),
        })
        .collect();
    let words = words.iter().copied();
    let words: Vec<_> = words.chain(remarks.iter().map(String::as_str)).collect();
    words.join(" ")
}

/// What the effect makes of the order's row; `None` when it leaves the document alone.
fn after<'a>(before: &Payment, effect: &'a Effect) -> Option<&'a Payment> {
    let (after, may_become): (_, &[Status]) = match effect {
        Effect::Sell(sale) => (&sale.payment, &[Status::Completed]),
        Effect::Fail(failed) => (
            &**failed,
            &[Status::Failed, Status::Cancelled, Status::Expired],
        ),
        Effect::Hold(held) => (&**held, &[Status::Held]),
        Effect::Refund(refunded) => (&**refunded, &[Status::Refunded]),
        Effect::Revoke(revoked) => (&**revoked, &[Status::Completed]),
        Effect::Reissue(replacement) => (&replacement.payment, &[Status::Completed]),
        Effect::Keep | Effect::CheckAt(_) | Effect::Confirm(_) | Effect::Refuse => return None,
    };
    assert!(may_become.contains(&after.status), "{effect:?}");
    assert_eq!((after.id, after.order_id), (before.id, before.order_id));
    assert_eq!((after.amount, &after.terms), (before.amount, &before.terms));
    Some(after)
}

/// A report whose amount cannot be read.
fn unreadable(word: &str) -> GatewayReport {
    GatewayReport {
        amount: ReportedAmount::Unreadable("TZS 100".into()),
        ..report(word, "R1", None)
    }
}

fn dollars(word: &str) -> GatewayReport {
    GatewayReport {
        currency: Some("USD".into()),
        ..report(word, "R1", Some(2000))
    }
}

fn evidence(name: &str) -> Evidence {
    let report = |word| report(word, "R1", None);
    let reason = "by hand".to_owned();
    match name {
        "paid" => Evidence::Gateway(report("PAID")),
        "paid, the price" => Evidence::Gateway(self::report("PAID", "R1", Some(2000))),
        "paid, another ref" => Evidence::Gateway(self::report("PAID", "R2", None)),
        "paid, more" => Evidence::Gateway(self::report("PAID", "R1", Some(2500))),
        "paid, less" => Evidence::Gateway(self::report("PAID", "R1", Some(1500))),
        "paid, in dollars" => Evidence::Gateway(dollars("PAID")),
        "asked, in dollars" => Evidence::OrderStatus(dollars("COMPLETED")),
        "paid, unreadable" => Evidence::Gateway(unreadable("PAID")),
        "failed" => Evidence::Gateway(report("FAILED")),
        "failed, unreadable" => Evidence::Gateway(unreadable("FAILED")),
        "cancelled" => Evidence::Gateway(report("CANCELLED")),
        "in progress" => Evidence::Gateway(report("PENDING")),
        "unknown word" => Evidence::Gateway(report("UNPAID")),
        "asked, paid" => Evidence::OrderStatus(self::report("COMPLETED", "R1", Some(2000))),
        "asked, more" => Evidence::OrderStatus(self::report("COMPLETED", "R1", Some(2500))),
        "asked, less" => Evidence::OrderStatus(self::report("COMPLETED", "R1", Some(1500))),
        "asked, unreadable" => Evidence::OrderStatus(unreadable("COMPLETED")),
        "asked, other ref" => Evidence::OrderStatus(self::report("COMPLETED", "R2", None)),
        "asked, failed" => Evidence::OrderStatus(report("FAILED")),
        "asked, pending" => Evidence::OrderStatus(report("PENDING")),
        "never confirmed" => Evidence::NeverConfirmed,
        "push refused" => Evidence::PushRefused(reason),
        "push unknown" => Evidence::PushUnknown,
        "deadline" => Evidence::Deadline,
        "let go" => Evidence::LetGo,
        "release" => Evidence::Operator(OrderAct::Release, Personal::new(reason)),
        "refuse" => Evidence::Operator(OrderAct::Refuse, Personal::new(reason)),
        "refund" => Evidence::Operator(OrderAct::Refund, Personal::new(reason)),
        "revoke" => Evidence::Operator(OrderAct::Revoke, Personal::new(reason)),
        "new code" => Evidence::Reissue(ReissueInput {
            by: ReissuedBy::Owner,
            seen: 1,
            usage: Usage::default(),
            replaced: ReissueCount::default(),
        }),
        other => panic!("no such evidence: {other}"),
    }
}

//! The heart: what evidence does to an order. Pure and total; strange input is an outcome
//! and not an error. Hold it against section 5 of the contract, which `decide_table.rs`
//! tests cell by cell.
//!
//! The rule that must not be broken: there is one way to become COMPLETED, and it is
//! [`Effect::Sell`].

use super::ask_schedule;
use super::confirmation;
use super::decision::{Decision, Effect};
use super::evidence::{Evidence, GatewayReport, OperatorAct, Word};
use super::outcome::Outcome;
use super::payment::{Payment, Status, Tender};
use super::replacement;
use super::sale::{Facts, Sale};

/// Decides what `evidence` does to `payment`.
pub fn decide(payment: &Payment, evidence: &Evidence, facts: &Facts) -> Decision {
    match evidence {
        Evidence::Gateway(report) => told(payment, report, facts),
        Evidence::OrderStatus(report) => {
            confirmation::asked(payment, report, told(payment, report, facts), facts)
        }
        Evidence::PushRefused { reason } => push_refused(payment, reason, facts),
        Evidence::PushUnknown => push_unknown(payment, facts),
        // A claim that nobody confirms says nothing about the money.
        Evidence::Unconfirmed => Decision::keep(Outcome::Unconfirmed),
        Evidence::NeverConfirmed => confirmation::given_up(payment),
        Evidence::Deadline => deadline(payment, facts),
        Evidence::Operator(act) => operator(payment, act, facts),
        Evidence::NewCode(wish) => replacement::replace(payment, wish, facts),
    }
}

fn told(payment: &Payment, report: &GatewayReport, facts: &Facts) -> Decision {
    match report.word {
        Word::Paid => paid(payment, report, facts),
        Word::Failed => refused(payment, report, facts, Status::Failed),
        Word::Cancelled => refused(payment, report, facts, Status::Cancelled),
        Word::InProgress => in_progress(payment, report),
        Word::Unknown => unknown_word(payment, report),
    }
}

fn paid(payment: &Payment, report: &GatewayReport, facts: &Facts) -> Decision {
    match payment.status {
        // Late money wins: whatever we believed before, the guest has paid.
        Status::Pending | Status::Failed | Status::Cancelled | Status::Expired => {
            match payment.tender(report) {
                Tender::Exact => sell(payment, Some(report), facts),
                Tender::Over(more) => sell(payment, Some(report), facts).alert(
                    "overpaid",
                    format!("paid {more} TZS more than the price of {}", payment.amount),
                ),
                Tender::Short(less) => hold(
                    payment,
                    report,
                    facts,
                    format!("paid {less} TZS less than the price"),
                ),
                Tender::Foreign(currency) => hold(
                    payment,
                    report,
                    facts,
                    format!("paid in {currency} instead of TZS"),
                ),
            }
        }
        Status::Held => Decision::keep(Outcome::Held)
            .note("paid_while_held", "reported as paid again while held"),
        Status::Completed | Status::Refunded => paid_again(payment, report),
    }
}

fn paid_again(payment: &Payment, report: &GatewayReport) -> Decision {
    let duplicate = Decision::keep(Outcome::Duplicate);
    if payment.names_another_reference(report) {
        let known = |reference: &Option<String>| reference.clone().unwrap_or_default();
        let (first, second) = (known(&payment.gateway.reference), known(&report.reference));
        let text = format!(
            "paid again under another reference, {second} after {first}: the guest may have been charged twice"
        );
        return duplicate.alert("second_charge", text).about(Some(second));
    }
    match payment.tender(report) {
        Tender::Exact => duplicate,
        Tender::Over(_) | Tender::Short(_) | Tender::Foreign(_) => duplicate.alert(
            "amount_differs",
            "a later report names another amount than the one sold for",
        ),
    }
}

fn refused(payment: &Payment, report: &GatewayReport, facts: &Facts, to: Status) -> Decision {
    let outcome = match to {
        Status::Cancelled => Outcome::Cancelled,
        _ => Outcome::Failed,
    };
    match payment.status {
        Status::Pending | Status::Expired => fail(
            payment,
            to,
            outcome,
            report.raw_word.trim().to_owned(),
            facts,
        ),
        Status::Failed | Status::Cancelled if payment.status == to => {
            Decision::keep(Outcome::Duplicate)
        }
        Status::Failed | Status::Cancelled => Decision::keep(Outcome::Stale),
        Status::Held => Decision::keep(Outcome::Stale).alert(
            "reversal",
            "reported as not paid while held: the money may have gone back",
        ),
        Status::Completed => Decision::keep(Outcome::Stale).alert(
            "reversal",
            "reported as not paid after the sale: the money may have gone back",
        ),
        Status::Refunded => Decision::keep(Outcome::Stale),
    }
}

fn in_progress(payment: &Payment, report: &GatewayReport) -> Decision {
    match payment.status {
        Status::Pending | Status::Expired => Decision::keep(Outcome::Pending).note(
            "in_progress",
            format!("ZenoPay says {}", report.raw_word.trim()),
        ),
        Status::Failed
        | Status::Cancelled
        | Status::Held
        | Status::Completed
        | Status::Refunded => Decision::keep(Outcome::Stale),
    }
}

fn unknown_word(payment: &Payment, report: &GatewayReport) -> Decision {
    let alert = |decision: Decision| {
        let word: String = report.raw_word.trim().chars().take(60).collect();
        decision.alert(
            "unknown_word",
            format!("ZenoPay sent a word we do not know: {word:?}"),
        )
    };
    match payment.status {
        Status::Pending | Status::Expired => alert(Decision::keep(Outcome::Pending)),
        Status::Failed | Status::Cancelled | Status::Held | Status::Completed => {
            alert(Decision::keep(Outcome::Stale))
        }
        Status::Refunded => Decision::keep(Outcome::Stale),
    }
}

fn push_refused(payment: &Payment, reason: &str, facts: &Facts) -> Decision {
    match payment.status {
        Status::Pending | Status::Expired => fail(
            payment,
            Status::Failed,
            Outcome::Failed,
            reason.to_owned(),
            facts,
        ),
        Status::Failed | Status::Cancelled | Status::Held | Status::Refunded => {
            Decision::keep(Outcome::Stale)
        }
        Status::Completed => Decision::keep(Outcome::Stale).alert(
            "push_refused_after_sale",
            "ZenoPay refused the push of an order that was paid",
        ),
    }
}

fn push_unknown(payment: &Payment, facts: &Facts) -> Decision {
    match payment.status {
        // Never pushed again: the phone may be ringing. ZenoPay is asked instead.
        Status::Pending => Decision::of(
            Outcome::Pending,
            Effect::Ask(ask_schedule::ask_soon(facts.now)),
        )
        .note(
            "push_unknown",
            "no clear answer to the push; ZenoPay is asked",
        ),
        Status::Failed
        | Status::Cancelled
        | Status::Expired
        | Status::Held
        | Status::Completed
        | Status::Refunded => Decision::keep(Outcome::Stale),
    }
}

fn deadline(payment: &Payment, facts: &Facts) -> Decision {
    match payment.status {
        Status::Pending => {
            let reason = "not paid in time".to_owned();
            fail(payment, Status::Expired, Outcome::Expired, reason, facts)
        }
        Status::Failed
        | Status::Cancelled
        | Status::Expired
        | Status::Held
        | Status::Completed
        | Status::Refunded => Decision::keep(Outcome::Stale),
    }
}

fn operator(payment: &Payment, act: &OperatorAct, facts: &Facts) -> Decision {
    match (act, payment.status) {
        (OperatorAct::Release { reason }, Status::Held) => release(payment, reason, facts),
        (OperatorAct::Refuse { reason }, Status::Held) => {
            refund(payment, Outcome::Refused, reason, facts)
                .note("refused", format!("refused: {reason}"))
        }
        (OperatorAct::Refund { reason }, Status::Completed) => {
            refund(payment, Outcome::Refunded, reason, facts)
                .note("refunded", format!("refunded: {reason}"))
        }
        (OperatorAct::Revoke { reason }, Status::Completed) => revoke(payment, reason, facts),
        (OperatorAct::Refund { .. } | OperatorAct::Revoke { .. }, Status::Refunded) => {
            Decision::keep(Outcome::Duplicate)
        }
        (
            OperatorAct::Release { .. }
            | OperatorAct::Refuse { .. }
            | OperatorAct::Refund { .. }
            | OperatorAct::Revoke { .. },
            Status::Pending
            | Status::Completed
            | Status::Failed
            | Status::Cancelled
            | Status::Expired
            | Status::Held
            | Status::Refunded,
        ) => Decision::of(Outcome::Stale, Effect::Refuse),
    }
}

fn sell(payment: &Payment, report: Option<&GatewayReport>, facts: &Facts) -> Decision {
    let sale = Sale::of(payment, report, facts);
    Decision::of(Outcome::Completed, Effect::Sell(Box::new(sale)))
}

fn release(payment: &Payment, reason: &str, facts: &Facts) -> Decision {
    let sale = Sale::of(payment, None, facts);
    Decision::of(Outcome::Released, Effect::Sell(Box::new(sale)))
        .note("released", format!("released: {reason}"))
}

fn hold(payment: &Payment, report: &GatewayReport, facts: &Facts, reason: String) -> Decision {
    let mut held = payment.next(Status::Held);
    held.gateway = payment.gateway.updated_by(report);
    held.confirmed_at = payment.confirmed_at.or(Some(facts.now));
    held.due_at = None;
    held.failure_reason = Some(reason.clone());
    Decision::of(Outcome::Held, Effect::Hold(Box::new(held))).alert("held", reason)
}

fn fail(
    payment: &Payment,
    to: Status,
    outcome: Outcome,
    reason: String,
    facts: &Facts,
) -> Decision {
    let mut failed = payment.next(to);
    failed.failure_reason = Some(reason);
    failed.due_at = match to {
        // Money may still come: the prompt cannot be withdrawn.
        Status::Expired => ask_schedule::next_ask(payment.order_id, payment.created_at, facts.now),
        _ => None,
    };
    Decision::of(outcome, Effect::Fail(Box::new(failed)))
}

fn refund(payment: &Payment, outcome: Outcome, reason: &str, facts: &Facts) -> Decision {
    let mut refunded = payment.next(Status::Refunded);
    refunded.due_at = None;
    refunded.refunded_at = Some(facts.now);
    refunded.failure_reason = Some(reason.to_owned());
    if let Some(voucher) = &mut refunded.voucher {
        // One that was revoked before stays revoked since then.
        voucher.revoked_at = voucher.revoked_at.or(Some(facts.now));
    }
    Decision::of(outcome, Effect::Refund(Box::new(refunded)))
}

fn revoke(payment: &Payment, reason: &str, facts: &Facts) -> Decision {
    let mut revoked = payment.next(payment.status);
    match &mut revoked.voucher {
        Some(voucher) if voucher.revoked_at.is_none() => {
            voucher.revoked_at = Some(facts.now);
            Decision::of(Outcome::Revoked, Effect::Revoke(Box::new(revoked)))
                .note("voucher_revoked", format!("voucher revoked: {reason}"))
        }
        Some(_) | None => Decision::keep(Outcome::Duplicate),
    }
}

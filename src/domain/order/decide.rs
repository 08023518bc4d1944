//! The decision: what a piece of evidence does to an order. Pure and total; unexpected input is an
//! outcome and not an error. Each pair of status and evidence has one result; the table in
//! `tests/decide_table` has all of them.
//!
//! # Invariants
//! There is one way to become COMPLETED: [`Effect::Sell`].

use super::{
    Decision, Effect, Evidence, Facts, FailureReason, GatewayReport, Level, OrderAct, Outcome,
    Payment, Remark, ReportedStatus, Sale, Status, Tender, confirmation, reissue,
};
use crate::domain::pacing::check_schedule;
use crate::domain::people::Personal;

/// Decides what `evidence` does to `payment`.
pub fn decide(payment: &Payment, evidence: &Evidence, facts: &Facts) -> Decision {
    match evidence {
        // The amount cannot be read, so only a status check can decide.
        Evidence::Gateway(report) if report.needs_confirmation() => {
            Decision::keep(Outcome::Unconfirmed)
        }
        Evidence::Gateway(report) => {
            let mut decision = reported(payment, report, facts);
            let may_be_paid = !payment.status.is_settled() && payment.status != Status::Held;
            if report.word == ReportedStatus::Unknown && may_be_paid {
                // ZenoPay knows what it meant. An overdue order keeps its place.
                let due_at = payment.due_at.map_or(facts.now, |due| due.min(facts.now));
                decision.effect = Effect::CheckAt(due_at);
            }
            decision
        }
        Evidence::OrderStatus(report) => {
            let decision = reported(payment, report, facts);
            confirmation::confirmed_by_check(payment, report, decision, facts)
        }
        Evidence::PushRefused(reason) => push_refused(payment, reason, facts),
        Evidence::PushUnknown => push_unknown(payment, facts),
        // An unconfirmed claim says nothing about the money.
        Evidence::Unconfirmed => Decision::keep(Outcome::Unconfirmed),
        Evidence::NeverConfirmed => confirmation::never_confirmed(payment),
        Evidence::Deadline => deadline(payment, facts),
        Evidence::LetGo => let_go(payment, facts),
        Evidence::Operator(act, reason) => operator(payment, *act, reason, facts),
        Evidence::Reissue(request) => reissue::replace(payment, request, facts),
    }
}

fn reported(payment: &Payment, report: &GatewayReport, facts: &Facts) -> Decision {
    let not_paid = |to, outcome| not_paid(payment, report, facts, to, outcome);
    match report.word {
        ReportedStatus::Paid => paid(payment, report, facts),
        ReportedStatus::Failed => not_paid(Status::Failed, Outcome::Failed),
        ReportedStatus::Cancelled => not_paid(Status::Cancelled, Outcome::Cancelled),
        ReportedStatus::InProgress => in_progress(payment, report),
        ReportedStatus::Unknown => unknown_word(payment, report),
    }
}

fn paid(payment: &Payment, report: &GatewayReport, facts: &Facts) -> Decision {
    match payment.status {
        // Late money wins: whatever we believed before, the guest has paid.
        Status::Pending | Status::Failed | Status::Cancelled | Status::Expired => {
            match payment.tender(report) {
                Tender::Exact => sell(payment, report, facts),
                Tender::Over(more) => sell(payment, report, facts).alert(
                    "overpaid",
                    format!("paid {more} TZS more than the price of {}", payment.amount),
                ),
                Tender::Short(less) => hold(payment, report, facts, FailureReason::Underpaid)
                    .alert("held", format!("paid {less} TZS less than the price")),
                Tender::Foreign(currency) => hold(payment, report, facts, FailureReason::Other)
                    .alert("held", format!("paid in {currency} instead of TZS")),
                // The text that was sent is for operators alone: guests are shown the reason.
                Tender::Unreadable(sent) => hold(payment, report, facts, FailureReason::Other)
                    .alert("held", format!("the amount paid cannot be read: {sent}")),
            }
        }
        Status::Held => Decision::keep(Outcome::Held)
            .note("paid_while_held", "reported as paid again while held"),
        Status::Completed | Status::Refunded => paid_again(payment, report),
    }
}

fn paid_again(payment: &Payment, report: &GatewayReport) -> Decision {
    let mut duplicate = Decision::keep(Outcome::Duplicate);
    if let Some((first, second)) = payment.other_reference(report) {
        let text = format!(
            "paid again under another reference, {second} after {first}: the guest may have been charged twice"
        );
        let mut remark = Remark::new(Level::Alert, "second_charge", text);
        remark.reference = Some(second.to_owned());
        duplicate.remarks.push(remark);
        return duplicate;
    }
    match payment.tender(report) {
        Tender::Exact => duplicate,
        Tender::Over(_) | Tender::Short(_) | Tender::Foreign(_) => duplicate.alert(
            "amount_differs",
            "a later report names another amount than the one sold for",
        ),
        Tender::Unreadable(sent) => duplicate.alert(
            "amount_differs",
            format!("a later report names an amount that cannot be read: {sent}"),
        ),
    }
}

fn not_paid(
    payment: &Payment,
    report: &GatewayReport,
    facts: &Facts,
    to: Status,
    outcome: Outcome,
) -> Decision {
    match payment.status {
        Status::Pending | Status::Expired => {
            let reason = FailureReason::of_gateway_word(&report.raw_word);
            let word = report.raw_word.trim().to_owned();
            fail(payment, to, outcome, (reason, Some(word)), facts)
        }
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
    if !matches!(payment.status, Status::Pending | Status::Expired) {
        return Decision::keep(Outcome::Stale);
    }
    let text = format!("ZenoPay says {}", report.raw_word.trim());
    Decision::keep(Outcome::Pending).note("in_progress", text)
}

fn unknown_word(payment: &Payment, report: &GatewayReport) -> Decision {
    let outcome = match payment.status {
        Status::Pending | Status::Expired => Outcome::Pending,
        Status::Failed | Status::Cancelled | Status::Held | Status::Completed => Outcome::Stale,
        Status::Refunded => return Decision::keep(Outcome::Stale),
    };
    let word: String = report.raw_word.trim().chars().take(60).collect();
    let text = format!("ZenoPay sent an unknown status: {word:?}");
    Decision::keep(outcome).alert("unknown_word", text)
}

fn push_refused(payment: &Payment, reason: &str, facts: &Facts) -> Decision {
    match payment.status {
        Status::Pending | Status::Expired => {
            let why = (FailureReason::GatewayRefused, Some(reason.to_owned()));
            fail(payment, Status::Failed, Outcome::Failed, why, facts)
        }
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
    if payment.status != Status::Pending {
        return Decision::keep(Outcome::Stale);
    }
    // Never pushed again, because the phone may be ringing; the status is checked instead.
    let check = Effect::CheckAt(check_schedule::check_soon(facts.now));
    let text = "no clear answer to the push; its status is checked";
    Decision::of(Outcome::Pending, check).note("push_unknown", text)
}

fn deadline(payment: &Payment, facts: &Facts) -> Decision {
    if payment.status != Status::Pending {
        return Decision::keep(Outcome::Stale);
    }
    let why = (FailureReason::Expired, None);
    fail(payment, Status::Expired, Outcome::Expired, why, facts)
}

fn let_go(payment: &Payment, facts: &Facts) -> Decision {
    match payment.status {
        Status::Pending => {
            let why = (FailureReason::Cancelled, None);
            fail(payment, Status::Cancelled, Outcome::Cancelled, why, facts).note(
                "let_go",
                "the guest gave the order up on its page; status checks continue",
            )
        }
        Status::Cancelled => Decision::keep(Outcome::Duplicate),
        Status::Failed | Status::Expired | Status::Held | Status::Completed | Status::Refunded => {
            Decision::keep(Outcome::Stale)
        }
    }
}

fn operator(payment: &Payment, act: OrderAct, reason: &Personal, facts: &Facts) -> Decision {
    match (payment.status, act) {
        (Status::Held, OrderAct::Release) => release(payment, facts),
        (Status::Held, OrderAct::Refuse) => {
            let received = describe_received(payment);
            let note = format!("refused: {received}; nothing was sold, and the shop pays it back");
            refund(payment, Outcome::Refused, reason, facts).note("refused", note)
        }
        (Status::Completed, OrderAct::Refund) => {
            let note = format!("refunded: {} TZS", payment.amount_received());
            refund(payment, Outcome::Refunded, reason, facts).note("refunded", note)
        }
        (Status::Completed, OrderAct::Revoke) => revoke(payment, facts),
        (Status::Refunded, OrderAct::Refund | OrderAct::Revoke) => {
            Decision::keep(Outcome::Duplicate)
        }
        (Status::Held | Status::Completed | Status::Refunded, _)
        | (Status::Pending | Status::Failed | Status::Cancelled | Status::Expired, _) => {
            // The act does not fit the status. Together the two lines name every status, without `_`.
            Decision::of(Outcome::Stale, Effect::Refuse)
        }
    }
}

fn sell(payment: &Payment, report: &GatewayReport, facts: &Facts) -> Decision {
    let sale = Sale::of(payment, Some(report), facts);
    Decision::of(Outcome::Completed, Effect::Sell(Box::new(sale)))
}

fn release(payment: &Payment, facts: &Facts) -> Decision {
    let sale = Sale::of(payment, None, facts);
    let note = format!("released: {}, and it is sold", describe_received(payment));
    Decision::of(Outcome::Released, Effect::Sell(Box::new(sale))).note("released", note)
}

/// The money received for a held order, for the timeline.
fn describe_received(payment: &Payment) -> String {
    match payment.gateway.paid_amount {
        Some(paid) => format!("{paid} TZS was paid of {}", payment.amount),
        None => format!("what was paid does not fit the price of {}", payment.amount),
    }
}

fn hold(
    payment: &Payment,
    report: &GatewayReport,
    facts: &Facts,
    reason: FailureReason,
) -> Decision {
    let mut held = payment.next(Status::Held);
    held.gateway = payment.gateway.updated_by(report);
    held.confirmed_at = payment.confirmed_at.or(Some(facts.now));
    held.due_at = None;
    held.failure_reason = Some(reason);
    held.gateway_word = None;
    Decision::of(Outcome::Held, Effect::Hold(Box::new(held)))
}

/// `why` is our reason, and what the gateway wrote.
fn fail(
    payment: &Payment,
    to: Status,
    outcome: Outcome,
    why: (FailureReason, Option<String>),
    facts: &Facts,
) -> Decision {
    let mut failed = payment.next(to);
    failed.failure_reason = Some(why.0);
    failed.gateway_word = why.1;
    failed.due_at = None;
    if failed.awaits_money() {
        // The prompt cannot be withdrawn.
        failed.due_at = check_schedule::next_check(payment.order_id, payment.created_at, facts.now);
    }
    Decision::of(outcome, Effect::Fail(Box::new(failed)))
}

fn refund(payment: &Payment, outcome: Outcome, reason: &Personal, facts: &Facts) -> Decision {
    let mut refunded = payment.next(Status::Refunded);
    refunded.due_at = None;
    refunded.refunded_at = Some(facts.now);
    refunded.failure_reason = Some(FailureReason::Refunded);
    refunded.operator_reason = Some(reason.clone());
    if let Some(voucher) = &mut refunded.voucher {
        // Keeps the time of an earlier revocation.
        voucher.revoked_at = voucher.revoked_at.or(Some(facts.now));
    }
    Decision::of(outcome, Effect::Refund(Box::new(refunded)))
}

fn revoke(payment: &Payment, facts: &Facts) -> Decision {
    let mut revoked = payment.next(payment.status);
    match &mut revoked.voucher {
        Some(voucher) if voucher.revoked_at.is_none() => {
            voucher.revoked_at = Some(facts.now);
            Decision::of(Outcome::Revoked, Effect::Revoke(Box::new(revoked)))
                .note("voucher_revoked", "voucher revoked by an operator")
        }
        Some(_) | None => Decision::keep(Outcome::Duplicate),
    }
}

//! What it adds to a decision that ZenoPay was asked: a sale that it confirms itself.
//!
//! A delivery says little more than "paid"; order-status also knows amount, number, channel
//! and payer. Each sale is asked about once, and what is learned is kept for disputes
//! without a new version: the guest's document does not show it.

use super::decision::{Decision, Effect};
use super::evidence::{GatewayReport, Word};
use super::outcome::Outcome;
use super::payment::{Payment, Status};
use super::sale::Facts;

/// Adds to what was decided about a report that it was an answer.
pub(in crate::domain) fn asked(
    payment: &Payment,
    report: &GatewayReport,
    mut decision: Decision,
    facts: &Facts,
) -> Decision {
    if let Effect::Sell(sale) = &mut decision.effect {
        sale.payment.gateway_confirmed_at = Some(facts.now);
        sale.payment.due_at = None;
    }
    let is_news = payment.status == Status::Completed && payment.gateway_confirmed_at.is_none();
    if is_news && report.word == Word::Paid {
        return confirm(payment, report, decision, facts);
    }
    decision
}

/// The sale stays as it is. What does not agree with it was alerted in `decision`.
fn confirm(
    payment: &Payment,
    report: &GatewayReport,
    decision: Decision,
    facts: &Facts,
) -> Decision {
    let mut confirmed = payment.clone();
    confirmed.gateway = payment.gateway.completed_by(report);
    confirmed.gateway_confirmed_at = Some(facts.now);
    confirmed.due_at = None;
    let remarks = if tells_nothing_new(payment, report) {
        Vec::new()
    } else {
        decision.remarks
    };
    Decision {
        outcome: decision.outcome,
        effect: Effect::Confirm(Box::new(confirmed)),
        remarks,
    }
}

/// The amount that it was sold for all the same: more than the price, or less and released
/// by an operator. Alerted then; once is enough.
fn tells_nothing_new(payment: &Payment, report: &GatewayReport) -> bool {
    let known = payment.gateway.paid_amount;
    known.is_some() && known == report.paid_amount() && !payment.names_another_reference(report)
}

/// ZenoPay was asked about a sale for days and never confirmed it.
pub(in crate::domain) fn given_up(payment: &Payment) -> Decision {
    let stale = Decision::keep(Outcome::Stale);
    if payment.status == Status::Completed && payment.gateway_confirmed_at.is_none() {
        return stale.alert(
            "not_confirmed",
            "sold days ago, and ZenoPay still does not say that it was paid",
        );
    }
    stale
}

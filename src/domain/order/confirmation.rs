//! What an answer of order-status adds to a decision: ZenoPay itself confirms the sale.
//!
//! A webhook says little more than "paid"; order-status also has amount, number, channel and payer.
//! A sale is checked until ZenoPay confirms or denies it. The result is kept for disputes and does not
//! raise the version, because the guest's document does not show it.

use super::{Decision, Effect, Facts, GatewayReport, Outcome, Payment, ReportedStatus};

/// Extends a decision about a report that is the answer of a status check: it also confirms a sale.
pub(super) fn confirmed_by_check(
    payment: &Payment,
    report: &GatewayReport,
    mut decision: Decision,
    facts: &Facts,
) -> Decision {
    if let Effect::Sell(sale) = &mut decision.effect {
        sale.payment.gateway_confirmed_at = Some(facts.now);
        sale.payment.due_at = None;
    }
    if payment.awaits_confirmation() && report.word == ReportedStatus::Paid {
        // The sale stays as it is. `decision` alerts if the amount or the reference differs. If both are
        // those of the sale, an amount that differs from the price was alerted then: not again.
        let known = payment.gateway.paid_amount;
        let is_known = known.is_some() && known == report.paid_amount();
        if is_known && payment.other_reference(report).is_none() {
            decision.remarks.clear();
        }
        let mut confirmed = payment.clone();
        confirmed.gateway = payment.gateway.completed_by(report);
        confirmed.gateway_confirmed_at = Some(facts.now);
        confirmed.due_at = None;
        decision.effect = Effect::Confirm(Box::new(confirmed));
    }
    decision
}

/// Decides about a sale that status checks over days have not confirmed.
pub(super) fn never_confirmed(payment: &Payment) -> Decision {
    let stale = Decision::keep(Outcome::Stale);
    if !payment.awaits_confirmation() {
        return stale;
    }
    stale.alert(
        "not_confirmed",
        "sold days ago, and ZenoPay still does not say that it was paid",
    )
}

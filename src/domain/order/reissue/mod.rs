//! A new code for a voucher: the guest moves to another phone, or another person knows the old
//! code.
//!
//! # Invariants
//! - A new code adds no time and no data: it ends when the old one would have ended, and the data
//!   used with the old code counts against it.
//! - The order records the reissue. From then on only the owner link, which is in the SMS, shows the
//!   code: the device that bought may not be the phone that paid.

use super::evidence::{REISSUES_PER_DAY, ReissueInput, ReissuedBy};
use super::{Decision, Effect, Facts, Outcome, Payment, ReissuedVoucher, Sms, Status};
use crate::domain::access::{Allowance, Remaining, Usage, Voucher};
use crate::domain::sms_text::Occasion;

/// The parties that can have a code replaced in this shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayReissue {
    /// The owner of the link in the SMS; and admins.
    Owner,
    /// Admins alone: no SMS is sent, so no phone has a link.
    OperatorsOnly,
}

/// Decides what a request for a new code does to `payment`.
pub fn replace(payment: &Payment, request: &ReissueInput, facts: &Facts) -> Decision {
    let refused = || Decision::of(Outcome::Stale, Effect::Refuse);
    let (Status::Completed, Some(old)) = (payment.status, &payment.voucher) else {
        return refused();
    };
    let remaining = remaining(payment, old, &request.usage, facts);
    if !remaining.state.is_open() {
        return refused();
    }
    // Another request was first, so the guest has a new code already.
    if payment.version != request.seen {
        return Decision::keep(Outcome::Duplicate);
    }
    let number = request.replaced.last_day + 1;
    let note = match request.by {
        ReissuedBy::Owner if request.replaced.is_at_limit() => return refused(),
        ReissuedBy::Owner => format!(
            "the guest has a new code for the voucher ({number} of {REISSUES_PER_DAY} in a day); the old one is closed"
        ),
        ReissuedBy::Operator => {
            "an operator gave the voucher a new code; the old one is closed".to_owned()
        }
    };
    let mut next = payment.next(payment.status);
    next.reissued_at = Some(facts.now);
    next.voucher = Some(Voucher {
        code: facts.fresh_code.clone(),
        issued_at: facts.now,
        // Fixed also if time counts from the first log-in: that was made with the old code.
        expires_at: remaining.expires_at,
        revoked_at: None,
    });
    // Each code of the order has a message of its own kind: `voucher-2` for the second code, and so on.
    let kind = format!("voucher-{}", request.replaced.total + 2);
    let replacement = ReissuedVoucher {
        sms: Sms::of(kind, Occasion::Reissue, &next, facts),
        payment: next,
        old: old.code.clone(),
    };
    Decision::of(Outcome::Reissued, Effect::Reissue(Box::new(replacement)))
        .note("voucher_replaced", note)
}

fn remaining(payment: &Payment, voucher: &Voucher, usage: &Usage, facts: &Facts) -> Remaining {
    let terms = &payment.terms;
    let allowance = Allowance {
        validity: terms.validity,
        duration: terms.duration(),
        expires_at: voucher.expires_at,
        revoked_at: voucher.revoked_at,
        data_limit_mb: terms.data_limit_mb,
    };
    Remaining::of(&allowance, usage, facts.now)
}

#[cfg(test)]
mod tests;

//! A new code for a voucher: the guest moves to another phone, or another person knows the old
//! code.
//!
//! # Invariants
//! Nothing is won by it. The new code ends when the old one would have ended, and what was moved
//! with the old one counts against it. The order remembers it, and shows the new code to the owner
//! link alone: another phone may have paid than the one that bought.

mod replacement;
mod wish;

use chrono::TimeDelta;

use super::decision::{Decision, Effect};
use super::outcome::Outcome;
use super::payment::{Payment, Status};
use super::sale::Facts;
use crate::domain::access::usage::{Allowance, Remaining, Usage};
use crate::domain::access::voucher::Voucher;

pub use replacement::Replacement;
pub use wish::{MOST, ReissueInput, ReissuedBy, Replaced, a_day};

/// The people who can have a code replaced in this shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayReissue {
    /// The owner of the link in the SMS; and admins.
    Owner,
    /// Admins alone: no SMS is sent, so no phone has a link.
    OperatorsOnly,
}

/// Decides what the wish for a new code does to `payment`.
pub fn replace(payment: &Payment, wish: &ReissueInput, facts: &Facts) -> Decision {
    let refused = || Decision::of(Outcome::Stale, Effect::Refuse);
    let old = match (payment.status, &payment.voucher) {
        (Status::Completed, Some(voucher)) => voucher,
        // Cannot be: COMPLETED is committed together with its voucher.
        (Status::Completed, None)
        | (
            Status::Pending
            | Status::Failed
            | Status::Cancelled
            | Status::Expired
            | Status::Held
            | Status::Refunded,
            _,
        ) => return refused(),
    };
    let standing = standing(payment, old, &wish.usage, facts);
    if !standing.state.is_open() {
        return refused();
    }
    // Another request was first, so the guest has a new code already.
    if payment.version != wish.seen {
        return Decision::keep(Outcome::Duplicate);
    }
    let number = wish.replaced.lately + 1;
    let told = match wish.by {
        ReissuedBy::Owner if wish.replaced.is_enough() => return refused(),
        ReissuedBy::Owner => format!(
            "the guest has a new code for the voucher ({number} of {MOST} in a day); the old one is closed"
        ),
        ReissuedBy::Operator => {
            "an operator gave the voucher a new code; the old one is closed".to_owned()
        }
    };
    let replacement = Replacement::of(payment, old, wish, standing, facts);
    Decision::of(Outcome::Reissued, Effect::Replace(Box::new(replacement)))
        .note("voucher_replaced", told)
}

fn standing(payment: &Payment, voucher: &Voucher, usage: &Usage, facts: &Facts) -> Remaining {
    let terms = &payment.terms;
    let allowance = Allowance {
        validity: terms.validity,
        duration: TimeDelta::minutes(i64::from(terms.duration_minutes)),
        expires_at: voucher.expires_at,
        revoked_at: voucher.revoked_at,
        data_limit_mb: terms.data_limit_mb,
    };
    Remaining::of(&allowance, usage, facts.now)
}

#[cfg(test)]
mod tests;

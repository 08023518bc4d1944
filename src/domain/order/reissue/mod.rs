//! A new code for a voucher: the guest moves to another phone, or somebody else knows the old
//! code.
//!
//! # Invariants
//! Nothing is won by it. The new code ends when the old one would have ended, and what was moved
//! with the old one counts against it. The order remembers it, and shows the new code to the owner
//! link alone: another phone may have paid than the one that bought.

use chrono::TimeDelta;

use super::decision::{Decision, Effect};
use super::outcome::Outcome;
use super::payment::{Payment, Status};
use super::sale::{Facts, Sms};
use crate::domain::access::owner_link::sms_link;
use crate::domain::access::usage::{Allowance, Standing, Usage};
use crate::domain::access::voucher::{Voucher, VoucherCode};
use crate::domain::sms_text::{Occasion, VoucherNews, voucher_text};

/// An order's code may be replaced so often in [`a_day`].
pub const MOST: u32 = 3;

/// For how long a replaced code counts against [`MOST`].
pub fn a_day() -> TimeDelta {
    TimeDelta::days(1)
}

/// Who has a code replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReissuedBy {
    /// The phone that paid, by the link in its SMS.
    Owner,
    /// An admin, by hand. Not limited: the guest whose three of a day are used up asks the staff.
    Operator,
}

/// Who can have a code replaced in this shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayReissue {
    /// Whoever has the link in the SMS; and admins.
    Owner,
    /// Admins alone: no SMS is sent, so no phone has a link.
    OperatorsOnly,
}

/// What is wanted, and what is known of the old code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Who wants it.
    pub by: ReissuedBy,
    /// The version of the order that was seen: a second press has seen the same one.
    pub seen: i32,
    /// What of the voucher is used.
    pub usage: Usage,
    /// How often its code was replaced.
    pub replaced: Replaced,
}

/// How often the code of an order was replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    /// In all.
    pub ever: u32,
    /// In the last day.
    pub lately: u32,
}

impl Replaced {
    /// Whether it is enough for a day.
    pub fn is_enough(self) -> bool {
        self.lately >= MOST
    }
}

/// The same voucher under another code: written whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The order as it is afterwards, the new code with it.
    pub payment: Payment,
    /// The code that lets nobody in any more.
    pub old: VoucherCode,
    /// The message to the guest.
    pub sms: Sms,
}

/// Decides what the wish for a new code does to `payment`.
pub fn replace(payment: &Payment, wish: &Wish, facts: &Facts) -> Decision {
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
    // Somebody was first, so the guest has a new code already.
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

fn standing(payment: &Payment, voucher: &Voucher, usage: &Usage, facts: &Facts) -> Standing {
    let terms = &payment.terms;
    let allowance = Allowance {
        validity: terms.validity,
        duration: TimeDelta::minutes(i64::from(terms.duration_minutes)),
        expires_at: voucher.expires_at,
        revoked_at: voucher.revoked_at,
        data_limit_mb: terms.data_limit_mb,
    };
    Standing::of(&allowance, usage, facts.now)
}

impl Replacement {
    fn of(payment: &Payment, old: &Voucher, wish: &Wish, left: Standing, facts: &Facts) -> Self {
        let mut next = payment.next(payment.status);
        next.reissued_at = Some(facts.now);
        next.voucher = Some(Voucher {
            code: facts.fresh_code.clone(),
            issued_at: facts.now,
            // Also where time counts from the first log-in, which was made with the old code.
            expires_at: left.expires_at,
            revoked_at: None,
        });
        let news = VoucherNews {
            occasion: Occasion::NewCode,
            brand: &facts.brand,
            code: &facts.fresh_code,
            package: payment.terms.name(payment.language),
            expires_at: left.expires_at,
            shop_time: facts.shop_time,
            link: &sms_link(payment, &facts.links),
        };
        Self {
            payment: next,
            old: old.code.clone(),
            sms: Sms {
                // The second code of the order, the third, …: one message each.
                kind: format!("voucher-{}", wish.replaced.ever + 2),
                text: voucher_text(payment.language, news),
            },
        }
    }
}

#[cfg(test)]
mod tests;

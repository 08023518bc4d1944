//! What a new code writes, worked out before a transaction is opened.

use crate::domain::access::usage::Remaining;
use crate::domain::access::voucher::{Voucher, VoucherCode};
use crate::domain::order::payment::Payment;
use crate::domain::order::sale::{Facts, Sms};
use crate::domain::sms_text::Occasion;

use super::wish::ReissueInput;

/// The same voucher under another code: written whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The order as it is afterwards, the new code with it.
    pub payment: Payment,
    /// The code that no longer lets in.
    pub old: VoucherCode,
    /// The message to the guest.
    pub sms: Sms,
}

impl Replacement {
    pub(super) fn of(
        payment: &Payment,
        old: &Voucher,
        wish: &ReissueInput,
        left: Remaining,
        facts: &Facts,
    ) -> Self {
        let mut next = payment.next(payment.status);
        next.reissued_at = Some(facts.now);
        next.voucher = Some(Voucher {
            code: facts.fresh_code.clone(),
            issued_at: facts.now,
            // Also where time counts from the first log-in, which was made with the old code.
            expires_at: left.expires_at,
            revoked_at: None,
        });
        // The second code of the order, the third, …: one message each.
        let kind = format!("voucher-{}", wish.replaced.ever + 2);
        Self {
            sms: Sms::of(kind, Occasion::Reissue, &next, facts),
            payment: next,
            old: old.code.clone(),
        }
    }
}

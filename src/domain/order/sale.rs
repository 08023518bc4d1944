//! Everything that a sale or a new code writes, computed before a transaction begins.

use chrono::{DateTime, Datelike, FixedOffset, Utc};

use super::{GatewayReport, Payment, Status};
use crate::domain::access::{Voucher, VoucherCode, sms_link};
use crate::domain::catalog::Validity;
use crate::domain::pacing::check_schedule;
use crate::domain::sms_text::{Occasion, VoucherNews, voucher_text};

/// What a decision needs from outside.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The moment of the decision.
    pub now: DateTime<Utc>,
    /// A voucher code from the system's random source, used by a sale or a reissue.
    pub fresh_code: VoucherCode,
    /// The shop's offset from UTC, for the invoice's year and the text of the SMS.
    pub shop_offset: FixedOffset,
    /// The shop's name, for the SMS.
    pub brand: String,
    /// What an owner link begins with, for the SMS.
    pub link_base: String,
}

/// The invoice. Its number is derived from the payment's row number, which the database gives out
/// once, so that no two invoices share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// As in `INV-2026-0000017`, with the year in the shop's time.
    pub number: String,
    /// When it was issued: the moment of the decision, just before the commit.
    pub issued_at: DateTime<Utc>,
}

/// An SMS to the guest.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// Its kind, as in `voucher`; a payment has one of each.
    pub kind: String,
    /// One GSM-7 message; holds the voucher code, so `Debug` hides it.
    pub text: String,
}

impl Sms {
    /// The message with the voucher of `sold`, whose code is `facts.fresh_code`.
    pub(super) fn of(kind: String, occasion: Occasion, sold: &Payment, facts: &Facts) -> Self {
        let news = VoucherNews {
            occasion,
            brand: &facts.brand,
            code: &facts.fresh_code,
            package: sold.terms.name(sold.language),
            expires_at: sold.voucher.as_ref().and_then(|it| it.expires_at),
            shop_offset: facts.shop_offset,
            link: &sms_link(sold.order_id, sold.owner_token.as_ref(), &facts.link_base),
        };
        let text = voucher_text(sold.language, news);
        Self { kind, text }
    }
}

impl std::fmt::Debug for Sms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sms({}, hidden)", self.kind)
    }
}

/// A sale: written as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The order after the sale, with its voucher.
    pub payment: Payment,
    /// The invoice.
    pub invoice: Invoice,
    /// The message to the guest.
    pub sms: Sms,
}

impl Sale {
    /// Computes the sale of `payment`. `report` is ZenoPay's; there is none if an operator releases a
    /// held order.
    pub fn of(payment: &Payment, report: Option<&GatewayReport>, facts: &Facts) -> Self {
        // Counted from the commit and not from the order, so that a late webhook costs the guest no time.
        let expires_at = match payment.terms.validity {
            Validity::Purchase => Some(facts.now + payment.terms.duration()),
            Validity::FirstLogin => None,
        };
        let mut sold = payment.next(Status::Completed);
        if let Some(report) = report {
            sold.gateway = payment.gateway.updated_by(report);
        }
        sold.failure_reason = None;
        sold.gateway_word = None;
        // A status check fetches what a webhook does not contain: amount, number, channel.
        sold.due_at = Some(check_schedule::first_confirmation(facts.now));
        sold.confirmed_at = payment.confirmed_at.or(Some(facts.now));
        sold.processed_at = Some(facts.now);
        sold.voucher = Some(Voucher {
            code: facts.fresh_code.clone(),
            issued_at: facts.now,
            expires_at,
            revoked_at: None,
        });
        let sms = Sms::of("voucher".to_owned(), Occasion::Sale, &sold, facts);
        let year = facts.now.with_timezone(&facts.shop_offset).year();
        let invoice = Invoice {
            number: format!("INV-{year}-{:07}", payment.id),
            issued_at: facts.now,
        };
        Self {
            payment: sold,
            invoice,
            sms,
        }
    }
}

/// The same voucher with another code: written as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReissuedVoucher {
    /// The order as it is afterwards, with the new code.
    pub payment: Payment,
    /// The old code, which stops working.
    pub old: VoucherCode,
    /// The message to the guest.
    pub sms: Sms,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_printed_without_its_text() {
        let sms = Sms {
            kind: "voucher".to_owned(),
            text: "K7QMX2PA".to_owned(),
        };

        assert_eq!(format!("{sms:?}"), "Sms(voucher, hidden)");
    }
}

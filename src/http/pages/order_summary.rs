//! The title and first sentence of an order page, by status and by the link that opened it.

use chrono::{DateTime, Utc};

use super::Visitor;
use crate::domain::access::OwnerToken;
use crate::domain::order::{FailureReason, MayReissue, Payment, Status};
use crate::web::format::{masked, until};
use crate::web::text::{Text, fill};

/// Which link opened the page.
#[derive(Clone, Copy)]
pub(super) enum LinkKind<'a> {
    /// The order id, known to the browser that bought.
    OrderId,
    /// The link in the SMS, known to the phone that paid.
    OwnerLink(&'a OwnerToken),
}

impl LinkKind<'_> {
    /// The address of the page.
    pub fn path(&self, order: &Payment) -> String {
        match self {
            Self::OrderId => format!("/order/{}", order.order_id),
            Self::OwnerLink(token) => format!("/v/{}", token.expose()),
        }
    }

    /// What this browser knows the order by.
    pub fn key(&self, order: &Payment) -> String {
        match self {
            Self::OrderId => order.order_id.to_string(),
            Self::OwnerLink(token) => token.expose().to_owned(),
        }
    }

    /// Whether the page shows the code. A replaced code is only shown to the phone that paid, because
    /// another phone may have bought.
    pub fn shows_code(&self, order: &Payment) -> bool {
        self.is_owner() || order.reissued_at.is_none()
    }

    pub fn is_owner(&self) -> bool {
        matches!(self, Self::OwnerLink(_))
    }
}

/// How the page looks: its class in the style sheet.
#[derive(Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub(super) enum Tone {
    Wait,
    Good,
    Bad,
    Calm,
}

/// How the page looks, its title, and its first sentence.
pub(super) fn summary(
    visitor: &Visitor,
    payment: &Payment,
    link: LinkKind<'_>,
    now: DateTime<Utc>,
) -> (Tone, &'static str, String) {
    let (text, order) = (visitor.text, &visitor.text.order);
    let price = text.money(payment.amount);
    let paid = payment.gateway.paid_amount.map(|paid| text.money(paid));
    match payment.status {
        Status::Pending => {
            // Masked: the owner recognises it, and other people with the link must not see it.
            let phone = masked(&payment.phone);
            let lead = fill(&order.pending, &[("price", &price), ("phone", &phone)]);
            (Tone::Wait, &order.pending_title, lead)
        }
        Status::Completed => voucher_summary(visitor, payment, link, now),
        Status::Failed => {
            let why = reason(text, payment.failure_reason);
            (Tone::Bad, &order.failed_title, why.to_owned())
        }
        Status::Cancelled if payment.was_let_go() => {
            (Tone::Calm, &order.cancelled_title, order.let_go.clone())
        }
        Status::Cancelled => (Tone::Bad, &order.cancelled_title, order.cancelled.clone()),
        Status::Expired => (Tone::Bad, &order.expired_title, order.expired.clone()),
        Status::Held => {
            let lead = match paid {
                Some(paid) => fill(&order.held_paid, &[("paid", &paid), ("price", &price)]),
                None => order.held.clone(),
            };
            (Tone::Wait, &order.held_title, lead)
        }
        Status::Refunded if payment.was_sold() => {
            let lead = fill(&order.refunded, &[("paid", &paid.unwrap_or(price))]);
            (Tone::Calm, &order.refunded_title, lead)
        }
        // An operator refused a held order: there was no voucher, and the shop has to pay the money
        // back by hand.
        Status::Refunded => {
            let why = match paid {
                Some(paid) => fill(&order.refused, &[("paid", &paid), ("price", &price)]),
                None => fill(&order.refused_unclear, &[("price", &price)]),
            };
            let whom = match &visitor.api.shop.support_phone {
                Some(phone) => fill(&order.refused_call, &[("phone", phone)]),
                None => order.refused_ask.clone(),
            };
            (Tone::Calm, &order.refused_title, format!("{why} {whom}"))
        }
    }
}

/// The summary of a completed order.
fn voucher_summary(
    visitor: &Visitor,
    payment: &Payment,
    link: LinkKind<'_>,
    now: DateTime<Utc>,
) -> (Tone, &'static str, String) {
    let order = &visitor.text.order;
    let package = visitor.name(&payment.terms);
    match voucher_state(payment, now) {
        VoucherState::Usable if link.shows_code(payment) => {
            let lead = fill(&order.completed, &[("package", &package)]);
            (Tone::Good, &order.completed_title, lead)
        }
        VoucherState::Usable => {
            let lead = match visitor.api.shop.may_reissue {
                MayReissue::Owner => &order.replaced,
                MayReissue::OperatorsOnly => &order.replaced_by_staff,
            };
            (Tone::Calm, &order.replaced_title, lead.clone())
        }
        VoucherState::Ended(at) => {
            let until = until(at, visitor.api.shop.timezone);
            let lead = fill(&order.ended, &[("package", &package), ("until", &until)]);
            (Tone::Calm, &order.ended_title, lead)
        }
        VoucherState::Revoked => (Tone::Calm, &order.revoked_title, order.revoked.clone()),
    }
}

/// Whether the order has a voucher that can still be used, by the data of the order (usage is not
/// read).
pub(super) fn is_usable(payment: &Payment, now: DateTime<Utc>) -> bool {
    payment.status == Status::Completed
        && matches!(voucher_state(payment, now), VoucherState::Usable)
}

/// The state of the voucher of an order, by the data of the order (usage is not read).
pub(super) enum VoucherState {
    Usable,
    Ended(DateTime<Utc>),
    /// Also for an order without a voucher, which does not happen after a sale.
    Revoked,
}

pub(super) fn voucher_state(payment: &Payment, now: DateTime<Utc>) -> VoucherState {
    match &payment.voucher {
        Some(voucher) if voucher.revoked_at.is_none() => match voucher.expires_at {
            Some(at) if at <= now => VoucherState::Ended(at),
            _ => VoucherState::Usable,
        },
        _ => VoucherState::Revoked,
    }
}

/// Why a payment failed, in the guest's language.
fn reason(text: &Text, reason: Option<FailureReason>) -> &str {
    let texts = &text.reason;
    match reason {
        Some(FailureReason::NoFunds) => &texts.balance,
        Some(FailureReason::WrongPin) => &texts.pin,
        Some(FailureReason::Declined) => &texts.declined,
        Some(FailureReason::GatewayRefused) => &texts.not_sent,
        // The others have their own titles, or give no reason that a guest could use.
        Some(
            FailureReason::Expired
            | FailureReason::Cancelled
            | FailureReason::Refunded
            | FailureReason::Underpaid
            | FailureReason::Other,
        )
        | None => &texts.network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::Language;
    use crate::web::text::text;

    #[test]
    fn the_page_says_why_a_payment_failed() {
        let text = text(Language::English);
        for (stored, shown) in [
            (Some(FailureReason::NoFunds), &text.reason.balance),
            (Some(FailureReason::WrongPin), &text.reason.pin),
            (Some(FailureReason::Declined), &text.reason.declined),
            (Some(FailureReason::GatewayRefused), &text.reason.not_sent),
            (Some(FailureReason::Other), &text.reason.network),
            (None, &text.reason.network),
        ] {
            assert_eq!(reason(text, stored), shown, "{stored:?}");
        }
    }
}

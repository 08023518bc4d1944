//! What the page of an order says first, by the status of the order and by the link to the page.

use chrono::{DateTime, Utc};

use super::Visitor;
use crate::domain::access::OwnerToken;
use crate::domain::order::{FailureReason, MayReissue, Payment, Status};
use crate::web::format::{masked, until};
use crate::web::text::{Text, fill};

/// By which link the guest came to the page.
#[derive(Clone, Copy)]
pub(super) enum LinkKind<'a> {
    /// By the order id, which the browser that bought has.
    OrderId,
    /// By the link in the SMS, which the phone that paid has.
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

    /// Whether the page shows the code. A replaced code is shown to the phone that paid alone, for
    /// another one may have bought.
    fn shows_code(&self, order: &Payment) -> bool {
        match self {
            Self::OrderId => order.reissued_at.is_none(),
            Self::OwnerLink(_) => true,
        }
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

/// How the page looks, its title, and what it says first.
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
            // The owner recognises the number by this much; others with the link must not learn it.
            let phone = masked(&payment.phone);
            let lead = fill(&order.pending, &[("price", &price), ("phone", &phone)]);
            (Tone::Wait, &order.pending_title, lead)
        }
        Status::Completed => voucher_summary(visitor, payment, link, now),
        Status::Failed => {
            let why = reason(text, payment.failure_reason);
            (Tone::Bad, &order.failed_title, why.to_owned())
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
        // An operator refused a held order: there was no voucher, and the owner has to pay the money
        // back by hand.
        Status::Refunded => {
            let why = match paid {
                Some(paid) => fill(&order.refused, &[("paid", &paid), ("price", &price)]),
                None => fill(&order.refused_unclear, &[("price", &price)]),
            };
            let whom = match &visitor.shop.support_phone {
                Some(phone) => fill(&order.refused_call, &[("phone", phone)]),
                None => order.refused_ask.clone(),
            };
            (Tone::Calm, &order.refused_title, format!("{why} {whom}"))
        }
    }
}

/// The same of an order that has a voucher.
fn voucher_summary(
    visitor: &Visitor,
    payment: &Payment,
    link: LinkKind<'_>,
    now: DateTime<Utc>,
) -> (Tone, &'static str, String) {
    let order = &visitor.text.order;
    let package = visitor.name(&payment.terms);
    match life(payment, now) {
        Life::Usable if link.shows_code(payment) => {
            let lead = fill(&order.completed, &[("package", &package)]);
            (Tone::Good, &order.completed_title, lead)
        }
        Life::Usable => {
            let lead = match visitor.shop.may_reissue {
                MayReissue::Owner => &order.replaced,
                MayReissue::OperatorsOnly => &order.replaced_by_staff,
            };
            (Tone::Calm, &order.replaced_title, lead.clone())
        }
        Life::Ended(at) => {
            let until = until(at, visitor.shop.timezone);
            let lead = fill(&order.ended, &[("package", &package), ("until", &until)]);
            (Tone::Calm, &order.ended_title, lead)
        }
        Life::Revoked => (Tone::Calm, &order.revoked_title, order.revoked.clone()),
    }
}

/// Whether the order has a voucher that can still be used, as far as the order tells.
pub(super) fn is_usable(payment: &Payment, now: DateTime<Utc>) -> bool {
    payment.status == Status::Completed && matches!(life(payment, now), Life::Usable)
}

/// The state of the voucher of an order, as far as the order tells.
pub(super) enum Life {
    Usable,
    Ended(DateTime<Utc>),
    /// Also without any voucher, which cannot be: a sale and its voucher are committed together.
    Revoked,
}

pub(super) fn life(payment: &Payment, now: DateTime<Utc>) -> Life {
    match &payment.voucher {
        Some(voucher) if voucher.revoked_at.is_none() => match voucher.expires_at {
            Some(at) if at <= now => Life::Ended(at),
            _ => Life::Usable,
        },
        _ => Life::Revoked,
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
        // The others have pages of their own, or mean no more than that it did not work.
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

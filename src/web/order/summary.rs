//! What an order's page says first, by the order's status.

use chrono::{DateTime, Utc};

use super::link::LinkKind;
use crate::domain::order::FailureReason;
use crate::domain::order::payment::{Payment, Status};
use crate::domain::order::reissue::MayReissue;
use crate::web::format;
use crate::web::frame::Frame;
use crate::web::text::{Text, fill};

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
    frame: &Frame,
    payment: &Payment,
    (door, now): (LinkKind<'_>, DateTime<Utc>),
) -> (Tone, &'static str, String) {
    let (text, order) = (frame.text, &frame.text.order);
    let price = format::money(text, payment.amount);
    match payment.status {
        Status::Pending => {
            // The owner knows it by this much. Another person with the link need not learn it.
            let phone = format::masked(&payment.phone);
            let lead = fill(&order.pending, &[("price", &price), ("phone", &phone)]);
            (Tone::Wait, &order.pending_title, lead)
        }
        Status::Completed => voucher_summary(frame, payment, (door, now)),
        Status::Failed => {
            let why = reason(text, payment.failure_reason);
            (Tone::Bad, &order.failed_title, why.to_owned())
        }
        Status::Cancelled => (Tone::Bad, &order.cancelled_title, order.cancelled.clone()),
        Status::Expired => (Tone::Bad, &order.expired_title, order.expired.clone()),
        Status::Held => {
            let lead = match payment.gateway.paid_amount {
                Some(paid) => {
                    let paid = format::money(text, paid);
                    fill(&order.held_paid, &[("paid", &paid), ("price", &price)])
                }
                None => order.held.clone(),
            };
            (Tone::Wait, &order.held_title, lead)
        }
        Status::Refunded if payment.was_sold() => {
            let paid = format::money(text, payment.came_in());
            let lead = fill(&order.refunded, &[("paid", &paid)]);
            (Tone::Calm, &order.refunded_title, lead)
        }
        // An operator did not complete a held order: there never was a voucher, and the money is
        // still to be paid back, by hand.
        Status::Refunded => {
            let why = match payment.gateway.paid_amount {
                Some(paid) => {
                    let paid = format::money(text, paid);
                    fill(&order.refused, &[("paid", &paid), ("price", &price)])
                }
                None => fill(&order.refused_unclear, &[("price", &price)]),
            };
            let whom = match frame.shop.support_phone.as_deref() {
                Some(phone) => fill(&order.refused_call, &[("phone", phone)]),
                None => order.refused_ask.clone(),
            };
            (Tone::Calm, &order.refused_title, format!("{why} {whom}"))
        }
    }
}

/// The same of an order that has a voucher.
fn voucher_summary(
    frame: &Frame,
    payment: &Payment,
    (door, now): (LinkKind<'_>, DateTime<Utc>),
) -> (Tone, &'static str, String) {
    let order = &frame.text.order;
    let package = payment.terms.name(frame.language);
    let expires_at = payment.voucher.as_ref().and_then(|it| it.expires_at);
    let until = expires_at.map(|at| format::until(at, frame.shop.timezone));
    let blanks = [
        ("package", package),
        ("until", until.as_deref().unwrap_or("")),
    ];
    match life(payment, now) {
        Life::Usable if door.shows_code(payment) => {
            let lead = fill(&order.completed, &blanks);
            (Tone::Good, &order.completed_title, lead)
        }
        Life::Usable => {
            let where_it_is = match frame.shop.may_reissue {
                MayReissue::Owner => &order.replaced,
                MayReissue::OperatorsOnly => &order.replaced_by_staff,
            };
            (Tone::Calm, &order.replaced_title, where_it_is.clone())
        }
        Life::Ended => (Tone::Calm, &order.ended_title, fill(&order.ended, &blanks)),
        Life::Revoked => (Tone::Calm, &order.revoked_title, order.revoked.clone()),
    }
}

/// Whether the order has a voucher that may still let in, as far as the order tells.
pub(in crate::web) fn is_usable(payment: &Payment, now: DateTime<Utc>) -> bool {
    payment.status == Status::Completed && matches!(life(payment, now), Life::Usable)
}

/// What an order's voucher is still good for, as far as the order tells.
pub(super) enum Life {
    Usable,
    Ended,
    /// Also without any voucher, which cannot be: COMPLETED is committed together with it.
    Revoked,
}

pub(super) fn life(payment: &Payment, now: DateTime<Utc>) -> Life {
    match &payment.voucher {
        Some(voucher) if voucher.revoked_at.is_some() => Life::Revoked,
        Some(voucher) if voucher.expires_at.is_some_and(|at| at <= now) => Life::Ended,
        Some(_) => Life::Usable,
        None => Life::Revoked,
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
        // The others have pages of their own, or say no more than that it did not work.
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
    use crate::domain::people::language::Language;
    use crate::web::text::text;

    #[test]
    fn the_guest_is_told_why_in_words_that_help() {
        let text = text(Language::English);
        for (stored, told) in [
            (Some(FailureReason::NoFunds), &text.reason.balance),
            (Some(FailureReason::WrongPin), &text.reason.pin),
            (Some(FailureReason::Declined), &text.reason.declined),
            (Some(FailureReason::GatewayRefused), &text.reason.not_sent),
            (Some(FailureReason::Other), &text.reason.network),
            (None, &text.reason.network),
        ] {
            assert_eq!(reason(text, stored), told, "{stored:?}");
        }
    }
}

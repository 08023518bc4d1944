//! Words and sentences for the guest: the API's are those of the pages.

use utoipa::ToSchema;

use crate::domain::order::payment::{Payment, Status};
use crate::domain::people::language::Language;
use crate::web::text::text;

/// Why an order is not sold.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only described")]
pub enum Reason {
    /// The payment was declined.
    Declined,
    /// There was not enough money on the account.
    NoFunds,
    /// The PIN was wrong.
    WrongPin,
    /// Not paid in time.
    Expired,
    /// The guest cancelled the payment.
    Cancelled,
    /// ZenoPay refused the payment request: the phone never rang.
    GatewayRefused,
    /// The owner pays the money back.
    Refunded,
    /// Less than the price was paid.
    Underpaid,
    /// Anything else.
    Other,
}

/// What the guest is told of an order, in one sentence.
pub fn of(payment: &Payment, language: Language) -> &'static str {
    let voucher = payment.voucher.as_ref();
    let is_revoked = voucher.is_some_and(|voucher| voucher.revoked_at.is_some());
    if is_revoked && payment.status == Status::Completed {
        return &text(language).order.revoked;
    }
    if payment.status == Status::Refunded && !payment.was_sold() {
        return &text(language).status.refused;
    }
    if payment.reissued_at.is_some() && payment.status == Status::Completed {
        return &text(language).order.replaced;
    }
    status(payment.status, language)
}

fn status(status: Status, language: Language) -> &'static str {
    let sentences = &text(language).status;
    match status {
        Status::Pending => &sentences.pending,
        Status::Completed => &sentences.completed,
        Status::Failed => &sentences.failed,
        Status::Cancelled => &sentences.cancelled,
        Status::Expired => &sentences.expired,
        Status::Held => &sentences.held,
        Status::Refunded => &sentences.refunded,
    }
}

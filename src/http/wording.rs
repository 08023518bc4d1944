//! Sentences for the guest, in the words of the pages.

use crate::domain::language::Language;
use crate::domain::payment::{Payment, Status};
use crate::web::text::text;

/// What the guest is told of an order, in one sentence.
pub fn of(payment: &Payment, language: Language) -> &'static str {
    let voucher = payment.voucher.as_ref();
    let is_revoked = voucher.is_some_and(|voucher| voucher.revoked_at.is_some());
    if is_revoked && payment.status == Status::Completed {
        return &text(language).order.revoked;
    }
    if payment.reissued_at.is_some() && payment.status == Status::Completed {
        return &text(language).order.replaced;
    }
    status(payment.status, language)
}

/// What the guest is told of a status, in one sentence.
pub fn status(status: Status, language: Language) -> &'static str {
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

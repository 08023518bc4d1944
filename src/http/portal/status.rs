//! What a guest may know of an order: its document and one sentence.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Voucher;
use crate::domain::catalog::{CURRENCY, Terms};
use crate::domain::order::{FailureReason, Payment, Status};
use crate::domain::people::Language;
use crate::domain::rfc3339::rfc3339;
use crate::web::text::text;

/// From this age on a PENDING order is shown with a warning.
const WARN_AFTER_MINUTES: i64 = 2;

/// What a guest may know of an order.
#[derive(Serialize, ToSchema)]
pub struct StatusDocument {
    status: &'static str,
    payment_status: &'static str,
    order_id: String,
    version: i32,
    /// Null also when the code was replaced: only the owner link shows the new one.
    voucher_code: Option<String>,
    voucher_generated: bool,
    /// Whether the code was replaced, from the phone that paid or by an operator.
    code_replaced: bool,
    payment_id: i64,
    package: PackageName,
    amount: i64,
    currency: &'static str,
    created_at: String,
    confirmed_at: Option<String>,
    processed_at: Option<String>,
    expires_at: Option<String>,
    message: &'static str,
    /// Why there was no sale, or why the money goes back; null when PENDING or COMPLETED.
    #[schema(value_type = Option<FailureReason>)]
    failure_reason: Option<&'static str>,
    /// Only in a HELD order: the paid amount in whole TZS; null if ZenoPay reported none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, required = false)]
    paid_amount: Option<Option<i64>>,
    minutes_pending: i64,
    timeout_warning: bool,
}

/// What was bought.
#[derive(Serialize, ToSchema)]
pub struct PackageName {
    code: String,
    name: String,
}

impl PackageName {
    /// The package by its name in this language.
    pub fn of(terms: &Terms, language: Language) -> Self {
        let (code, name) = (terms.code.clone(), terms.name(language).to_owned());
        Self { code, name }
    }
}

/// The document as it is at `now`.
pub fn document(payment: &Payment, language: Language, now: DateTime<Utc>) -> StatusDocument {
    // The code is shown while it can be used: not before the sale, not after a refund, and not when
    // it was revoked.
    let voucher = payment.voucher.as_ref();
    let voucher = voucher
        .filter(|voucher| payment.status == Status::Completed && voucher.revoked_at.is_none());
    // After a reissue, only the owner link shows the code.
    let shown = voucher.filter(|_| payment.reissued_at.is_none());
    let minutes_pending = match payment.status {
        Status::Pending => (now - payment.created_at).num_minutes().max(0),
        _ => 0,
    };
    StatusDocument {
        status: "success",
        payment_status: payment.status.as_str(),
        order_id: payment.order_id.to_string(),
        version: payment.version,
        voucher_code: shown.map(|voucher| voucher.code.as_str().to_owned()),
        voucher_generated: voucher.is_some(),
        code_replaced: payment.reissued_at.is_some(),
        payment_id: payment.id,
        package: PackageName::of(&payment.terms, language),
        amount: payment.amount.0,
        currency: CURRENCY,
        created_at: rfc3339(payment.created_at),
        confirmed_at: payment.confirmed_at.map(rfc3339),
        processed_at: payment.processed_at.map(rfc3339),
        expires_at: voucher.and_then(|voucher| voucher.expires_at).map(rfc3339),
        message: message(payment, language),
        failure_reason: payment.failure_reason.map(FailureReason::as_str),
        paid_amount: (payment.status == Status::Held)
            .then(|| payment.gateway.paid_amount.map(|amount| amount.0)),
        minutes_pending,
        timeout_warning: minutes_pending >= WARN_AFTER_MINUTES,
    }
}

/// One sentence about the order, for the guest.
pub fn message(payment: &Payment, language: Language) -> &'static str {
    let (order, status) = (&text(language).order, &text(language).status);
    let is_revoked = |voucher: &Voucher| voucher.revoked_at.is_some();
    match payment.status {
        Status::Pending => &status.pending,
        Status::Completed if payment.voucher.as_ref().is_some_and(is_revoked) => &order.revoked,
        Status::Completed if payment.reissued_at.is_some() => &order.replaced,
        Status::Completed => &status.completed,
        Status::Failed => &status.failed,
        Status::Cancelled => &status.cancelled,
        Status::Expired => &status.expired,
        Status::Held => &status.held,
        Status::Refunded if !payment.was_sold() => &status.refused,
        Status::Refunded => &status.refunded,
    }
}

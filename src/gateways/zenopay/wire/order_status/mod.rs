//! The answer of order-status: what ZenoPay knows about one order.
//!
//! Documented by ZenoPay: `result` and `resultcode` are about the lookup; only the row's own
//! `payment_status` is about the payment. Seen in the field: nulls while pending, not found
//! for a moment after creation, empty bodies, HTML.
//!
//! # Invariants
//! An answer that does not name our order and a word for its payment is unknown, never "failed".

use serde::Deserialize;

use super::fields::{PaymentFields, Scalar, json_object};
use crate::domain::order::{GatewayReport, OrderId, ReportedStatus};
use crate::http_client::CallError;

/// Characters kept of the top-level reference.
const REFERENCE_CHARS: usize = 128;

/// What ZenoPay answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusAnswer {
    /// It knows the order and says this about its payment.
    Known(GatewayReport),
    /// Nothing is known about the payment. Not paid and not failed: ask again later.
    Unknown(Why),
}

/// Why a call has no result: a sentence that contains nothing of what was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// No answer, or no whole one.
    #[error("ZenoPay {0}")]
    Call(CallError),
    /// 404, or a lookup without any row: also for a moment after creation, and after 30 days.
    #[error("ZenoPay does not know the order")]
    NotFound,
    /// Neither 2xx nor 404.
    #[error("ZenoPay answered {0}")]
    HttpStatus(u16),
    /// Empty, HTML, cut off, or JSON of another kind.
    #[error("ZenoPay's answer is not readable")]
    Unreadable,
    /// There are rows, but none with our order id; a row that gives `order_id` or `payment_status`
    /// twice does not count.
    #[error("ZenoPay's answer is not about this order")]
    NotOurs,
    /// Our order, without a word for its payment.
    #[error("ZenoPay's answer has no payment_status")]
    NoPaymentStatus,
}

/// Reads what order-status answered about `order_id`.
pub fn read_order_status(order_id: OrderId, http_status: u16, body: &[u8]) -> StatusAnswer {
    let report = find_report(order_id, http_status, body);
    report.map_or_else(StatusAnswer::Unknown, StatusAnswer::Known)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lookup {
    reference: Scalar,
    data: Option<Vec<PaymentFields>>,
}

fn find_report(order_id: OrderId, http_status: u16, body: &[u8]) -> Result<GatewayReport, Why> {
    match http_status {
        200..=299 => {}
        404 => return Err(Why::NotFound),
        other => return Err(Why::HttpStatus(other)),
    }
    let lookup: Lookup = json_object(body).ok_or(Why::Unreadable)?;
    let rows = lookup.data.unwrap_or_default();
    if rows.is_empty() {
        return Err(Why::NotFound);
    }

    let mut report = our_report(order_id, &rows)?;
    // With several rows it is not known which of them the reference at the top belongs to.
    if let ([_], None) = (rows.as_slice(), &report.reference) {
        report.reference = lookup.reference.text(REFERENCE_CHARS);
    }
    Ok(report)
}

/// What the rows of our own order say. If there are several, a row that says "paid" decides: money
/// that has moved once has moved.
fn our_report(order_id: OrderId, rows: &[PaymentFields]) -> Result<GatewayReport, Why> {
    let is_ours = |row: &&PaymentFields| !row.ambiguous && row.order_id() == Some(order_id);
    let mut ours = rows.iter().filter(is_ours).peekable();
    ours.peek().ok_or(Why::NotOurs)?;

    let reports: Vec<GatewayReport> = ours.filter_map(PaymentFields::report).collect();
    let paid = reports
        .iter()
        .find(|report| report.word == ReportedStatus::Paid);
    paid.or(reports.first())
        .cloned()
        .ok_or(Why::NoPaymentStatus)
}

#[cfg(test)]
mod tests;

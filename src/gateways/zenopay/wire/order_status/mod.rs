//! The answer of order-status: what ZenoPay knows about one order when asked.
//!
//! Documented by ZenoPay: `result` and `resultcode` are about the lookup; only the row's own
//! `payment_status` is about the payment. Seen in the field: nulls while pending, not found
//! for a moment after creation, empty bodies, HTML.
//!
//! # Invariants
//! An answer that does not name our order and a word for its payment says nothing, and nothing is
//! never "failed".

use serde::{Deserialize, Serialize};

use super::fields::{PaymentFields, Scalar, json_object};
use crate::domain::order::evidence::{GatewayReport, Word};
use crate::domain::order::ids::OrderId;

/// Characters kept of the top-level reference.
const REFERENCE_CHARS: usize = 128;

/// What ZenoPay said when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusAnswer {
    /// It knows the order and says this about its payment.
    Known(GatewayReport),
    /// It said nothing about the payment. Not paid and not failed: ask again later.
    Unknown(Why),
}

/// Why a call told us nothing: a sentence that holds nothing of what was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// No connection could be opened, so nothing was sent.
    #[error("ZenoPay cannot be reached")]
    Unreachable,
    /// Sent, perhaps, and no answer in time.
    #[error("ZenoPay did not answer in time")]
    TimedOut,
    /// The connection broke before the whole answer was here.
    #[error("the connection to ZenoPay broke")]
    Broken,
    /// More than we read.
    #[error("ZenoPay's answer is too large")]
    TooLarge,
    /// 404, or a lookup without any row: also for a moment after creation, and after 30 days.
    #[error("ZenoPay does not know the order")]
    NotFound,
    /// Neither 2xx nor 404.
    #[error("ZenoPay answered {0}")]
    HttpStatus(u16),
    /// Empty, HTML, cut off, or JSON of another kind.
    #[error("ZenoPay's answer is not readable")]
    Unreadable,
    /// Rows, but none with our order id, or one that gives a field twice.
    #[error("ZenoPay's answer is not about this order")]
    NotOurs,
    /// Our order, without a word for its payment.
    #[error("ZenoPay's answer has no payment_status")]
    NoPaymentStatus,
}

/// The answer's body, for the simulated gateway to write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderStatusBody {
    /// The payment's, repeated at the top.
    #[serde(default)]
    pub reference: Option<String>,
    /// Of the lookup: `000`, or `404`.
    pub resultcode: String,
    /// Of the lookup: `SUCCESS` or `FAIL`. Never about the payment.
    pub result: String,
    /// For a person.
    pub message: String,
    /// One row, or none.
    pub data: Vec<OrderStatusRow>,
}

/// What ZenoPay knows about an order. Everything after the word is null while pending.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderStatusRow {
    /// Ours.
    pub order_id: String,
    /// As in `2025-05-19 08:40:33`, without a zone.
    pub creation_date: String,
    /// Whole shillings, as text.
    pub amount: String,
    /// As in `COMPLETED`: the only field that says something about the payment.
    pub payment_status: String,
    /// The mobile-money operator's number.
    pub transid: Option<String>,
    /// As in `MPESA-TZ`.
    pub channel: Option<String>,
    /// ZenoPay's number.
    pub reference: Option<String>,
    /// The phone that paid.
    pub msisdn: Option<String>,
}

impl OrderStatusBody {
    /// The lookup found this row.
    pub fn found(row: OrderStatusRow) -> Self {
        Self {
            reference: row.reference.clone(),
            resultcode: "000".into(),
            result: "SUCCESS".into(),
            message: "Order fetch successful".into(),
            data: vec![row],
        }
    }

    /// The lookup found nothing.
    pub fn not_found(order_id: &str) -> Self {
        Self {
            reference: None,
            resultcode: "404".into(),
            result: "FAIL".into(),
            message: format!("{order_id} not found"),
            data: Vec::new(),
        }
    }
}

/// Reads what order-status answered about `order_id`.
pub fn read_order_status(order_id: OrderId, http_status: u16, body: &[u8]) -> StatusAnswer {
    match find_report(order_id, http_status, body) {
        Ok(report) => StatusAnswer::Known(report),
        Err(why) => StatusAnswer::Unknown(why),
    }
}

#[derive(Deserialize)]
struct Lookup {
    #[serde(default)]
    reference: Scalar,
    #[serde(default)]
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
    // With several rows it is not known whose reference stands at the top.
    if let ([_], None) = (rows.as_slice(), &report.reference) {
        report.reference = lookup.reference.text(REFERENCE_CHARS);
    }
    Ok(report)
}

/// What the rows of our own order say. Should there be several, one that says "paid" is
/// believed: money that has moved once has moved.
fn our_report(order_id: OrderId, rows: &[PaymentFields]) -> Result<GatewayReport, Why> {
    let is_ours = |row: &&PaymentFields| !row.ambiguous && row.names() == Some(order_id);
    let mut ours = rows.iter().filter(is_ours).peekable();
    ours.peek().ok_or(Why::NotOurs)?;

    let reports: Vec<GatewayReport> = ours.filter_map(PaymentFields::report).collect();
    let paid = reports.iter().find(|report| report.word == Word::Paid);
    paid.or(reports.first())
        .cloned()
        .ok_or(Why::NoPaymentStatus)
}

#[cfg(test)]
mod tests;

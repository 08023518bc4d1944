//! The JSON documents of orders.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::domain::catalog::CURRENCY;
use crate::domain::history::{Line, OrderHistory};
use crate::domain::order::{FailureReason, Payment};
use crate::domain::people::{Language, Personal, Visibility};
use crate::http::portal::status::Reason;

/// A page of orders, newest first.
#[derive(Serialize, ToSchema)]
pub struct OrdersDocument {
    /// Masked for all operators.
    pub orders: Vec<OrderRow>,
    /// For the next page; null after the last.
    pub next_cursor: Option<String>,
}

/// One order, and its timeline.
#[derive(Serialize, ToSchema)]
pub struct OrderDocument {
    pub order: OrderDetail,
    /// Oldest line first.
    pub timeline: Vec<TimelineLine>,
}

/// An order in a list.
#[derive(Serialize, ToSchema)]
pub struct OrderRow {
    /// The order's `ref`: the first eight hex digits of its id.
    order: String,
    /// Null for viewers: anyone with it can see the order's voucher.
    order_id: Option<String>,
    /// A `payment_status`, as in `COMPLETED`.
    status: &'static str,
    version: i32,
    phone: String,
    package: OrderedPackage,
    /// The price, in whole TZS.
    amount: i64,
    currency: &'static str,
    /// ZenoPay's number.
    reference: Option<String>,
    /// The mobile-money operator's number.
    transid: Option<String>,
    voucher_code: Option<String>,
    /// Why it is not sold.
    #[schema(value_type = Option<Reason>)]
    failure_reason: Option<&'static str>,
    created_at: String,
    confirmed_at: Option<String>,
    processed_at: Option<String>,
}

/// What was bought.
#[derive(Serialize, ToSchema)]
pub struct OrderedPackage {
    code: String,
    /// By `Accept-Language`.
    name: String,
}

/// One order in full.
#[derive(Serialize, ToSchema)]
pub struct OrderDetail {
    #[serde(flatten)]
    row: OrderRow,
    payment_id: i64,
    /// Whether phones, names and codes are masked, as for a viewer.
    masked: bool,
    customer_name: Option<String>,
    /// `sw` or `en`.
    language: &'static str,
    /// What was paid, if ZenoPay named the amount.
    paid_amount: Option<i64>,
    /// As in `MPESA-TZ`.
    channel: Option<String>,
    payer_msisdn: Option<String>,
    invoice_number: Option<String>,
    voucher: Option<OrderedVoucher>,
    deadline_at: String,
    /// ZenoPay's reason for a refusal; null for a viewer.
    gateway_word: Option<String>,
    /// The operator's reason for a refund or a refusal; null for a viewer.
    operator_reason: Option<String>,
    /// The next status check.
    next_ask_at: Option<String>,
    /// When order-status, and not only a webhook, confirmed the payment.
    gateway_confirmed_at: Option<String>,
}

/// The voucher of an order.
#[derive(Serialize, ToSchema)]
pub struct OrderedVoucher {
    code: String,
    issued_at: String,
    /// Null while a voucher that counts from the first log-in is unused.
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

/// A line of the timeline.
#[derive(Serialize, ToSchema)]
pub struct TimelineLine {
    at: String,
    /// Milliseconds since the line before; null for the first.
    after_ms: Option<i64>,
    /// A stable word, as in `delivery`.
    kind: &'static str,
    /// A sentence; times in it are in the shop's zone.
    summary: String,
    /// The number of its delivery or SMS.
    id: Option<i64>,
}

impl OrderRow {
    /// `visibility` is for phone and code, `ids` for the order id: in lists admins see the id, but
    /// the rest is masked for all operators.
    pub fn of(
        payment: &Payment,
        visibility: Visibility,
        ids: Visibility,
        language: Language,
    ) -> Self {
        let code = payment.voucher.as_ref();
        Self {
            order: payment.order_id.order_ref().to_string(),
            order_id: ids.order_id(payment.order_id),
            status: payment.status.as_str(),
            version: payment.version,
            phone: visibility.phone(payment.phone.international()),
            package: OrderedPackage {
                code: payment.terms.code.clone(),
                name: payment.terms.name(language).to_owned(),
            },
            amount: payment.amount.0,
            currency: CURRENCY,
            reference: payment.gateway.reference.clone(),
            transid: payment.gateway.transid.clone(),
            voucher_code: code.map(|voucher| visibility.code(voucher.code.as_str())),
            failure_reason: payment.failure_reason.map(FailureReason::as_str),
            created_at: rfc3339(payment.created_at),
            confirmed_at: payment.confirmed_at.map(rfc3339),
            processed_at: payment.processed_at.map(rfc3339),
        }
    }
}

impl OrderDetail {
    /// What this visibility shows of an order.
    pub fn of(history: &OrderHistory, visibility: Visibility, language: Language) -> Self {
        let payment = &history.payment;
        let gateway = &payment.gateway;
        let (name, payer) = (&payment.customer_name, &gateway.payer_msisdn);
        Self {
            row: OrderRow::of(payment, visibility, visibility, language),
            payment_id: payment.id,
            masked: visibility == Visibility::Masked,
            customer_name: name.as_ref().map(|name| visibility.name(name.expose())),
            language: payment.language.tag(),
            paid_amount: gateway.paid_amount.map(|amount| amount.0),
            channel: gateway.channel.clone(),
            payer_msisdn: payer.as_ref().map(|payer| visibility.phone(payer.expose())),
            invoice_number: history.invoice.clone(),
            voucher: payment.voucher.as_ref().map(|voucher| OrderedVoucher {
                code: visibility.code(voucher.code.as_str()),
                issued_at: rfc3339(voucher.issued_at),
                expires_at: voucher.expires_at.map(rfc3339),
                revoked_at: voucher.revoked_at.map(rfc3339),
            }),
            gateway_word: visibility.typed(payment.gateway_word.as_deref()),
            operator_reason: visibility
                .typed(payment.operator_reason.as_ref().map(Personal::expose)),
            deadline_at: rfc3339(payment.deadline_at),
            next_ask_at: payment.due_at.map(rfc3339),
            gateway_confirmed_at: history.gateway_confirmed_at.map(rfc3339),
        }
    }
}

impl From<Line> for TimelineLine {
    fn from(line: Line) -> Self {
        Self {
            at: rfc3339(line.at),
            after_ms: line.after_ms,
            kind: line.kind,
            summary: line.summary,
            id: line.id,
        }
    }
}

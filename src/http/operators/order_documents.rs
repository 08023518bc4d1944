//! Orders as operators read them in JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::voucher::Voucher;
use crate::domain::catalog::money::CURRENCY;
use crate::domain::history::{Line, OrderHistory};
use crate::domain::order::FailureReason;
use crate::domain::order::payment::Payment;
use crate::domain::people::Personal;
use crate::domain::people::language::Language;
use crate::domain::people::mask::Visibility;
use crate::domain::people::personal::Personal;
use crate::http::portal::status::{Reason, rfc3339};

/// A page of orders, the newest first.
#[derive(Serialize, ToSchema)]
pub struct OrdersDocument {
    /// Masked for everybody.
    pub orders: Vec<OrderRow>,
    /// For the next page; null after the last.
    pub next_cursor: Option<String>,
}

/// One order, and what happened to it.
#[derive(Serialize, ToSchema)]
pub struct OrderDocument {
    /// What is known of it.
    pub order: OrderFile,
    /// What happened to it, in order.
    pub timeline: Vec<TimelineLine>,
}

/// An order as lists show it.
#[derive(Serialize, ToSchema)]
pub struct OrderRow {
    /// The order's `ref`: the first eight hex digits of its id.
    order: String,
    /// Null for viewers: it opens the order's voucher.
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

/// An order as it is shown alone.
#[derive(Serialize, ToSchema)]
pub struct OrderFile {
    #[serde(flatten)]
    row: OrderRow,
    payment_id: i64,
    /// Whether phones, names and codes are masked, as for a viewer.
    masked: bool,
    customer_name: Option<String>,
    /// `sw` or `en`.
    language: &'static str,
    /// What was paid, if ZenoPay has said so.
    paid_amount: Option<i64>,
    /// As in `MPESA-TZ`.
    channel: Option<String>,
    payer_msisdn: Option<String>,
    invoice_number: Option<String>,
    voucher: Option<OrderedVoucher>,
    deadline_at: String,
    /// What ZenoPay wrote when it refused; null for a viewer.
    gateway_word: Option<String>,
    /// What the operator typed who paid back or refused; null for a viewer.
    operator_reason: Option<String>,
    /// When ZenoPay is asked next.
    next_ask_at: Option<String>,
    /// When order-status, and not only a webhook, said that it was paid.
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
    /// For a person; moments in it are on the shop's clock.
    summary: String,
    /// The delivery or SMS that it tells of.
    id: Option<i64>,
}

impl OrderRow {
    /// What `sight` shows of an order; its id is shown by `ids`, since lists mask the rest for
    /// everybody.
    pub fn of(payment: &Payment, sight: Visibility, ids: Visibility, language: Language) -> Self {
        let code = payment.voucher.as_ref();
        Self {
            order: payment.order_id.order_ref().to_string(),
            order_id: ids.order_id(payment.order_id),
            status: payment.status.as_str(),
            version: payment.version,
            phone: sight.phone(payment.phone.international()),
            package: OrderedPackage {
                code: payment.terms.code.clone(),
                name: payment.terms.name(language).to_owned(),
            },
            amount: payment.amount.0,
            currency: CURRENCY,
            reference: payment.gateway.reference.clone(),
            transid: payment.gateway.transid.clone(),
            voucher_code: code.map(|voucher| sight.code(voucher.code.as_str())),
            failure_reason: payment.failure_reason.map(FailureReason::as_str),
            created_at: rfc3339(payment.created_at),
            confirmed_at: payment.confirmed_at.map(rfc3339),
            processed_at: payment.processed_at.map(rfc3339),
        }
    }
}

impl OrderFile {
    /// What this sight shows of a story's order.
    pub fn of(story: &OrderHistory, sight: Visibility, language: Language) -> Self {
        let payment = &story.payment;
        let gateway = &payment.gateway;
        let (name, payer) = (&payment.customer_name, &gateway.payer_msisdn);
        Self {
            row: OrderRow::of(payment, sight, sight, language),
            payment_id: payment.id,
            masked: sight == Visibility::Masked,
            customer_name: name.as_ref().map(|name| sight.name(name.expose())),
            language: payment.language.tag(),
            paid_amount: gateway.paid_amount.map(|amount| amount.0),
            channel: gateway.channel.clone(),
            payer_msisdn: payer.as_ref().map(|payer| sight.phone(payer.expose())),
            invoice_number: story.invoice.clone(),
            voucher: payment
                .voucher
                .as_ref()
                .map(|voucher| OrderedVoucher::of(voucher, sight)),
            gateway_word: sight.typed(payment.gateway_word.as_deref()),
            operator_reason: sight.typed(payment.operator_reason.as_ref().map(Personal::expose)),
            deadline_at: rfc3339(payment.deadline_at),
            next_ask_at: payment.due_at.map(rfc3339),
            gateway_confirmed_at: story.gateway_confirmed_at.map(rfc3339),
        }
    }
}

impl OrderedVoucher {
    fn of(voucher: &Voucher, sight: Visibility) -> Self {
        Self {
            code: sight.code(voucher.code.as_str()),
            issued_at: rfc3339(voucher.issued_at),
            expires_at: voucher.expires_at.map(rfc3339),
            revoked_at: voucher.revoked_at.map(rfc3339),
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

//! Orders as operators name them, search for them and read them.

use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Answer, Caller, Code, Problem, cursor, cursor_of, filled, limit_of, no_store, rfc3339,
};
use crate::domain::catalog::CURRENCY;
use crate::domain::history::{Line, OrderHistory, narrate};
use crate::domain::order::{FailureReason, OrderId, OrderName, OrderRef, Payment, Status};
use crate::domain::people::{Language, Personal, Role, Visibility};
use crate::domain::search;
use crate::http::portal::status::PackageName;
use crate::store::OrderSearch;

/// Filters, and which page.
#[derive(Deserialize)]
pub struct OrdersQuery {
    q: Option<String>,
    status: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// A page of orders, newest first.
#[derive(Serialize, ToSchema)]
pub struct OrdersDocument {
    /// Masked for all operators.
    orders: Vec<OrderRow>,
    /// For the next page; null after the last.
    next_cursor: Option<String>,
}

/// One order, and its timeline.
#[derive(Serialize, ToSchema)]
pub struct OrderDocument {
    order: OrderDetail,
    /// Oldest line first.
    timeline: Vec<Line>,
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
    /// Its name is by `Accept-Language`.
    package: PackageName,
    /// The price, in whole TZS.
    amount: i64,
    currency: &'static str,
    /// ZenoPay's number.
    reference: Option<String>,
    /// The mobile-money operator's number.
    transid: Option<String>,
    voucher_code: Option<String>,
    /// Why it is not sold.
    #[schema(value_type = Option<FailureReason>)]
    failure_reason: Option<&'static str>,
    created_at: String,
    confirmed_at: Option<String>,
    processed_at: Option<String>,
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

/// Finds orders by any number or code that a guest can read out, newest first; phones and codes are
/// masked.
#[utoipa::path(get, path = "/api/v1/operator/orders", tag = "operator",
    params(
        ("q" = Option<String>, Query, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "Order id or `ref`, phone number in any spelling, for admins also its last four or more digits, voucher code, number of an invoice, ZenoPay's reference or the mobile-money operator's number"),
        ("status" = Option<String>, Query, pattern = "^ *(PENDING|COMPLETED|FAILED|CANCELLED|EXPIRED|HELD|REFUNDED)? *$", description = "`PENDING`, `COMPLETED`, `FAILED`, `CANCELLED`, `EXPIRED`, `HELD` or `REFUNDED`"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Orders per page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of orders", body = OrdersDocument),
        (status = 422, description = "`invalid_query`"),
        (status = 429, description = "`rate_limited`: a viewer's searches have a limit")))]
pub async fn find_orders(query: web::Query<OrdersQuery>, caller: Caller) -> Answer {
    let search = search_of(&query, caller.operator().role)?;
    caller
        .count_search(filled(&query.q).unwrap_or_default())
        .await?;
    let page = caller.api.store.find_orders(search).await?;
    let (ids, language) = (caller.visibility(), caller.language());
    let orders = page.items.iter();
    let orders = orders.map(|payment| OrderRow::of(payment, Visibility::Masked, ids, language));
    Ok(no_store(OrdersDocument {
        orders: orders.collect(),
        next_cursor: page.next.map(cursor),
    }))
}

/// One order and its timeline. An admin sees it whole, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/orders/{order_id}", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "The order, and what happened to it", body = OrderDocument)))]
pub async fn show_order(name: web::Path<String>, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let (history, timeline) = history_of(order_id, &caller).await?;
    Ok(no_store(OrderDocument {
        order: OrderDetail::of(&history, caller.visibility(), caller.language()),
        timeline,
    }))
}

/// An order and its timeline, as this operator sees them. For an admin, the audit log is written
/// first.
///
/// # Errors
/// 404 `order_not_found`.
pub async fn history_of(
    order_id: OrderId,
    caller: &Caller,
) -> Result<(OrderHistory, Vec<Line>), Problem> {
    let store = &caller.api.store;
    let history = store.order_history(order_id).await?;
    let history = history.ok_or(Code::OrderNotFound)?;
    caller.record_unmasking(Some(order_id), "order").await?;
    let (now, zone) = (store.clock().now(), &caller.api.timezone);
    let lines = narrate(&history, caller.visibility(), now, zone);
    Ok((history, lines))
}

/// What a list of orders searches for, from the parameters of its URL.
///
/// # Errors
/// 422 `invalid_query`.
pub fn search_of(query: &OrdersQuery, role: Role) -> Result<OrderSearch, Problem> {
    let keys = match filled(&query.q) {
        Some(text) => search::read(text, role).map_err(|why| Code::InvalidQuery.detail(why))?,
        None => Vec::new(),
    };
    let status = filled(&query.status).map(|word| Status::read(&word.to_ascii_uppercase()));
    if status == Some(None) {
        return Err(Code::InvalidQuery.detail("status is a payment_status, as in HELD"));
    }
    Ok(OrderSearch {
        keys,
        status: status.flatten(),
        before: cursor_of(&query.cursor)?,
        limit: limit_of(&query.limit)?,
    })
}

/// The order that a path names by its id or its `ref`. An id is not looked up.
///
/// # Errors
/// 404 `order_not_found`; 409 `ambiguous_ref` with the candidates, newest first.
pub async fn order_named(text: &str, caller: &Caller) -> Result<OrderId, Problem> {
    Ok(id_of(text, caller).await?.ok_or(Code::OrderNotFound)?)
}

/// The id of the order that a text names by id or by `ref`. `None` if the text is neither, or if no
/// order has that `ref`.
///
/// # Errors
/// 409 `ambiguous_ref` with the candidates, newest first.
pub async fn id_of(text: &str, caller: &Caller) -> Result<Option<OrderId>, Problem> {
    match text.parse() {
        Ok(OrderName::Id(order_id)) => Ok(Some(order_id)),
        Ok(OrderName::Ref(order_ref)) => only_order(order_ref, caller).await,
        Err(_) => Ok(None),
    }
}

async fn only_order(order_ref: OrderRef, caller: &Caller) -> Result<Option<OrderId>, Problem> {
    let found = caller.api.store.orders_of_ref(order_ref).await?;
    if found.len() < 2 {
        return Ok(found.first().map(|only| only.order_id));
    }
    let visibility = caller.visibility();
    let candidate = |payment: &Payment| {
        json!({
            "order": payment.order_id.order_ref().to_string(),
            "order_id": visibility.order_id(payment.order_id),
            "created_at": rfc3339(payment.created_at),
            "package": payment.terms.code,
            "status": payment.status.as_str(),
        })
    };
    let candidates: Vec<Value> = found.iter().map(candidate).collect();
    Err(Code::AmbiguousRef
        .detail(format!(
            "{} orders have the ref {order_ref}: take one by its time and package",
            found.len()
        ))
        .with("candidates", candidates))
}

impl OrderRow {
    /// `visibility` is for phone and code, `ids` for the order id: in lists admins see the id, but
    /// the rest is masked for all operators.
    fn of(payment: &Payment, visibility: Visibility, ids: Visibility, language: Language) -> Self {
        let code = payment.voucher.as_ref();
        Self {
            order: payment.order_id.order_ref().to_string(),
            order_id: ids.order_id(payment.order_id),
            status: payment.status.as_str(),
            version: payment.version,
            phone: visibility.phone(payment.phone.international()),
            package: PackageName::of(&payment.terms, language),
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
    fn of(history: &OrderHistory, visibility: Visibility, language: Language) -> Self {
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
            gateway_word: visibility.free_text(payment.gateway_word.as_deref()),
            operator_reason: visibility
                .free_text(payment.operator_reason.as_ref().map(Personal::expose)),
            deadline_at: rfc3339(payment.deadline_at),
            next_ask_at: payment.due_at.map(rfc3339),
            gateway_confirmed_at: payment.gateway_confirmed_at.map(rfc3339),
        }
    }
}

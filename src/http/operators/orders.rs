//! Orders as operators name them, search for them and read them.

use actix_web::web;
use serde::Deserialize;
use serde_json::{Value, json};

use super::order_documents::{OrderDocument, OrderFile, OrderRow, OrdersDocument, TimelineLine};
use super::schema::{Order, Read};
use super::{
    Answer, Caller, Code, Problem, cursor, cursor_of, fault, filled, fresh, limit_of, rfc3339,
};
use crate::domain::history::{Line, OrderHistory, tell};
use crate::domain::order::{OrderId, OrderName, OrderRef, Payment, Status};
use crate::domain::people::{Role, Visibility};
use crate::domain::search;
use crate::store::OrderSearch;

/// Filters, and which page.
#[derive(Deserialize)]
pub struct OrdersQuery {
    q: Option<String>,
    status: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Finds orders by what a guest reads out, newest first; phones and codes are masked.
#[utoipa::path(get, path = "/api/v1/operator/orders", tag = "operator",
    params(
        ("q" = Option<String>, Query, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "Order id or `ref`, phone number in any spelling, for admins also its last four or more digits, voucher code, number of an invoice, ZenoPay's reference or the mobile-money operator's number"),
        ("status" = Option<String>, Query, pattern = "^ *(PENDING|COMPLETED|FAILED|CANCELLED|EXPIRED|HELD|REFUNDED)? *$", description = "`PENDING`, `COMPLETED`, `FAILED`, `CANCELLED`, `EXPIRED`, `HELD` or `REFUNDED`"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Orders a page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of orders", body = OrdersDocument),
        (status = 422, description = "`invalid_query`"),
        Read))]
pub async fn find_orders(query: web::Query<OrdersQuery>, caller: Caller) -> Answer {
    let search = search_of(&query, caller.operator().role)?;
    let page = caller.api.store.find_orders(search).await?;
    let (ids, language) = (caller.visibility(), caller.language());
    let orders = page.items.iter();
    let orders = orders.map(|payment| OrderRow::of(payment, Visibility::Masked, ids, language));
    Ok(fresh(OrdersDocument {
        orders: orders.collect(),
        next_cursor: page.next.map(cursor),
    }))
}

/// One order and its timeline. An admin sees it whole, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/orders/{order_id}", tag = "operator",
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "The order, and what happened to it", body = OrderDocument),
        (status = 409, description = "`ambiguous_ref`"),
        Order, Read))]
pub async fn show_order(name: web::Path<String>, caller: Caller) -> Answer {
    let order_id = order_named(&name, &caller).await?;
    let (history, lines) = history_of(order_id, &caller).await?;
    Ok(fresh(OrderDocument {
        order: OrderFile::of(&history, caller.visibility(), caller.language()),
        timeline: lines.into_iter().map(TimelineLine::from).collect(),
    }))
}

/// An order and its timeline, as this operator sees them. If that is unmasked, the audit log has a
/// line first.
///
/// # Errors
/// 404 `order_not_found`.
pub async fn history_of(
    order_id: OrderId,
    caller: &Caller,
) -> Result<(OrderHistory, Vec<Line>), Problem> {
    let store = &caller.api.store;
    let history = store.order_history(order_id).await?;
    let history = history.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    caller.record_unmasking(Some(order_id), "order").await?;
    let (now, zone) = (store.clock().now(), &caller.api.timezone);
    let lines = tell(&history, caller.visibility(), now, zone);
    Ok((history, lines))
}

/// What a list of orders searches for, from the parameters of its URL.
///
/// # Errors
/// 422 `invalid_query`.
pub fn search_of(query: &OrdersQuery, role: Role) -> Result<OrderSearch, Problem> {
    let keys = filled(&query.q)
        .map(|text| search::read(text, role).map_err(|why| fault(&why.to_string())))
        .transpose()?;
    let status = filled(&query.status)
        .map(|word| {
            Status::read(&word.to_ascii_uppercase())
                .ok_or_else(|| fault("status is a payment_status, as in HELD"))
        })
        .transpose()?;
    Ok(OrderSearch {
        keys: keys.unwrap_or_default(),
        status,
        before: cursor_of(&query.cursor)?,
        limit: limit_of(&query.limit)?,
    })
}

/// The order that a path names by its id or its `ref`. An id is not looked up.
///
/// # Errors
/// 404 `order_not_found`; 409 `ambiguous_ref` with the candidates, newest first.
pub async fn order_named(text: &str, caller: &Caller) -> Result<OrderId, Problem> {
    let order_id = id_of(text, caller).await?;
    order_id.ok_or_else(|| Problem::new(Code::OrderNotFound))
}

/// The order id that a text is, or that it names by its `ref`.
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
    Err(Problem::new(Code::AmbiguousRef)
        .detail(format!(
            "{} orders have the ref {order_ref}: take one by its time and package",
            found.len()
        ))
        .with("candidates", candidates))
}

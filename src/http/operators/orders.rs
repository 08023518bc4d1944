//! Find an order, and read what happened to it.

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::order_documents::{OrderDocument, OrderFile, OrderRow, OrdersDocument, TimelineLine};
use super::order_name::order_named;
use super::responses::{Order, Read};
use super::{cursor, cursor_of, fault, fresh, limit_of, said};
use crate::domain::history::{Line, OrderHistory, tell};
use crate::domain::order::ids::OrderId;
use crate::domain::order::payment::Status;
use crate::domain::people::mask::Visibility;
use crate::domain::people::operator::Operator;
use crate::domain::search;
use crate::http::auth::Caller;
use crate::http::problem::{Code, Problem};
use crate::store::OrderSearch;

/// What to look for.
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
pub async fn find_orders(
    query: web::Query<OrdersQuery>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let search = search_of(&query, caller.operator())?;
    let page = caller.api.store.find_orders(search).await?;
    let (ids, language) = (caller.sight(), caller.language());
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
pub async fn show_order(name: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let order_id = order_named(&name, &caller).await?;
    let (story, lines) = story_of(order_id, &caller).await?;
    Ok(fresh(OrderDocument {
        order: OrderFile::of(&story, caller.sight(), caller.language()),
        timeline: lines.into_iter().map(TimelineLine::from).collect(),
    }))
}

/// An order and its timeline, as this operator sees it; that an admin sees it whole is recorded
/// first.
///
/// # Errors
/// 404 `order_not_found`.
pub async fn story_of(
    order_id: OrderId,
    caller: &Caller,
) -> Result<(OrderHistory, Vec<Line>), Problem> {
    let story = caller.api.store.story(order_id).await?;
    let story = story.ok_or_else(|| Problem::new(Code::OrderNotFound))?;
    caller.reveal(Some(order_id), "order").await?;
    let now = caller.api.store.clock().now();
    let lines = tell(&story, caller.sight(), now, &caller.api.timezone);
    Ok((story, lines))
}

fn search_of(query: &OrdersQuery, operator: &Operator) -> Result<OrderSearch, Problem> {
    let keys = match said(query.q.as_ref()) {
        Some(text) => search::read(text, operator.role).map_err(|why| fault(&why.to_string()))?,
        None => Vec::new(),
    };
    let status = match said(query.status.as_ref()) {
        Some(word) => Some(
            Status::read(&word.to_ascii_uppercase())
                .ok_or_else(|| fault("status is a payment_status, as in HELD"))?,
        ),
        None => None,
    };
    Ok(OrderSearch {
        keys,
        status,
        before: cursor_of(query.cursor.as_ref())?,
        limit: limit_of(query.limit.as_ref())?,
    })
}

//! Find an order, and read what happened to it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::order_documents::{OrderDocument, OrderFile, OrderRow, OrdersDocument, TimelineLine};
use super::order_name::order_named;
use super::{cursor, cursor_of, fault, limit_of, said};
use crate::domain::history::tell;
use crate::domain::order::payment::Status;
use crate::domain::people::mask::Sight;
use crate::domain::people::operator::Operator;
use crate::domain::search;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::request::language;
use crate::store::{OrderSearch, Reveal};

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
    security(("operator" = [])),
    params(
        ("q" = Option<String>, Query, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "Order id or `ref`, phone number in any spelling, for admins also its last four or more digits, voucher code, number of an invoice, ZenoPay's reference or the mobile-money operator's number"),
        ("status" = Option<String>, Query, pattern = "^ *(PENDING|COMPLETED|FAILED|CANCELLED|EXPIRED|HELD|REFUNDED)? *$", description = "`PENDING`, `COMPLETED`, `FAILED`, `CANCELLED`, `EXPIRED`, `HELD` or `REFUNDED`"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Orders a page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of orders", body = OrdersDocument),
        (status = 401, description = "`unauthorized`"),
        (status = 422, description = "`invalid_query`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn find_orders(
    request: HttpRequest,
    query: web::Query<OrdersQuery>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let page = api.store.find_orders(search_of(&query, &operator)?).await?;
    let ids = Sight::of(operator.role);
    let language = language(request.headers());
    let orders = page
        .items
        .iter()
        .map(|payment| OrderRow::of(payment, Sight::Masked, ids, language));
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(OrdersDocument {
            orders: orders.collect(),
            next_cursor: page.next.map(cursor),
        }))
}

/// One order and its timeline. An admin sees it whole, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/orders/{order_id}", tag = "operator",
    security(("operator" = [])),
    params(("order_id" = String, Path, description = "The order's id or its `ref`")),
    responses(
        (status = 200, description = "The order, and what happened to it", body = OrderDocument),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`order_not_found`"),
        (status = 409, description = "`ambiguous_ref`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn show_order(
    request: HttpRequest,
    order_id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Code::OrderNotFound);
    let order_id = order_named(&api, &operator, &order_id).await?;
    let story = api.store.story(order_id).await?.ok_or_else(not_found)?;
    let sight = Sight::of(operator.role);
    if sight == Sight::Whole {
        let reveal = Reveal {
            operator: operator.into_inner().name,
            order_id: Some(order_id),
            subject: "order".to_owned(),
        };
        api.store.record_reveal(reveal).await?;
    }
    let lines = tell(&story, sight, api.store.clock().now(), &api.timezone);
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(OrderDocument {
            order: OrderFile::of(&story, sight, language(request.headers())),
            timeline: lines.into_iter().map(TimelineLine::from).collect(),
        }))
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

//! Find an order, and read what happened to it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{cursor, cursor_of, fault, limit_of, said};
use crate::domain::ids::OrderId;
use crate::domain::language::Language;
use crate::domain::mask::{Mask, Sight};
use crate::domain::money::CURRENCY;
use crate::domain::operator::Operator;
use crate::domain::payment::{Payment, Status};
use crate::domain::search;
use crate::domain::timeline::{Line, Story, tell};
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::request::language;
use crate::http::status::rfc3339;
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
        ("q" = Option<String>, Query, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "Order id, whole phone number in any spelling, voucher code, ZenoPay's reference or the mobile-money operator's number"),
        ("status" = Option<String>, Query, pattern = "^ *(PENDING|COMPLETED|FAILED|CANCELLED|EXPIRED|HELD|REFUNDED)? *$", description = "`PENDING`, `COMPLETED`, `FAILED`, `CANCELLED`, `EXPIRED`, `HELD` or `REFUNDED`"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Orders a page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "`{\"orders\":[…],\"next_cursor\":null}`", body = serde_json::Value),
        (status = 401, description = "`unauthorized`"),
        (status = 422, description = "`invalid_query`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn find_orders(
    request: HttpRequest,
    query: web::Query<OrdersQuery>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let page = api.store.find_orders(search_of(&query)?).await?;
    let language = language(request.headers());
    let orders = page
        .items
        .iter()
        .map(|payment| row(payment, Sight::Masked, language));
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "orders": orders.collect::<Vec<_>>(),
            "next_cursor": page.next.map(cursor),
        })))
}

/// One order and its timeline. An admin sees it whole, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/orders/{order_id}", tag = "operator",
    security(("operator" = [])),
    params(("order_id" = String, Path)),
    responses(
        (status = 200, description = "`{\"order\":{…},\"timeline\":[{\"at\",\"after_ms\",\"kind\",\"summary\",\"id\"}]}`", body = serde_json::Value),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`order_not_found`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn show_order(
    request: HttpRequest,
    order_id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Code::OrderNotFound);
    let order_id: OrderId = order_id.parse().map_err(|_| not_found())?;
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
    let lines = tell(&story, sight, Utc::now());
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "order": detail(&story, sight, language(request.headers())),
            "timeline": lines.iter().map(line).collect::<Vec<_>>(),
        })))
}

fn search_of(query: &OrdersQuery) -> Result<OrderSearch, Problem> {
    let keys = match said(query.q.as_ref()) {
        Some(text) => search::read(text).map_err(|why| fault(&why.to_string()))?,
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

/// An order as lists show it.
fn row(payment: &Payment, sight: Sight, language: Language) -> Value {
    let code = payment
        .voucher
        .as_ref()
        .map(|voucher| voucher.code.as_str());
    json!({
        "order_id": payment.order_id.to_string(),
        "status": payment.status.as_str(),
        "version": payment.version,
        "phone": sight.phone(payment.phone.international()),
        "package": {"code": payment.terms.code, "name": payment.terms.name(language)},
        "amount": payment.amount.0,
        "currency": CURRENCY,
        "reference": payment.gateway.reference,
        "transid": payment.gateway.transid,
        "voucher_code": code.map(|code| sight.code(code)),
        "failure_reason": payment
            .failure_reason
            .as_ref()
            .map(|reason| Mask::of(sight, payment).text(reason)),
        "created_at": rfc3339(payment.created_at),
        "confirmed_at": payment.confirmed_at.map(rfc3339),
        "processed_at": payment.processed_at.map(rfc3339),
    })
}

/// An order as it is shown alone.
fn detail(story: &Story, sight: Sight, language: Language) -> Value {
    let payment = &story.payment;
    let voucher = payment.voucher.as_ref();
    let mut shown = row(payment, sight, language);
    let more = json!({
        "payment_id": payment.id,
        "masked": sight == Sight::Masked,
        "customer_name": payment.customer_name.as_ref().map(|name| sight.name(name.expose())),
        "language": payment.language.tag(),
        "paid_amount": payment.gateway.paid_amount.map(|amount| amount.0),
        "channel": payment.gateway.channel,
        "payer_msisdn": payment
            .gateway
            .payer_msisdn
            .as_ref()
            .map(|payer| sight.phone(payer.expose())),
        "invoice_number": story.invoice,
        "voucher": voucher.map(|voucher| json!({
            "code": sight.code(voucher.code.as_str()),
            "issued_at": rfc3339(voucher.issued_at),
            "expires_at": voucher.expires_at.map(rfc3339),
            "revoked_at": voucher.revoked_at.map(rfc3339),
        })),
        "deadline_at": rfc3339(payment.deadline_at),
        "next_ask_at": payment.due_at.map(rfc3339),
        "gateway_confirmed_at": story.gateway_confirmed_at.map(rfc3339),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

fn line(line: &Line) -> Value {
    json!({
        "at": rfc3339(line.at),
        "after_ms": line.after_ms,
        "kind": line.kind,
        "summary": line.summary,
        "id": line.id,
    })
}

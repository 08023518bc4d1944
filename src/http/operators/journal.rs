//! The journal: what ZenoPay told us, and what it meant.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{cursor, cursor_of, fault, limit_of, said};
use crate::domain::ids::OrderId;
use crate::domain::mask::Sight;
use crate::domain::operator::Operator;
use crate::domain::outcome::Outcome;
use crate::http::Api;
use crate::http::problem::{Code, Problem};
use crate::http::status::rfc3339;
use crate::store::{JournalRow, JournalSearch, Reveal};

/// No order id that a sender claims is longer and worth a look.
const ORDER_ID_MAX: usize = 200;

/// What to look for.
#[derive(Deserialize)]
pub struct JournalQuery {
    outcome: Option<String>,
    order_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// The journal of deliveries, newest first.
#[utoipa::path(get, path = "/api/v1/operator/webhooks", tag = "operator",
    security(("operator" = [])),
    params(
        ("outcome" = Option<String>, Query, pattern = "^ *(completed|duplicate|stale|failed|cancelled|pending|held|unconfirmed|unknown_order|malformed|error)? *$", description = "As in `held` or `unknown_order`"),
        ("order_id" = Option<String>, Query, max_length = 200, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "As the sender named it"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Deliveries a page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "`{\"webhooks\":[…],\"next_cursor\":null}`", body = serde_json::Value),
        (status = 401, description = "`unauthorized`"),
        (status = 422, description = "`invalid_query`"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn list_webhooks(
    query: web::Query<JournalQuery>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let page = api.store.read_journal(search_of(&query)?).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "webhooks": page.items.iter().map(row).collect::<Vec<_>>(),
            "next_cursor": page.next.map(cursor),
        })))
}

/// One delivery. An admin also sees its body, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/webhooks/{id}", tag = "operator",
    security(("operator" = [])),
    params(("id" = i64, Path, description = "Its number in the journal")),
    responses(
        (status = 200, description = "The delivery; `body` and `body_hex` for admins alone", body = serde_json::Value),
        (status = 401, description = "`unauthorized`"),
        (status = 404, description = "`not_found`: the journal has no such number"),
        (status = 503, description = "`unavailable`, `stopping`")))]
pub async fn show_webhook(
    id: web::Path<String>,
    operator: web::ReqData<Operator>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Code::NotFound).detail("the journal has no such number");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let found = api.store.journalled(id).await?.ok_or_else(not_found)?;
    let mut shown = row(&found);
    shown["reference"] = json!(found.reference);
    shown["amount"] = json!(found.amount);
    shown["content_type"] = json!(found.content_type);
    if Sight::of(operator.role) == Sight::Whole {
        let reveal = Reveal {
            operator: operator.into_inner().name,
            order_id: order_of(&found),
            subject: format!("webhook {id}"),
        };
        api.store.record_reveal(reveal).await?;
        let body = api.store.journalled_body(id).await?.unwrap_or_default();
        // What is no text is still evidence.
        shown["body_hex"] = match std::str::from_utf8(&body) {
            Ok(_) => Value::Null,
            Err(_) => json!(hexadecimal(&body)),
        };
        shown["body"] = json!(String::from_utf8(body).ok());
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(shown))
}

fn search_of(query: &JournalQuery) -> Result<JournalSearch, Problem> {
    let outcome = match said(query.outcome.as_ref()) {
        Some(word) => {
            Some(Outcome::read(word).ok_or_else(|| fault("outcome is a word as in held"))?)
        }
        None => None,
    };
    let order_id = match said(query.order_id.as_ref()) {
        Some(text) if text.chars().count() > ORDER_ID_MAX || text.chars().any(char::is_control) => {
            return Err(fault("order_id is not one that a sender could have named"));
        }
        // Orders of ours are spelled in one way in the journal.
        Some(text) => Some(match text.parse::<OrderId>() {
            Ok(order_id) => order_id.to_string(),
            Err(_) => text.to_owned(),
        }),
        None => None,
    };
    Ok(JournalSearch {
        outcome,
        order_id,
        before: cursor_of(query.cursor.as_ref())?,
        limit: limit_of(query.limit.as_ref())?,
    })
}

/// A delivery as lists show it.
fn row(row: &JournalRow) -> Value {
    json!({
        "id": row.id,
        "order_id": row.order_id,
        "outcome": row.outcome,
        "proof": row.proof,
        "source": row.source,
        "word": row.word,
        "received_at": rfc3339(row.received_at),
        "processing_ms": row.processing_ms,
    })
}

fn order_of(row: &JournalRow) -> Option<OrderId> {
    row.order_id.as_deref()?.parse().ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! The journal: what ZenoPay told us, and what it meant.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order_name::only_order;
use super::responses::Read;
use super::{cursor, cursor_of, fault, fresh, limit_of, said};
use crate::domain::order::ids::{OrderId, OrderName};
use crate::domain::order::outcome::Outcome;
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::portal::status::rfc3339;
use crate::http::problem::{Code, Problem};
use crate::store::{JournalRow, JournalSearch};

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

/// A page of deliveries, the newest first.
#[derive(Serialize, ToSchema)]
pub struct WebhooksDocument {
    webhooks: Vec<WebhookRow>,
    /// For the next page; null after the last.
    next_cursor: Option<String>,
}

/// A delivery as lists show it.
#[derive(Serialize, ToSchema)]
pub struct WebhookRow {
    /// Its number in the journal.
    id: i64,
    /// The `ref`, if the sender named an order as we name ours.
    order: Option<String>,
    /// As the sender named it; null for viewers.
    order_id: Option<String>,
    outcome: String,
    /// Why it was believed; null if it was not.
    proof: Option<String>,
    /// What brought it, as in `webhook` or `replay`.
    source: Option<String>,
    /// ZenoPay's word.
    word: Option<String>,
    received_at: String,
    /// Until just before the commit.
    processing_ms: f64,
}

/// A delivery as it is shown alone.
#[derive(Serialize, ToSchema)]
pub struct WebhookFile {
    #[serde(flatten)]
    row: WebhookRow,
    /// ZenoPay's number.
    reference: Option<String>,
    /// In whole TZS, if told.
    amount: Option<i64>,
    content_type: Option<String>,
    #[serde(flatten)]
    body: Option<SeenBody>,
}

/// What was sent; for admins alone.
#[derive(Serialize, ToSchema)]
pub struct SeenBody {
    /// Null if it is no text.
    body: Option<String>,
    /// What is no text, byte by byte.
    body_hex: Option<String>,
}

impl WebhookRow {
    fn of(row: &JournalRow, sight: Visibility) -> Self {
        Self {
            id: row.id,
            order: order_of(row).map(|order_id| order_id.order_ref().to_string()),
            order_id: match sight {
                Visibility::Whole => row.order_id.clone(),
                Visibility::Masked => None,
            },
            outcome: row.outcome.clone(),
            proof: row.proof.clone(),
            source: row.source.clone(),
            word: row.word.clone(),
            received_at: rfc3339(row.received_at),
            processing_ms: row.processing_ms,
        }
    }
}

impl SeenBody {
    /// What is no text is still evidence.
    fn of(body: Vec<u8>) -> Self {
        match String::from_utf8(body) {
            Ok(text) => Self {
                body: Some(text),
                body_hex: None,
            },
            Err(error) => Self {
                body: None,
                body_hex: Some(hexadecimal(error.as_bytes())),
            },
        }
    }
}

/// The journal of deliveries, newest first.
#[utoipa::path(get, path = "/api/v1/operator/webhooks", tag = "operator",
    params(
        ("outcome" = Option<String>, Query, pattern = "^ *(completed|duplicate|stale|failed|cancelled|pending|held|unconfirmed|unknown_order|malformed|error)? *$", description = "As in `held` or `unknown_order`"),
        ("order_id" = Option<String>, Query, max_length = 200, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "As the sender named it; of an order of ours also the `ref`"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Deliveries a page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of deliveries", body = WebhooksDocument),
        (status = 409, description = "`ambiguous_ref`"),
        (status = 422, description = "`invalid_query`"),
        Read))]
pub async fn list_webhooks(
    query: web::Query<JournalQuery>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let search = search_of(&query, &caller).await?;
    let page = caller.api.store.read_journal(search).await?;
    let rows = page.items.iter();
    Ok(fresh(WebhooksDocument {
        webhooks: rows
            .map(|row| WebhookRow::of(row, caller.sight()))
            .collect(),
        next_cursor: page.next.map(cursor),
    }))
}

/// One delivery. An admin also sees its body, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/webhooks/{id}", tag = "operator",
    params(("id" = i64, Path, description = "Its number in the journal")),
    responses(
        (status = 200, description = "The delivery; `body` and `body_hex` for admins alone", body = WebhookFile),
        (status = 404, description = "`not_found`: the journal has no such number"),
        Read))]
pub async fn show_webhook(id: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let row = journalled(&id, &caller).await?;
    let body = body_of(&row, &caller).await?;
    Ok(fresh(WebhookFile {
        row: WebhookRow::of(&row, caller.sight()),
        reference: row.reference,
        amount: row.amount,
        content_type: row.content_type,
        body: body.map(SeenBody::of),
    }))
}

/// The delivery of that number in the journal.
///
/// # Errors
/// 404 `not_found`.
pub async fn journalled(id: &str, caller: &Caller) -> Result<JournalRow, Problem> {
    let not_found = || Problem::new(Code::NotFound).detail("the journal has no such number");
    let id = id.parse().map_err(|_| not_found())?;
    let row = caller.api.store.journalled(id).await?;
    row.ok_or_else(not_found)
}

/// The body of a delivery, which only admins see; that one does is recorded first.
///
/// # Errors
/// If the database cannot be read, or the audit log not written.
pub async fn body_of(row: &JournalRow, caller: &Caller) -> Result<Option<Vec<u8>>, Problem> {
    if caller.sight() == Visibility::Masked {
        return Ok(None);
    }
    let subject = format!("webhook {}", row.id);
    caller.reveal(order_of(row), &subject).await?;
    let body = caller.api.store.journalled_body(row.id).await?;
    Ok(Some(body.unwrap_or_default()))
}

async fn search_of(query: &JournalQuery, caller: &Caller) -> Result<JournalSearch, Problem> {
    let outcome = match said(query.outcome.as_ref()) {
        Some(word) => {
            Some(Outcome::of_delivery(word).ok_or_else(|| fault("outcome is a word as in held"))?)
        }
        None => None,
    };
    let order_id = match said(query.order_id.as_ref()) {
        Some(text) if text.chars().count() > ORDER_ID_MAX || text.chars().any(char::is_control) => {
            return Err(fault("order_id is not one that a sender could have named"));
        }
        Some(text) => Some(as_journalled(text, caller).await?),
        None => None,
    };
    Ok(JournalSearch {
        outcome,
        order_id,
        before: cursor_of(query.cursor.as_ref())?,
        limit: limit_of(query.limit.as_ref())?,
    })
}

/// As the journal has it: orders of ours are spelled in one way there, and a `ref` is looked up.
///
/// # Errors
/// 409 `ambiguous_ref`.
pub async fn as_journalled(text: &str, caller: &Caller) -> Result<String, Problem> {
    let named = match text.parse() {
        Ok(OrderName::Id(order_id)) => Some(order_id),
        Ok(OrderName::Ref(order_ref)) => only_order(order_ref, caller).await?,
        Err(_) => None,
    };
    Ok(named.map_or_else(|| text.to_owned(), |order_id| order_id.to_string()))
}

/// The order of ours that a delivery can be about.
pub fn order_of(row: &JournalRow) -> Option<OrderId> {
    row.order_id.as_deref()?.parse().ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

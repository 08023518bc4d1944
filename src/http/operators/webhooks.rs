//! The journal of deliveries: what ZenoPay sent, and the outcome of each.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orders::id_of;
use super::{Answer, Caller, Code, Problem, cursor, cursor_of, filled, limit_of, no_store};
use crate::domain::order::{OrderId, Outcome};
use crate::domain::people::Visibility;
use crate::store::{JournalRow, JournalSearch};

/// Characters of an order id in a filter; no order id is longer.
const ORDER_ID_MAX: usize = 200;

/// Filters, and which page.
#[derive(Deserialize)]
pub struct JournalQuery {
    outcome: Option<String>,
    order_id: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Serialize, ToSchema)]
pub struct WebhooksDocument {
    webhooks: Vec<WebhookRow>,
    /// For the next page; null after the last.
    next_cursor: Option<String>,
}

/// A delivery in a list.
#[derive(Serialize, ToSchema)]
pub struct WebhookRow {
    /// The `ref`, if the sender named an order id.
    order: Option<String>,
    /// For viewers its `order_id` is null.
    #[serde(flatten)]
    row: JournalRow,
}

/// One delivery in full.
#[derive(Serialize, ToSchema)]
pub struct WebhookDetail {
    #[serde(flatten)]
    row: WebhookRow,
    /// ZenoPay's reference number.
    reference: Option<String>,
    /// In whole TZS, if the sender named it.
    amount: Option<i64>,
    content_type: Option<String>,
    #[serde(flatten)]
    body: Option<WebhookBody>,
}

/// The body as sent; for admins only.
#[derive(Serialize, ToSchema)]
pub struct WebhookBody {
    /// Null if it is not UTF-8; empty if it was deleted.
    body: Option<String>,
    /// The bytes in hex, if it is not UTF-8.
    body_hex: Option<String>,
}

impl WebhookRow {
    fn of(mut row: JournalRow, visibility: Visibility) -> Self {
        let order = order_of(&row).map(|order_id| order_id.order_ref().to_string());
        row.order_id = visibility.free_text(row.order_id.as_deref());
        Self { order, row }
    }
}

impl From<Vec<u8>> for WebhookBody {
    fn from(body: Vec<u8>) -> Self {
        let (body, body_hex) = match String::from_utf8(body) {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(hex::encode(error.as_bytes()))),
        };
        Self { body, body_hex }
    }
}

/// The journal of deliveries, newest first.
#[utoipa::path(get, path = "/api/v1/operator/webhooks", tag = "operator",
    params(
        ("outcome" = Option<String>, Query, pattern = "^ *(completed|duplicate|stale|failed|cancelled|pending|held|unconfirmed|unknown_order|malformed|error)? *$", description = "As in `held` or `unknown_order`"),
        ("order_id" = Option<String>, Query, max_length = 200, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", description = "As the sender named it; of an order of ours also the `ref`"),
        ("limit" = Option<u64>, Query, minimum = 1, description = "Deliveries per page; 50, at most 200"),
        ("cursor" = Option<String>, Query, pattern = "^ *(c[1-9a-f][0-9a-f]{0,14})? *$", description = "`next_cursor` of the page before")),
    responses(
        (status = 200, description = "A page of deliveries", body = WebhooksDocument),
        (status = 409, description = "`ambiguous_ref`"),
        (status = 422, description = "`invalid_query`")))]
pub async fn list_webhooks(query: web::Query<JournalQuery>, caller: Caller) -> Answer {
    let search = search_of(&query, &caller).await?;
    let page = caller.api.store.read_journal(search).await?;
    let visibility = caller.visibility();
    let rows = page.items.into_iter();
    Ok(no_store(WebhooksDocument {
        webhooks: rows.map(|row| WebhookRow::of(row, visibility)).collect(),
        next_cursor: page.next.map(cursor),
    }))
}

/// One delivery. An admin also sees its body, which is audited.
#[utoipa::path(get, path = "/api/v1/operator/webhooks/{id}", tag = "operator",
    params(("id" = i64, Path, description = "Its number in the journal")),
    responses(
        (status = 200, description = "The delivery; `body` and `body_hex` for admins alone", body = WebhookDetail),
        (status = 404, description = "`not_found`: the journal has no such number")))]
pub async fn show_webhook(id: web::Path<String>, caller: Caller) -> Answer {
    let row = journalled(&id, &caller).await?;
    let body = body_of(&row, &caller).await?;
    Ok(no_store(WebhookDetail {
        reference: row.reference.clone(),
        amount: row.amount,
        content_type: row.content_type.clone(),
        body: body.map(WebhookBody::from),
        row: WebhookRow::of(row, caller.visibility()),
    }))
}

/// The delivery with this number in the journal.
///
/// # Errors
/// 404 `not_found`.
pub async fn journalled(id: &str, caller: &Caller) -> Result<JournalRow, Problem> {
    let not_found = || Code::NotFound.detail("the journal has no such number");
    let id = id.parse().map_err(|_| not_found())?;
    let row = caller.api.store.journalled(id).await?;
    row.ok_or_else(not_found)
}

/// The body of a delivery, for admins only; empty if it was deleted. The audit log is written
/// before the body is read.
///
/// # Errors
/// If the database cannot be read, or the audit log cannot be written.
pub async fn body_of(row: &JournalRow, caller: &Caller) -> Result<Option<Vec<u8>>, Problem> {
    if caller.visibility() == Visibility::Masked {
        return Ok(None);
    }
    let subject = format!("webhook {}", row.id);
    caller.record_unmasking(order_of(row), &subject).await?;
    let body = caller.api.store.journalled_body(row.id).await?;
    Ok(Some(body.unwrap_or_default()))
}

/// What a list of deliveries searches for, from the parameters of its URL.
///
/// # Errors
/// 422 `invalid_query`; 409 `ambiguous_ref`.
pub async fn search_of(query: &JournalQuery, caller: &Caller) -> Result<JournalSearch, Problem> {
    let outcome = match filled(&query.outcome).map(Outcome::of_delivery) {
        Some(None) => {
            return Err(Code::InvalidQuery.detail("outcome must be one word, such as held"));
        }
        outcome => outcome.flatten(),
    };
    let order_id = match filled(&query.order_id) {
        Some(text) if text.chars().count() > ORDER_ID_MAX || text.chars().any(char::is_control) => {
            let detail = "order_id is too long or has control characters";
            return Err(Code::InvalidQuery.detail(detail));
        }
        Some(text) => Some(as_journalled(text, caller).await?),
        None => None,
    };
    Ok(JournalSearch {
        outcome,
        order_id,
        before: cursor_of(&query.cursor)?,
        limit: limit_of(&query.limit)?,
    })
}

/// Converts an order id or `ref` to the spelling in the journal; other text stays as it is.
///
/// # Errors
/// 409 `ambiguous_ref`.
async fn as_journalled(text: &str, caller: &Caller) -> Result<String, Problem> {
    let named = id_of(text, caller).await?;
    Ok(named.map_or_else(|| text.to_owned(), |order_id| order_id.to_string()))
}

/// The order id that a delivery names, if it can be one of ours.
pub fn order_of(row: &JournalRow) -> Option<OrderId> {
    row.order_id.as_deref()?.parse().ok()
}

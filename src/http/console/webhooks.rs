//! The journal of deliveries: what ZenoPay sent, and the outcome of each.

use actix_web::web;
use askama::Template;

use super::act::Act;
use super::format::{millis, money};
use super::{Caller, Page, PageContext, Section, next_page, refused, search_fault, shown};
use crate::domain::order::{OrderId, Outcome};
use crate::domain::people::Visibility;
use crate::http::operators::webhooks::{JournalQuery, body_of, journalled, order_of, search_of};
use crate::store::{JournalRow, JournalSearch};

/// Deliveries per page.
const PAGE: u64 = 50;
/// Characters of a sender's order id on a page; the rest is cut off.
const NAME_MAX: usize = 36;

/// A page of the journal.
#[derive(Template)]
#[template(path = "console/webhooks.html")]
struct WebhooksPage {
    context: PageContext,
    outcome: Option<Outcome>,
    order_id: String,
    rows: Vec<JournalRow>,
    next: Option<String>,
    /// Why the filter is invalid.
    fault: Option<String>,
}

impl WebhooksPage {
    fn order(&self, row: &JournalRow) -> String {
        sender_named(row.order_id.as_deref(), self.context.visibility())
    }
}

/// One delivery, with its body for admins.
#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage {
    context: PageContext,
    /// As the sender named the order.
    order: String,
    row: JournalRow,
    body: Option<String>,
}

/// A page of the journal, newest first.
pub async fn list(query: web::Query<JournalQuery>, caller: Caller) -> Page {
    let mut page = WebhooksPage {
        context: PageContext::of(&caller, Section::Webhooks).await,
        outcome: Outcome::of_delivery(&caller.parameter("outcome")),
        order_id: caller.parameter("order_id"),
        rows: Vec::new(),
        next: None,
        fault: None,
    };
    let search = match search_of(&query, &caller).await {
        Ok(search) => JournalSearch {
            limit: PAGE,
            ..search
        },
        Err(problem) => {
            page.fault = Some(search_fault(problem)?);
            return Ok(refused(&page));
        }
    };
    let found = caller.api.store.read_journal(search).await?;
    let filters = [
        ("outcome", page.outcome.map_or("", Outcome::as_str)),
        ("order_id", page.order_id.as_str()),
    ];
    page.next = next_page(Section::Webhooks, &filters, found.next);
    page.rows = found.items;
    Ok(shown(&page))
}

/// One delivery.
pub async fn show(id: web::Path<String>, caller: Caller) -> Page {
    let row = journalled(&id, &caller).await?;
    let body = body_of(&row, &caller).await?;
    Ok(shown(&WebhookPage {
        context: PageContext::of(&caller, Section::Webhooks).await,
        order: sender_named(row.order_id.as_deref(), caller.visibility()),
        row,
        body: body.map(readable),
    }))
}

/// The order id of a webhook, for display: its `ref` if it is a valid id. Other text is external, so
/// viewers do not see it.
pub fn sender_named(named: Option<&str>, visibility: Visibility) -> String {
    let order_id: Option<OrderId> = named.and_then(|text| text.parse().ok());
    match (order_id, named, visibility) {
        (Some(order_id), _, _) => order_id.order_ref().to_string(),
        (None, Some(text), Visibility::Whole) => text.chars().take(NAME_MAX).collect(),
        (None, Some(_), Visibility::Masked) | (None, None, _) => "–".to_owned(),
    }
}

/// The colour of an outcome.
fn tone(row: &JournalRow) -> &'static str {
    match row.outcome.as_str() {
        "completed" => "good",
        "duplicate" | "stale" | "failed" | "cancelled" | "pending" => "quiet",
        "held" | "unconfirmed" | "unknown_order" => "watch",
        _ => "wrong",
    }
}

/// A body as sent, or its bytes in hex if it is not UTF-8.
fn readable(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap_or_else(|error| hex::encode(error.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_body_is_shown_as_sent_or_in_hex_if_it_is_not_utf8() {
        assert_eq!(readable(b"{\"a\": 1}".to_vec()), "{\"a\": 1}");
        assert_eq!(readable(vec![0xff, 0x00]), "ff00");
    }
}

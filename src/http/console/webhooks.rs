//! The journal of deliveries: what ZenoPay sent, and what each delivery meant.

use actix_web::web;
use askama::Template;

use super::acts::Act;
use super::format::filters;
use super::{Caller, Page, PageContext, Section, next_page, shown};
use crate::domain::order::{OrderId, Outcome};
use crate::domain::people::Visibility;
use crate::http::operators::webhooks::{
    ORDER_ID_MAX, as_journalled, body_of, journalled, order_of,
};
use crate::store::{JournalRow, JournalSearch};

/// Deliveries a page.
const PAGE: u64 = 50;
/// Characters of a sender's order id in a table.
const NAME_MAX: usize = 36;

/// A page of the journal.
#[derive(Template)]
#[template(path = "console/webhooks.html")]
struct WebhooksPage {
    context: PageContext,
    visibility: Visibility,
    outcome: Option<Outcome>,
    order_id: String,
    rows: Vec<JournalRow>,
    next: Option<String>,
}

impl WebhooksPage {
    fn order(&self, row: &JournalRow) -> String {
        sender_named(row.order_id.as_deref(), self.visibility)
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
pub async fn list(caller: Caller) -> Page {
    let outcome = Outcome::of_delivery(&caller.parameter("outcome"));
    let order_id = caller.parameter("order_id");
    let fits = order_id.len() <= ORDER_ID_MAX && !order_id.chars().any(char::is_control);
    let spelled = as_journalled(&order_id, &caller).await?;
    let search = JournalSearch {
        outcome,
        order_id: (fits && !spelled.is_empty()).then_some(spelled),
        before: caller.parameter("before").parse().ok(),
        limit: PAGE,
    };
    let page = caller.api.store.read_journal(search).await?;
    let filters = [
        ("outcome", outcome.map_or("", Outcome::as_str)),
        ("order_id", order_id.as_str()),
    ];
    let next = next_page(Section::Webhooks, &filters, page.next);
    Ok(shown(&WebhooksPage {
        context: PageContext::of(&caller, Section::Webhooks).await,
        visibility: caller.visibility(),
        outcome,
        order_id,
        rows: page.items,
        next,
    }))
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

/// The order that a sender named, in a list: by its `ref` if it can be one of ours. Anything else is
/// text from outside, which viewers do not see.
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
    String::from_utf8(body).unwrap_or_else(|error| {
        let bytes = error.as_bytes().iter().map(|byte| format!("{byte:02x}"));
        bytes.collect::<Vec<_>>().join(" ")
    })
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn a_body_is_shown_as_sent_or_in_hex_if_it_is_not_utf8() {
        assert_eq!(readable(b"{\"a\": 1}".to_vec()), "{\"a\": 1}");
        assert_eq!(readable(vec![0xff, 0x00]), "ff 00");
    }
}

//! The journal: what ZenoPay told us, and what it meant.

use actix_web::{HttpResponse, web};
use askama::Template;

use super::{PageContext, Section, address, filters, shown};
use crate::domain::order::ids::OrderId;
use crate::domain::order::outcome::Outcome;
use crate::domain::people::mask::Visibility;
use crate::http::auth::Caller;
use crate::http::console::acts::Act;
use crate::http::operators::journal::{as_journalled, body_of, journalled, order_of};
use crate::http::problem::Problem;
use crate::store::{JournalRow, JournalSearch};

/// Deliveries a page.
const PAGE: u64 = 50;
/// Characters of what a sender named that a table has room for.
const NAME_MAX: usize = 36;
/// No order id that a sender claims is longer and worth a look.
const ORDER_ID_MAX: usize = 200;

/// A page of the journal.
#[derive(Template)]
#[template(path = "console/deliveries.html")]
struct DeliveriesPage {
    desk: PageContext,
    sight: Visibility,
    outcome: Option<Outcome>,
    order_id: String,
    rows: Vec<JournalRow>,
    next: Option<String>,
}

impl DeliveriesPage {
    fn order(&self, row: &JournalRow) -> String {
        sender_named(row.order_id.as_deref(), self.sight)
    }
}

/// One delivery, with its body for those who may see it.
#[derive(Template)]
#[template(path = "console/delivery.html")]
struct DeliveryPage {
    desk: PageContext,
    /// As the sender named the order.
    order: String,
    row: JournalRow,
    body: Option<String>,
}

/// A page of the journal, newest first.
pub async fn list(caller: Caller) -> Result<HttpResponse, Problem> {
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
    let next = page.next.map(|id| {
        let parameters = [
            ("outcome", outcome.map_or("", Outcome::as_str)),
            ("order_id", order_id.as_str()),
            ("before", &id.to_string()),
        ];
        address(Section::Deliveries.href(), &parameters)
    });
    Ok(shown(&DeliveriesPage {
        desk: PageContext::of(&caller, Section::Deliveries).await,
        sight: caller.sight(),
        outcome,
        order_id,
        rows: page.items,
        next,
    }))
}

/// One delivery; its body for admins alone.
pub async fn show(id: web::Path<String>, caller: Caller) -> Result<HttpResponse, Problem> {
    let row = journalled(&id, &caller).await?;
    let body = body_of(&row, &caller).await?;
    Ok(shown(&DeliveryPage {
        desk: PageContext::of(&caller, Section::Deliveries).await,
        order: sender_named(row.order_id.as_deref(), caller.sight()),
        row,
        body: body.map(readable),
    }))
}

/// How a list names the order that a sender named: one that can be ours by its `ref`. Anything
/// else is text from outside, which viewers do not see.
pub fn sender_named(named: Option<&str>, sight: Visibility) -> String {
    let order_id: Option<OrderId> = named.and_then(|text| text.parse().ok());
    match (order_id, named, sight) {
        (Some(order_id), _, _) => order_id.order_ref().to_string(),
        (None, Some(text), Visibility::Whole) => text.chars().take(NAME_MAX).collect(),
        (None, Some(_), Visibility::Masked) | (None, None, _) => "–".to_owned(),
    }
}

/// How an outcome looks.
fn tone(row: &JournalRow) -> &'static str {
    match Outcome::of_delivery(&row.outcome) {
        Some(Outcome::Completed) => "good",
        Some(Outcome::Held | Outcome::Unconfirmed | Outcome::UnknownOrder) => "watch",
        Some(Outcome::Malformed | Outcome::Error) | None => "wrong",
        Some(
            Outcome::Duplicate
            | Outcome::Stale
            | Outcome::Failed
            | Outcome::Cancelled
            | Outcome::Pending
            // Of acts and of the deadline, which no delivery brings.
            | Outcome::Refunded
            | Outcome::Revoked
            | Outcome::Released
            | Outcome::Refused
            | Outcome::Reissued
            | Outcome::Expired,
        ) => "quiet",
    }
}

/// As sent; what is no text is shown byte by byte, for it is still evidence.
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
    fn a_body_is_shown_as_sent_and_bytes_where_it_is_no_text() {
        assert_eq!(readable(b"{\"a\": 1}".to_vec()), "{\"a\": 1}");
        assert_eq!(readable(vec![0xff, 0x00]), "ff 00");
    }
}

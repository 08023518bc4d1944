//! The journal: what ZenoPay told us, and what it meant.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{address, answer, desk, done, parameter, sight};
use crate::domain::order::ids::OrderId;
use crate::domain::order::outcome::Outcome;
use crate::domain::people::mask::Sight;
use crate::http::Api;
use crate::http::auth::Visitor;
use crate::http::operators::journal::as_journalled;
use crate::http::problem::{Code, Problem};
use crate::store::{JournalRow, JournalSearch, Reveal};
use crate::web::console::{DeliveriesPage, Delivery, DeliveryPage, Moment, Section, millis, money};

/// Deliveries a page.
const PAGE: u64 = 50;
/// Where the journal begins.
const PATH: &str = "/operator/deliveries";
/// Characters of what a sender named that a table has room for.
const NAME_MAX: usize = 36;
/// No order id that a sender claims is longer and worth a look.
const ORDER_ID_MAX: usize = 200;

/// A page of the journal, newest first.
pub async fn list(
    request: HttpRequest,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let outcome = Outcome::of_delivery(&parameter(&request, "outcome"));
    let order_id = parameter(&request, "order_id");
    let fits = order_id.len() <= ORDER_ID_MAX && !order_id.chars().any(char::is_control);
    let spelled = as_journalled(&order_id, &visitor.operator, &api).await?;
    let search = JournalSearch {
        outcome,
        order_id: (fits && !spelled.is_empty()).then_some(spelled),
        before: parameter(&request, "before").parse().ok(),
        limit: PAGE,
    };
    let page = api.store.read_journal(search).await?;
    let word = outcome.map_or("", Outcome::as_str);
    let next = page.next.map(|id| {
        let before = id.to_string();
        address(
            PATH,
            &[
                ("outcome", word),
                ("order_id", &order_id),
                ("before", &before),
            ],
        )
    });
    let sight = sight(&visitor);
    let rows = page
        .items
        .iter()
        .map(|row| delivery(row, sight, &api))
        .collect();
    let desk = desk(&api, &visitor, Section::Deliveries).await;
    let page = DeliveriesPage::new(desk, outcome, order_id, rows, next);
    Ok(answer(StatusCode::OK, &page))
}

/// One delivery; its body for admins alone, which is audited first.
pub async fn show(
    request: HttpRequest,
    id: web::Path<String>,
    visitor: web::ReqData<Visitor>,
    api: web::Data<Api>,
) -> Result<HttpResponse, Problem> {
    let not_found =
        || Problem::new(Code::NotFound).detail("The journal has no delivery of that number.");
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let found = api.store.journalled(id).await?.ok_or_else(not_found)?;
    let body = match sight(&visitor) {
        Sight::Masked => None,
        Sight::Whole => {
            let reveal = Reveal {
                operator: visitor.operator.name.clone(),
                order_id: found.order_id.as_deref().and_then(|text| text.parse().ok()),
                subject: format!("webhook {id}"),
            };
            api.store.record_reveal(reveal).await?;
            api.store.journalled_body(id).await?.map(readable)
        }
    };
    let mut desk = desk(&api, &visitor, Section::Deliveries).await;
    desk.done = done(&parameter(&request, "done"));
    let page = DeliveryPage::new(
        desk,
        delivery(&found, sight(&visitor), &api),
        found.content_type,
        body,
    );
    Ok(answer(StatusCode::OK, &page))
}

/// How a list names the order that a sender named: one that can be ours by its `ref`. Anything
/// else is text from outside, which viewers do not see.
pub(super) fn sender_named(named: Option<&str>, sight: Sight) -> String {
    let order_id: Option<OrderId> = named.and_then(|text| text.parse().ok());
    match (order_id, named, sight) {
        (Some(order_id), _, _) => order_id.order_ref().to_string(),
        (None, Some(text), Sight::Whole) => text.chars().take(NAME_MAX).collect(),
        (None, Some(_), Sight::Masked) | (None, None, _) => "–".to_owned(),
    }
}

fn delivery(row: &JournalRow, sight: Sight, api: &Api) -> Delivery {
    let order_id: Option<OrderId> = row.order_id.as_deref().and_then(|text| text.parse().ok());
    Delivery {
        id: row.id,
        at: Moment::new(row.received_at, api.shop.timezone),
        outcome: row.outcome.clone(),
        word: row.word.clone(),
        proof: row.proof.clone(),
        source: row.source.clone().unwrap_or_else(|| "webhook".to_owned()),
        order: sender_named(row.order_id.as_deref(), sight),
        order_href: order_id.map(|it| format!("/operator/orders/{}", it.order_ref())),
        reference: row.reference.clone(),
        amount: row.amount.map(money),
        took: millis(row.processing_ms),
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
